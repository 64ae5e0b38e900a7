"""The rest of the family: each loss against an independent computation, and what its one change does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats
from sklearn.mixture import GaussianMixture

from vae_helpers import losses
from vae_helpers.family import CapacityVAE, ContinuousBernoulliVAE, GaussianVAE, VampPriorVAE
from vae_helpers.models import MMDVAE, VAE, InfoVAE

pytestmark = pytest.mark.usefixtures("seeded")

MODELS = [CapacityVAE, VampPriorVAE, ContinuousBernoulliVAE, GaussianVAE]
every_model = pytest.mark.parametrize("build", MODELS)


def fix_noise(model, noise):
    model.noise_like = lambda z: tf.constant(noise, tf.float32)


def posterior(model, batch):
    mean, logvar = np.split(model.encoder(batch).numpy().astype("float64"), 2, axis=1)
    return mean, np.exp(logvar / 2)


def set_up(build, images, **settings):
    """A model with moderate weights, a batch, and what its terms are made of, computed by hand."""
    model = build(**settings)
    model.compile()
    batch, noise = images[:40], np.random.default_rng(1).standard_normal((40, 2))
    fix_noise(model, noise)
    mean, spread = posterior(model, batch)
    z = mean + spread * noise
    decoded = model.decoder(z.astype("float32")).numpy().astype("float64")
    return model, batch, mean, spread, z, decoded


def bernoulli(batch, logits):
    p = special.expit(logits)
    return (special.xlogy(batch, p) + special.xlog1py(1 - batch, -p)).sum(axis=(1, 2, 3))


def standard_divergence(z, mean, spread):
    return (stats.norm.logpdf(z, mean, spread) - stats.norm.logpdf(z)).sum(axis=1).mean()


# ---- growing capacity ------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "expected"), [(0, 0.0), (30, 3.0), (100, 10.0), (500, 10.0)])
def test_capacity_grows_to_its_end_and_stays_there(images, step, expected):
    model, batch, mean, spread, _, decoded = set_up(CapacityVAE, images, gamma=7.0, steps=100)
    model.step.assign(step)
    kl = 0.5 * (mean**2 + spread**2 - 1 - 2 * np.log(spread)).sum(axis=1).mean()
    terms = model.loss_terms(batch)
    assert float(terms["divergence"]) == pytest.approx(7 * abs(kl - expected), rel=1e-4)
    assert float(terms["reconstruction"]) == pytest.approx(
        -bernoulli(batch, decoded).mean(), rel=1e-5
    )


def test_capacity_has_no_beta():
    with pytest.raises(TypeError, match="beta"):
        CapacityVAE(beta=0.1)


def test_only_training_lets_the_capacity_grow(images):
    model = CapacityVAE(steps=10)
    model.compile(keras.optimizers.Adam(1e-3))
    model.evaluate(images, batch_size=50, verbose=0)
    assert float(model.step) == 0
    model.fit(images, batch_size=50, epochs=3, verbose=0)
    assert float(model.step) == 15


def test_the_capacity_grows_once_a_step_and_not_when_loss_terms_are_called_by_hand(images):
    model = CapacityVAE(steps=10)
    model.loss_terms(images[:10], training=True)
    assert float(model.step) == 0


@pytest.mark.slow
def test_training_brings_the_kl_to_the_capacity(images):
    model = CapacityVAE(gamma=50.0, capacity=3.0, steps=100)
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(images, batch_size=25, epochs=30, verbose=0).history
    assert history["capacity"][-1] == pytest.approx(3.0)
    assert history["kl"][-1] == pytest.approx(3.0, abs=0.5)


# ---- VampPrior -------------------------------------------------------------------------------


def mixture_of(model):
    """scikit-learn's mixture with the model's clouds of pseudo-inputs for its parts."""
    mean, spread = posterior(model, model.pseudo_images())
    mixture = GaussianMixture(len(mean), covariance_type="diag")
    mixture.weights_ = np.full(len(mean), 1 / len(mean))
    mixture.means_, mixture.covariances_ = mean, spread**2
    mixture.precisions_cholesky_ = 1 / spread
    return mixture


@pytest.mark.parametrize(("pseudo_inputs", "beta"), [(1, 1.0), (7, 0.5)])
def test_the_vamp_priors_density_is_scikit_learns_mixture(images, pseudo_inputs, beta):
    model, batch, mean, spread, z, decoded = set_up(
        VampPriorVAE, images, pseudo_inputs=pseudo_inputs, beta=beta
    )
    logpz = mixture_of(model).score_samples(z)
    np.testing.assert_allclose(model.log_prior(tf.constant(z, tf.float32)), logpz, rtol=1e-4)
    logqz_x = stats.norm.logpdf(z, mean, spread).sum(axis=1)
    terms = model.loss_terms(batch)
    assert float(terms["divergence"]) == pytest.approx(beta * (logqz_x - logpz).mean(), rel=1e-3)
    assert float(terms["reconstruction"]) == pytest.approx(
        -bernoulli(batch, decoded).mean(), rel=1e-5
    )


def test_pseudo_inputs_are_images_and_learn(images):
    model = VampPriorVAE(pseudo_inputs=5)
    model.compile(keras.optimizers.Adam(1e-2))
    before = model.pseudo_images().numpy()
    assert before.shape == (5, 28, 28, 1)
    assert before.min() >= 0
    assert before.max() <= 1
    model.fit(images, batch_size=50, verbose=0)
    assert np.abs(model.pseudo_images().numpy() - before).max() > 0.01


def test_vamp_prior_samples_come_from_the_learned_prior(monkeypatch):
    model = VampPriorVAE(pseudo_inputs=4)
    # Clouds far apart, so that draws of N(0, I) could not be mistaken for them.
    kernel, bias = model.encoder.layers[-1].get_weights()
    model.encoder.layers[-1].set_weights([200 * kernel, bias + [30, -20, 0, 0]])
    drawn = model.draw_prior(4000, np.random.default_rng(0))
    mixture = mixture_of(model)
    np.testing.assert_allclose(
        drawn.mean(axis=0), mixture.means_.mean(axis=0),
        atol=5 * drawn.std() / np.sqrt(4000),
    )  # fmt: skip
    entropy = mixture.score_samples(mixture.sample(4000)[0]).mean()
    assert mixture.score_samples(drawn).mean() == pytest.approx(entropy, abs=0.2)
    seen = []
    monkeypatch.setattr(model, "decode", seen.append)
    model.sample(4000, seed=0)
    np.testing.assert_array_equal(seen[0], drawn)


def test_each_cloud_of_the_vamp_prior_is_drawn_from_equally_often():
    """Clouds that lie twenty apart, each around a hundred times its pseudo-input's grey."""
    to_code = keras.layers.Dense(2)
    encoder = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.GlobalAveragePooling2D(), to_code]
    )
    to_code.set_weights([np.array([[100.0, 0.0]]), np.zeros(2)])
    model = VampPriorVAE(latent_dim=1, pseudo_inputs=4, encoder=encoder)
    greys = np.array([0.2, 0.4, 0.6, 0.8])
    logits = special.logit(greys).reshape(4, 1, 1, 1) + np.zeros((4, 28, 28, 1))
    model.pseudo_logits.assign(logits)
    drawn = model.draw_prior(4000, np.random.default_rng(0))[:, 0]
    nearest = np.abs(drawn[:, None] - 100 * greys).argmin(axis=1)
    assert np.bincount(nearest, minlength=4) == pytest.approx(1000, abs=5 * 27.4)


# ---- likelihoods -----------------------------------------------------------------------------


@pytest.mark.parametrize("logit", [-30.0, -3.0, -0.2, -0.05, 0.05, 0.4, 2.0, 25.0])
def test_the_continuous_bernoulli_is_scipys_truncated_exponential(logit):
    exponential = stats.truncexpon(b=abs(logit), scale=1 / abs(logit))
    grey = np.linspace(0, 1, 11)
    expected = exponential.logpdf(grey if logit < 0 else 1 - grey)
    images = tf.constant(grey.reshape(-1, 1, 1, 1), tf.float32)
    found = losses.continuous_bernoulli_loglik(images, tf.fill(images.shape, logit))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
    mean = exponential.mean() if logit < 0 else 1 - exponential.mean()
    assert float(losses.continuous_bernoulli_mean(tf.constant(logit))) == pytest.approx(
        mean, abs=1e-5
    )


@pytest.mark.parametrize("logit", [0.0, -4.0])
def test_the_continuous_bernoulli_integrates_to_one_and_the_bernoulli_does_not(logit):
    def density(loglik):
        def at(x):
            return float(
                np.exp(loglik(tf.fill((1, 1, 1, 1), float(x)), tf.fill((1, 1, 1, 1), logit))[0])
            )

        return integrate.quad(at, 0, 1, limit=20, epsabs=1e-4)[0]

    assert density(losses.continuous_bernoulli_loglik) == pytest.approx(1, abs=1e-3)
    assert density(losses.bernoulli_loglik) < 0.51


def test_the_continuous_bernoulli_has_a_finite_gradient_everywhere():
    logits = tf.constant([-200.0, -0.1, -1e-20, 0.0, 1e-20, 0.1, 200.0])[:, None, None, None]
    images = tf.fill(logits.shape, 0.3)
    for function in (
        lambda x: losses.continuous_bernoulli_loglik(images, x),
        losses.continuous_bernoulli_mean,
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = function(logits)
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, logits)).all()


def test_the_continuous_bernoulli_vaes_terms_and_pictures(images):
    model, batch, mean, spread, z, logits = set_up(ContinuousBernoulliVAE, images, beta=0.5)
    log_c = np.log(logits / np.tanh(logits / 2)).sum(axis=(1, 2, 3))
    terms = model.loss_terms(batch)
    assert float(terms["reconstruction"]) == pytest.approx(
        -(bernoulli(batch, logits) + log_c).mean(), abs=1e-3
    )
    assert float(terms["divergence"]) == pytest.approx(
        0.5 * standard_divergence(z, mean, spread), rel=1e-4
    )
    expected = -1 / np.expm1(-logits) - 1 / logits
    far_from_0 = np.abs(logits) > 1e-9  # nearer, the difference above has no digits left
    np.testing.assert_allclose(model.decode(z)[far_from_0], expected[far_from_0], atol=1e-5)


def test_gaussian_loglik_is_scipys_log_density(images):
    means, logvar = images[40:80], -1.3
    expected = stats.norm.logpdf(images[:40], means, np.exp(logvar / 2)).sum(axis=(1, 2, 3))
    found = losses.gaussian_loglik(images[:40], means, tf.constant(logvar))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_gaussian_vaes_terms_and_its_variance(images):
    model, batch, mean, spread, z, means = set_up(GaussianVAE, images, beta=0.5)
    sigma = np.exp(float(model.pixel_logvar) / 2)
    assert sigma**2 == pytest.approx(0.05)
    terms = model.loss_terms(batch)
    expected = -stats.norm.logpdf(batch, means, sigma).sum(axis=(1, 2, 3)).mean()
    assert float(terms["reconstruction"]) == pytest.approx(expected, rel=1e-5)
    assert float(terms["divergence"]) == pytest.approx(
        0.5 * standard_divergence(z, mean, spread), rel=1e-4
    )


@pytest.mark.slow
def test_the_gaussian_vae_learns_the_variance_of_what_its_decoder_misses(images):
    model = GaussianVAE()
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(images, batch_size=50, epochs=60, verbose=0)
    missed = np.mean((images - model.predict(images, verbose=0)) ** 2)
    assert np.exp(float(model.pixel_logvar)) == pytest.approx(missed, rel=0.1)


# ---- as any model of the book ----------------------------------------------------------------


@pytest.mark.slow
@every_model
def test_training_lowers_the_loss_and_the_loss_is_the_sum_of_its_terms(build, images):
    model = build()
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(images, batch_size=50, epochs=3, verbose=0).history
    assert set(history) == {"loss", *build.summands, *build.reported}
    np.testing.assert_allclose(
        history["loss"], np.add(history["reconstruction"], history["divergence"]), rtol=1e-4
    )
    assert history["loss"][-1] < history["loss"][0]


@every_model
def test_a_saved_model_comes_back_as_it_was(build, images, tmp_path):
    model = build()
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(images, batch_size=50, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (VAE, {"latent_dim": 3, "beta": 0.25}),
        (MMDVAE, {"latent_dim": 3, "mmd_weight": 7.0, "kernel": (0.5, 2.0)}),
        (
            InfoVAE,
            {"alpha": 0.5, "lambda_": 3.0, "likelihood": "squared_error", "kernel": "imq"},
        ),
        (CapacityVAE, {"gamma": 5.0, "capacity": 3.0, "steps": 70}),
        (VampPriorVAE, {"pseudo_inputs": 7, "beta": 0.25}),
        (ContinuousBernoulliVAE, {"beta": 0.25}),
        (GaussianVAE, {"beta": 0.25}),
    ],
)
def test_what_a_model_was_made_with_survives_a_file(build, settings, tmp_path):
    build(**settings).save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found = {name: getattr(again, name, None) for name in settings}
    if "pseudo_inputs" in settings:  # kept as so many images
        found["pseudo_inputs"] = len(again.pseudo_images())
    assert found == settings


@every_model
def test_pictures_lie_in_zero_to_one_even_far_outside(build):
    pictures = build().decode([[0, 0], [1000, -1000]])
    assert pictures.min() >= 0
    assert pictures.max() <= 1


@pytest.mark.slow
@every_model
def test_a_model_works_with_eight_latent_dimensions(build, images):
    model = build(latent_dim=8)
    model.compile()
    assert np.isfinite(model.fit(images, verbose=0).history["loss"]).all()
    assert model.sample(4).shape == (4, 28, 28, 1)


def test_networks_are_those_of_the_vae():
    for build in MODELS:
        model = build()
        assert model.encoder.count_params() == VAE().encoder.count_params()
        assert model.decoder.count_params() == VAE().decoder.count_params()


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (CapacityVAE, {"gamma": -1}, "gamma must be a finite number of at least 0"),
        (CapacityVAE, {"capacity": -0.1}, "capacity must be a finite number of at least 0"),
        (CapacityVAE, {"steps": 0}, "steps must be a whole number of at least 1"),
        (VampPriorVAE, {"pseudo_inputs": 0}, "pseudo_inputs must be a whole number of at least 1"),
        (VampPriorVAE, {"beta": -1}, "beta must be a finite number of at least 0"),
        (ContinuousBernoulliVAE, {"beta": np.nan}, "beta must be a finite number of at least 0"),
        (GaussianVAE, {"latent_dim": 0}, "latent_dim must be a whole number of at least 1"),
    ],
)
def test_bad_settings_are_refused_by_name(build, settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)

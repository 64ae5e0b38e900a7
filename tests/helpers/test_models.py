"""Architecture, loss terms and everything that a Keras user does with a model."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from sklearn.metrics.pairwise import rbf_kernel

from vae_helpers.models import MMDVAE, VAE, Autoencoder, InfoVAE
from vae_helpers.networks import build_decoder, build_encoder

pytestmark = pytest.mark.usefixtures("seeded")

MODELS = {
    "vae": lambda: VAE(),
    "vae_published": lambda: VAE(beta=0.01),
    "mmd_vae": lambda: MMDVAE(),
    "autoencoder": lambda: MMDVAE(mmd_weight=0.0),
}
TERMS = {
    VAE: {"loss", "reconstruction", "divergence", "logpx_z", "logpz", "logqz_x"},
    MMDVAE: {"loss", "reconstruction", "mmd"},
    InfoVAE: {"loss", "reconstruction", "divergence", "mmd"},
}


@pytest.fixture(params=[VAE, MMDVAE, InfoVAE])
def model(request):
    model = request.param()
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def fix_noise(monkeypatch, model, noise):
    monkeypatch.setattr(type(model), "noise_like", lambda self, z: tf.constant(noise, tf.float32))


# ---- architecture ----------------------------------------------------------------------------


def test_the_encoder_has_the_published_layers():
    encoder = build_encoder(4)
    assert [layer.output.shape[1:] for layer in encoder.layers] == [
        (13, 13, 32), (6, 6, 64), (2304,), (4,)
    ]  # fmt: skip
    assert [layer.count_params() for layer in encoder.layers] == [320, 18_496, 0, 9_220]
    activations = [
        getattr(layer, "activation", keras.activations.linear) for layer in encoder.layers
    ]
    relu, linear = keras.activations.relu, keras.activations.linear
    assert activations == [relu, relu, linear, linear]


@pytest.mark.parametrize(
    ("activation", "last"),
    [(None, keras.activations.linear), ("sigmoid", keras.activations.sigmoid)],
)
def test_the_decoder_has_the_published_layers(activation, last):
    decoder = build_decoder(2, activation=activation)
    assert [layer.output.shape[1:] for layer in decoder.layers] == [
        (1568,), (7, 7, 32), (14, 14, 64), (28, 28, 32), (28, 28, 1)
    ]  # fmt: skip
    assert [layer.count_params() for layer in decoder.layers] == [4_704, 0, 18_496, 18_464, 289]
    relu = keras.activations.relu
    found = [layer.activation for layer in decoder.layers if hasattr(layer, "activation")]
    assert found == [relu, relu, relu, last]


@pytest.mark.parametrize(("run", "encoder"), [("vae", 28_036), ("mmd_vae", 23_426)])
def test_the_models_have_the_published_parameter_counts(run, encoder):
    model = MODELS[run]()
    assert model.encoder.count_params() == encoder
    assert model.decoder.count_params() == 41_953
    assert sum(w.shape.num_elements() for w in map(tf.convert_to_tensor, model.get_weights())) == (
        encoder + 41_953
    )


def test_published_settings_are_the_defaults():
    assert (VAE().latent_dim, VAE().beta) == (2, 1.0)
    assert (MMDVAE().latent_dim, MMDVAE().mmd_weight) == (2, 1.0)


# ---- loss terms ------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [1.0, 0.01])
def test_the_vaes_loss_terms_are_those_of_a_hand_computation(monkeypatch, images, beta):
    model = VAE(beta=beta)
    model.compile()
    batch, noise = images[:64], np.random.default_rng(1).standard_normal((64, 2))
    fix_noise(monkeypatch, model, noise)

    codes = model.encoder(batch).numpy().astype("float64")
    mean, spread = codes[:, :2], np.exp(codes[:, 2:] / 2)
    z = mean + spread * noise
    p = special.expit(model.decoder(z.astype("float32")).numpy().astype("float64"))
    logpx_z = (special.xlogy(batch, p) + special.xlog1py(1 - batch, -p)).sum(axis=(1, 2, 3))
    logpz = stats.norm.logpdf(z).sum(axis=1)
    logqz_x = stats.norm.logpdf(z, mean, spread).sum(axis=1)

    terms = model.loss_terms(batch)
    assert set(terms) == {*model.summands, *model.reported}
    assert float(model.total(terms)) == pytest.approx(
        -logpx_z.mean() + beta * (logqz_x - logpz).mean(), rel=1e-5
    )
    assert float(terms["reconstruction"]) == pytest.approx(-logpx_z.mean(), rel=1e-5)
    assert float(terms["divergence"]) == pytest.approx(beta * (logqz_x - logpz).mean(), rel=1e-4)
    shown = model.evaluate(batch, batch_size=64, verbose=0, return_dict=True)
    for name, expected in (("logpx_z", logpx_z), ("logpz", logpz), ("logqz_x", logqz_x)):
        assert shown[name] == pytest.approx(expected.mean(), rel=1e-4)


def gradient(model, loss):
    with tf.GradientTape() as tape:
        value = loss()
    return [g.numpy() for g in tape.gradient(value, model.trainable_weights)]


def test_beta_of_one_over_batch_size_has_the_2018_codes_gradient_divided_by_batch_size(
    monkeypatch, fashion_mnist
):
    batch = fashion_mnist.train_images[:100]
    noise = np.random.default_rng(2).standard_normal((100, 2)).astype("float32")
    published, elbo = VAE(beta=1 / 100), VAE(beta=1.0)
    elbo.set_weights(published.get_weights())
    fix_noise(monkeypatch, published, noise)

    def original():
        """log p(x|z) summed over the whole batch, log p(z) and log q(z|x) averaged over it."""
        mean, logvar = tf.split(published.encoder(batch), 2, axis=1)
        z = mean + tf.exp(logvar / 2) * noise
        p = tf.sigmoid(published.decoder(z))
        logpx_z = tf.reduce_sum(batch * tf.math.log(p) + (1 - batch) * tf.math.log(1 - p))
        log2pi = np.log(2 * np.pi)
        logpz = tf.reduce_sum(-0.5 * (z**2 + log2pi), axis=1)
        logqz_x = tf.reduce_sum(-0.5 * ((z - mean) ** 2 / tf.exp(logvar) + logvar + log2pi), axis=1)
        return -(logpx_z + tf.reduce_mean(logpz) - tf.reduce_mean(logqz_x))

    def ours(model):
        return lambda: model.total(model.loss_terms(batch, training=True))

    expected = gradient(published, original)
    at_elbo = gradient(elbo, ours(elbo))
    for original_part, our_part in zip(expected, gradient(published, ours(published)), strict=True):
        size = np.abs(original_part).max()
        assert size > 0
        np.testing.assert_allclose(100 * our_part, original_part, rtol=1e-3, atol=1e-4 * size)
    # The test can tell the two readings of β apart: in the encoder the ELBO pulls elsewhere.
    last = published.encoder.layers[-1].bias.path
    place = [w.path for w in published.trainable_weights].index(last)
    difference = np.abs(100 * at_elbo[place] - expected[place]).max()
    assert difference > 0.01 * np.abs(expected[place]).max()


@pytest.mark.parametrize("mmd_weight", [1.0, 10.0])
def test_the_mmd_vaes_loss_terms_are_those_of_a_hand_computation(monkeypatch, images, mmd_weight):
    model = MMDVAE(mmd_weight=mmd_weight)
    batch, noise = images[:64], np.random.default_rng(3).standard_normal((64, 2))
    fix_noise(monkeypatch, model, noise)

    z = model.encoder(batch).numpy().astype("float64")
    reconstructions = model.decoder(z.astype("float32")).numpy()
    mmd = (
        rbf_kernel(z, gamma=1 / 4).mean()
        + rbf_kernel(noise, gamma=1 / 4).mean()
        - 2 * rbf_kernel(z, noise, gamma=1 / 4).mean()
    )
    terms = model.loss_terms(batch)
    assert list(terms) == ["reconstruction", "mmd"]
    error = np.mean((batch - reconstructions) ** 2)
    assert float(terms["reconstruction"]) == pytest.approx(error, rel=1e-5)
    assert float(terms["mmd"]) == pytest.approx(mmd_weight * mmd, rel=1e-4)


def test_an_mmd_weight_of_zero_is_the_plain_autoencoder(images):
    model = MMDVAE(mmd_weight=0.0)
    batch = images[:50]

    def ours():
        return model.total(model.loss_terms(batch, training=True))

    def plain():
        return keras.losses.MeanSquaredError()(batch, model.decoder(model.encoder(batch)))

    assert float(model.loss_terms(batch)["mmd"]) == 0
    for found, expected in zip(gradient(model, ours), gradient(model, plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_the_infovae_at_alpha_0_and_lambda_1_is_the_vae(monkeypatch, images):
    vae, info = VAE(), InfoVAE(alpha=0.0, lambda_=1.0)
    info.set_weights(vae.get_weights())
    noise = np.random.default_rng(1).standard_normal((64, 2))
    fix_noise(monkeypatch, vae, noise)
    fix_noise(monkeypatch, info, noise)
    expected, found = vae.loss_terms(images[:64]), info.loss_terms(images[:64])
    assert found.keys() == {"reconstruction", "divergence", "mmd"}
    assert float(found["mmd"]) == 0
    for name in VAE.summands:
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-6)
    for a, b in zip(
        gradient(vae, lambda: vae.total(vae.loss_terms(images[:64]))),
        gradient(info, lambda: info.total(info.loss_terms(images[:64]))),
        strict=True,
    ):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lambda_", [1.0, 5.0])
def test_the_infovae_at_alpha_1_is_the_mmd_vae_with_a_stochastic_encoder(images, lambda_):
    batch = images[:64]
    info = InfoVAE(alpha=1.0, lambda_=lambda_, likelihood="squared_error")
    # An encoder whose clouds have no width gives the deterministic MMD-VAE, term by term.
    kernel, bias = info.encoder.layers[-1].get_weights()
    kernel[:, 2:], bias[2:] = 0, -60
    info.encoder.layers[-1].set_weights([kernel, bias])
    mmd_vae = MMDVAE(mmd_weight=lambda_)
    mmd_vae.decoder.set_weights(info.decoder.get_weights())
    mmd_vae.encoder.set_weights([*info.encoder.get_weights()[:-2], kernel[:, :2], bias[:2]])
    draws = tf.constant(np.random.default_rng(2).standard_normal((64, 2)), tf.float32)
    info.noise_like = mmd_vae.noise_like = lambda z: draws

    expected, found = mmd_vae.loss_terms(batch), info.loss_terms(batch)
    assert float(found["divergence"]) == 0
    for name in expected:
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-4)

    # With clouds of width 1 the codes that are decoded and compared are draws.
    bias[2:] = 0
    info.encoder.layers[-1].set_weights([kernel, bias])
    z = info.encoder(batch)[:, :2] + draws
    terms = info.loss_terms(batch)
    assert float(terms["mmd"]) == pytest.approx(
        lambda_ * float(mmd_by_hand(z.numpy(), draws.numpy())), rel=1e-3
    )
    error = np.mean((batch - info.decoder(z).numpy()) ** 2)
    assert float(terms["reconstruction"]) == pytest.approx(error, rel=1e-4)


def mmd_by_hand(x, y):
    gamma = 1 / x.shape[1] ** 2
    return (
        rbf_kernel(x, gamma=gamma).mean() + rbf_kernel(y, gamma=gamma).mean()
        - 2 * rbf_kernel(x, y, gamma=gamma).mean()
    )  # fmt: skip


@pytest.mark.parametrize(("alpha", "lambda_"), [(0.3, 0.7), (-1.0, 2.0), (0.5, 3.0)])
def test_the_infovae_weighs_kl_and_mmd_as_its_formula_says(images, alpha, lambda_):
    info = InfoVAE(alpha=alpha, lambda_=lambda_)
    noise = tf.constant(np.random.default_rng(3).standard_normal((64, 2)), tf.float32)
    info.noise_like = lambda z: noise
    z_mean, z_logvar = np.split(info.encoder(images[:64]).numpy().astype("float64"), 2, axis=1)
    z = z_mean + np.exp(z_logvar / 2) * noise.numpy()
    kl = stats.norm.logpdf(z, z_mean, np.exp(z_logvar / 2)) - stats.norm.logpdf(z)
    terms = info.loss_terms(images[:64])
    assert float(terms["divergence"]) == pytest.approx((1 - alpha) * kl.sum(1).mean(), rel=1e-4)
    expected = (alpha + lambda_ - 1) * mmd_by_hand(z, noise.numpy().astype("float64"))
    assert float(terms["mmd"]) == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0, "lambda_": 0.5}, "alpha . lambda_ must be at least 1"),
        ({"alpha": 1.5}, "alpha must be a finite number of at most 1"),
        ({"alpha": np.nan}, "alpha must be"),
        ({"lambda_": np.inf}, "lambda_ must be a finite number"),
        ({"likelihood": "gaussian"}, "unknown likelihood 'gaussian'; there are 'bernoulli', 's"),
    ],
)
def test_the_infovae_refuses_weights_that_would_reward_a_divergence(settings, message):
    with pytest.raises(ValueError, match=message):
        InfoVAE(**settings)


def test_noise_is_standard_normal_and_new_in_each_call():
    model = VAE()
    first, second = (model.noise_like(tf.zeros((5000, 2))).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    assert stats.kstest(np.concatenate([first, second]).ravel(), "norm").pvalue > 1e-3


def test_a_model_without_loss_terms_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="loss_terms"):
        Autoencoder(2).loss_terms(None)


class Undeclared(MMDVAE):
    def loss_terms(self, images, training=False):
        return {**super().loss_terms(images, training), "sparsity": 0.0}


def test_a_term_that_is_not_named_is_refused_by_name(images):
    model = Undeclared()
    model.compile()
    with pytest.raises(ValueError, match=r"Undeclared\.loss_terms must return .*sparsity"):
        model.fit(images, verbose=0)


def test_loss_terms_called_by_hand_change_nothing(model, images):
    model.fit(images[:50], verbose=0)
    before = {metric.name: float(metric.result()) for metric in model.metrics}
    model.loss_terms(images[50:], training=True)
    assert {metric.name: float(metric.result()) for metric in model.metrics} == before


# ---- as a Keras user expects -----------------------------------------------------------------


def test_fit_reports_each_term_and_the_loss_is_their_sum(model, images):
    history = model.fit(images, batch_size=50, epochs=2, verbose=0).history
    assert set(history) == TERMS[type(model)]
    h = {name: np.array(values) for name, values in history.items()}
    if isinstance(model, VAE):
        np.testing.assert_allclose(h["loss"], h["reconstruction"] + h["divergence"], rtol=1e-5)
        np.testing.assert_allclose(h["reconstruction"], -h["logpx_z"], rtol=1e-5)
        np.testing.assert_allclose(h["divergence"], h["logqz_x"] - h["logpz"], atol=1e-4)
    else:
        terms = TERMS[type(model)] - {"loss"}
        np.testing.assert_allclose(h["loss"], sum(h[term] for term in terms), rtol=1e-5)
    assert h["loss"][1] < h["loss"][0]


def test_fit_takes_arrays_tensors_and_data_sets_with_or_without_labels(model, images):
    labels = np.zeros(len(images), "uint8")
    sources = [
        images,
        tf.constant(images),
        tf.data.Dataset.from_tensor_slices(images).batch(125),
        tf.data.Dataset.from_tensor_slices((images, labels)).batch(125),
    ]
    for source in sources:
        batch_size = None if isinstance(source, tf.data.Dataset) else 125
        before = [w.copy() for w in model.get_weights()]
        history = model.fit(source, batch_size=batch_size, verbose=0).history
        assert set(history) == TERMS[type(model)]
        assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_fit_takes_validation_data_as_array_tuple_and_data_set(images):
    model = MMDVAE(mmd_weight=0.0)
    model.compile()
    held_out = images[:50]
    for validation_data in (
        held_out,
        (held_out,),
        (held_out, np.zeros(50)),
        tf.data.Dataset.from_tensor_slices(held_out).batch(50),
    ):
        history = model.fit(
            images[50:], batch_size=100, validation_data=validation_data, verbose=0
        ).history
        assert set(history) == {f"{v}{name}" for v in ("", "val_") for name in TERMS[MMDVAE]}
        expected = np.mean((held_out - model.predict(held_out, verbose=0)) ** 2)
        assert history["val_loss"][0] == pytest.approx(expected, rel=1e-4)


def test_fit_keeps_a_users_own_callbacks_and_options(model, images):
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    history = model.fit(
        images, epochs=3, initial_epoch=1, validation_split=0.2, callbacks=[callback], verbose=0
    )
    assert seen == [1, 2]
    assert "val_loss" in history.history
    model.fit(images, epochs=1.0, callbacks=callback, verbose=0)  # Keras takes a single one, too
    assert seen == [1, 2, 0]


def test_evaluate_changes_no_weight(model, images):
    before = model.get_weights()
    model.evaluate(images, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit_and_evaluate_count_each_image_once_also_in_a_smaller_last_batch():
    """An untrained decoder draws grey: the last fifty images, which are white, are far worse off."""
    model = MMDVAE(mmd_weight=0.0)
    model.compile(keras.optimizers.SGD(0.0))  # the weights stay: fit's mean can be computed, too
    uneven = np.full((250, 28, 28, 1), 0.5, "float32")
    uneven[200:] = 1.0
    expected = np.mean((uneven - model.predict(uneven, verbose=0)) ** 2)
    options = {"batch_size": 100, "verbose": 0}
    assert model.fit(uneven, shuffle=False, **options).history["loss"] == pytest.approx(
        [expected], rel=1e-3
    )
    assert model.evaluate(uneven, return_dict=True, **options)["loss"] == pytest.approx(
        expected, rel=1e-3
    )


def test_predict_is_the_reconstruction_through_the_mean_of_the_code(model, images):
    predicted = model.predict(images, verbose=0)
    assert predicted.shape == images.shape
    np.testing.assert_allclose(predicted, model.decode(model.encode(images)), atol=1e-6)
    decoded = model.decoder(model.encoder(images)[:, :2]).numpy()
    pixels = special.expit(decoded) if model.decoder_output == "logits" else decoded
    np.testing.assert_allclose(predicted, pixels, atol=1e-6)


def test_a_saved_model_comes_back_as_it_was(tmp_path, images):
    for name, model in (("vae", VAE(beta=0.25)), ("mmd_vae", MMDVAE(mmd_weight=7.0))):
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(images, verbose=0)
        model.save(tmp_path / f"{name}.keras")
        again = keras.saving.load_model(tmp_path / f"{name}.keras")
        assert type(again) is type(model)
        assert again.get_config() == model.get_config()
        for call in ("encode", "predict"):
            np.testing.assert_array_equal(
                getattr(again, call)(images), getattr(model, call)(images)
            )
        np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))
        assert again.optimizer.iterations.numpy() == model.optimizer.iterations.numpy()
        again.fit(images, verbose=0)


def test_saved_weights_come_back_as_they_were(tmp_path, model, images):
    model.fit(images, verbose=0)
    model.save_weights(tmp_path / "trained.weights.h5")
    again = type(model)()
    assert not np.array_equal(again.encode(images), model.encode(images))
    again.load_weights(tmp_path / "trained.weights.h5")
    np.testing.assert_array_equal(again.encode(images), model.encode(images))
    np.testing.assert_array_equal(again.sample(3, seed=0), model.sample(3, seed=0))


def test_weights_of_the_other_model_are_refused(tmp_path):
    VAE().save_weights(tmp_path / "vae.weights.h5")
    with pytest.raises(ValueError, match="could not be loaded"):
        MMDVAE().load_weights(tmp_path / "vae.weights.h5")


def test_a_seed_repeats_a_run_and_another_seed_does_not(images):
    def trained(seed):
        keras.utils.set_random_seed(seed)
        model = VAE()
        model.compile(keras.optimizers.Adam(1e-3))
        history = model.fit(images[:150], batch_size=50, epochs=2, verbose=0).history
        return history["loss"], model.encode(images)

    (loss, codes), (same_loss, same_codes), (_, other_codes) = trained(1), trained(1), trained(2)
    np.testing.assert_allclose(same_loss, loss, rtol=1e-6)
    np.testing.assert_allclose(same_codes, codes, rtol=1e-4, atol=1e-5)
    assert np.abs(other_codes - codes).max() > 0.01


@pytest.mark.parametrize("run", ["vae", "mmd_vae"])
def test_a_model_works_with_three_latent_dimensions(run, images):
    model = {"vae": VAE, "mmd_vae": MMDVAE}[run](latent_dim=3)
    model.compile()
    history = model.fit(images, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.encode(images).shape == (250, 3)
    assert model.sample(4).shape == (4, 28, 28, 1)
    with pytest.raises(ValueError, match=r"z must have shape \[n, 3\], not \[4, 2\]"):
        model.decode(np.zeros((4, 2)))


# ---- codes and pictures ----------------------------------------------------------------------


def test_encode_gives_the_mean_of_each_image_whatever_the_number_of_images(model):
    many = np.random.default_rng(6).uniform(size=(1001, 28, 28, 1)).astype("float32")
    codes = model.encode(many)
    assert (codes.shape, codes.dtype) == ((1001, 2), np.float32)
    np.testing.assert_allclose(codes[[0, 999, 1000]], model.encode(many[[0, 999, 1000]]), atol=1e-5)


def test_decode_gives_pictures_in_zero_to_one_even_far_outside(model):
    pictures = model.decode([[0, 0], [1000, -1000]])
    assert (pictures.shape, pictures.dtype) == ((2, 28, 28, 1), np.float32)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert not np.array_equal(pictures[0], pictures[1])


def test_sample_decodes_draws_of_the_prior(monkeypatch, model):
    seen = []
    monkeypatch.setattr(type(model), "decode", lambda self, z: seen.append(z))
    model.sample(5000, seed=0)
    assert seen[0].shape == (5000, 2)
    assert stats.kstest(np.ravel(seen[0]), "norm").pvalue > 1e-3


def test_sample_repeats_with_a_seed_only(model):
    assert model.sample(3, seed=0).shape == (3, 28, 28, 1)
    np.testing.assert_array_equal(model.sample(3, seed=0), model.sample(3, seed=0))
    assert not np.array_equal(model.sample(3, seed=0), model.sample(3, seed=1))
    assert not np.array_equal(model.sample(3), model.sample(3))


# ---- what is refused -------------------------------------------------------------------------

WRONG_IMAGES = {
    "uint8": (np.zeros((4, 28, 28, 1), "uint8"), TypeError, "must be float32, not uint8"),
    "float64": (np.zeros((4, 28, 28, 1)), TypeError, "must be float32, not float64"),
    "no channel": (np.zeros((4, 28, 28), "float32"), ValueError, "must have shape"),
    "one image": (np.zeros((28, 28, 1), "float32"), ValueError, "must have shape"),
    "larger": (np.zeros((4, 32, 32, 1), "float32"), ValueError, r"not \[4, 32, 32, 1\]"),
    "0 to 255": (np.full((4, 28, 28, 1), 255, "float32"), ValueError, r"must lie in \[0, 1\]"),
    "negative": (np.full((4, 28, 28, 1), -0.1, "float32"), ValueError, r"must lie in \[0, 1\]"),
    "NaN": (np.full((4, 28, 28, 1), np.nan, "float32"), ValueError, r"must lie in \[0, 1\]"),
    "infinite": (np.full((4, 28, 28, 1), np.inf, "float32"), ValueError, r"must lie in \[0, 1\]"),
    "none": (np.zeros((0, 28, 28, 1), "float32"), ValueError, "holds no image"),
    "a list": ([[0.0]], TypeError, "must be a float32 array or tensor, not a list"),
    "nothing": (None, TypeError, "must be a float32 array or tensor, not a NoneType"),
}


@pytest.fixture(scope="module")
def untrained():
    """A model for tests that leave it as it is."""
    model = VAE()
    model.compile()
    return model


@pytest.mark.parametrize("kind", WRONG_IMAGES)
@pytest.mark.parametrize("door", ["fit", "evaluate", "predict", "encode"])
def test_wrong_images_are_refused_by_name(untrained, door, kind):
    wrong, error, message = WRONG_IMAGES[kind]
    name = "images" if door == "encode" else "x"
    with pytest.raises(error, match=rf"^{name} .*{message}"):
        getattr(untrained, door)(wrong)


def test_one_bad_pixel_among_many_images_is_refused(untrained, images):
    wrong = images.copy()
    wrong[249, 27, 27, 0] = np.nan
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        untrained.encode(wrong)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (x,), lambda x: (x, x)])
def test_wrong_validation_data_is_refused_by_name(untrained, images, wrap):
    with pytest.raises(ValueError, match=r"^validation_data must lie in \[0, 1\]"):
        untrained.fit(images, validation_data=wrap(2 * images), verbose=0)


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (np.zeros((4, 28, 28, 1), "uint8"), TypeError, "must be float32, not uint8"),
        (np.zeros((4, 28, 28), "float32"), ValueError, "must have shape"),
    ],
)
def test_a_data_set_of_wrong_batches_is_refused_by_name(untrained, images, batch, error, message):
    wrong = tf.data.Dataset.from_tensor_slices(batch).batch(2)
    for door in (untrained.fit, untrained.evaluate, untrained.predict):
        with pytest.raises(error, match=f"^x's batches {message}"):
            door(wrong)
    with pytest.raises(error, match=f"^validation_data's batches {message}"):
        untrained.fit(images, validation_data=wrong)


@pytest.mark.parametrize("latent_dim", [0, -1, 1.5, "2", True, None])
@pytest.mark.parametrize("build", [VAE, MMDVAE, InfoVAE])
def test_a_latent_dim_that_is_no_whole_number_above_zero_is_refused(build, latent_dim):
    with pytest.raises(ValueError, match="latent_dim must be a whole number of at least 1"):
        build(latent_dim=latent_dim)


@pytest.mark.parametrize("weight", [-0.1, np.nan, np.inf, "much", None])
@pytest.mark.parametrize(("build", "name"), [(VAE, "beta"), (MMDVAE, "mmd_weight")])
def test_a_weight_that_is_no_finite_number_from_zero_is_refused(build, name, weight):
    with pytest.raises(ValueError, match=f"{name} must be a finite number of at least 0"):
        build(**{name: weight})


@pytest.mark.parametrize("z", [np.zeros((4, 3)), np.zeros(2), np.zeros((0, 2)), [[np.nan, 0.0]]])
def test_decode_refuses_anything_but_finite_points_of_the_latent_space(untrained, z):
    with pytest.raises(ValueError, match=r"^z "):
        untrained.decode(z)


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_sample_refuses_a_number_of_images_below_one(untrained, n):
    with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
        untrained.sample(n)


@pytest.mark.parametrize("run", ["vae", "mmd_vae"])
def test_a_loss_that_is_not_finite_ends_the_training_and_says_where(run, images):
    model = MODELS[run]()
    model.compile(keras.optimizers.SGD(1e30))
    with pytest.raises(
        FloatingPointError, match=r"the loss became (nan|inf) in epoch 1, batch \d+; try a smaller"
    ):
        model.fit(images, batch_size=50, epochs=3, verbose=0)


# ---- the package -----------------------------------------------------------------------------


def test_importing_the_package_prints_nothing_and_seeds_nothing():
    """TensorFlow's own start-up lines are let through first."""
    program = """
import os, sys, tempfile
import keras, numpy, sklearn.neighbors, tensorflow, tqdm
from tensorflow.python.eager import context
state = numpy.random.get_state()[1].tolist()
with tempfile.TemporaryFile() as said:
    kept = os.dup(2)
    os.dup2(said.fileno(), 1), os.dup2(said.fileno(), 2)
    import vae_helpers
    from vae_helpers import checkpoints, checks, data, files, losses, measures, models, networks
    from vae_helpers import train, widgets
    sys.stdout.flush(), sys.stderr.flush()
    os.dup2(kept, 2)
    said.seek(0)
    lines = said.read().decode()
assert lines == "", lines
assert numpy.random.get_state()[1].tolist() == state
assert context.global_seed() is None
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""How well a model fits, against decoders whose integrals can be done with pen and paper."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_helpers import measures
from vae_helpers.family import VampPriorVAE
from vae_helpers.models import MMDVAE, VAE, InfoVAE
from vae_study import code_measures, likelihood

SIGMA2 = 0.1**2
AXES = np.random.default_rng(0).normal(0, 0.03, (784, 2))


def linear_decoder(z):
    """½ + A z: then p(x) is the normal distribution N(½, A Aᵀ + σ² I)."""
    return (0.5 + np.asarray(z, "float64") @ AXES.T).reshape(-1, 28, 28, 1)


def linear_images(n, seed):
    rng = np.random.default_rng(seed)
    noise = np.sqrt(SIGMA2) * rng.standard_normal((n, 28, 28, 1))
    images = linear_decoder(rng.standard_normal((n, 2))) + noise
    return images.clip(0, 1).astype("float32")


def exact_loglik(images, sigma2=SIGMA2):
    cov = AXES @ AXES.T + sigma2 * np.eye(784)
    return stats.multivariate_normal(np.full(784, 0.5), cov).logpdf(images.reshape(-1, 784))


@pytest.mark.parametrize("sigma2", [SIGMA2, 4 * SIGMA2])
def test_log_likelihood_of_a_linear_decoder_is_the_closed_form(sigma2):
    images = linear_images(20, seed=1)
    found, change, _ = likelihood.log_likelihood(linear_decoder, images, sigma2, [-5, -5], [5, 5])
    np.testing.assert_allclose(found, exact_loglik(images, sigma2), atol=0.01)
    assert np.abs(change).max() < 0.02


def test_log_likelihood_does_not_depend_on_the_first_grid_or_on_the_rectangle():
    images = linear_images(10, seed=2)
    fine, _, _ = likelihood.log_likelihood(
        linear_decoder, images, SIGMA2, [-7, -5], [5, 9], start=200, tolerance=0.001
    )
    coarse, _, _ = likelihood.log_likelihood(
        linear_decoder, images, SIGMA2, [-5, -5], [5, 5], start=40
    )
    np.testing.assert_allclose(coarse, fine, atol=0.02)


def test_fit_sigma2_finds_the_variance_that_made_the_images():
    images = linear_images(20, seed=3)
    start = 2 * SIGMA2
    _, _, cells = likelihood.log_likelihood(linear_decoder, images, start, [-5, -5], [5, 5])
    found = likelihood.fit_sigma2(cells, images, start)
    assert found == pytest.approx(SIGMA2, rel=0.03)
    best = exact_loglik(images, found).mean()
    assert best > exact_loglik(images, 0.98 * found).mean()
    assert best > exact_loglik(images, 1.02 * found).mean()


@pytest.mark.parametrize("learns_prior", [False, True])
def test_fit_measures_fits_on_training_images_and_scores_test_images(learns_prior):
    train, test = linear_images(30, seed=4), linear_images(20, seed=5)
    solve = np.linalg.pinv(AXES)
    # A prior that has moved with the codes leaves log p(x) as it was.
    centre = np.array([7.0, -3.0]) if learns_prior else np.zeros(2)
    model = SimpleNamespace(
        encode=lambda x: (x.reshape(-1, 784) - 0.5) @ solve.T + centre,
        decode=lambda z: linear_decoder(z - centre),
        learns_prior=learns_prior,
        log_prior=lambda z: tf.constant(stats.norm.logpdf(z, centre).sum(axis=1)),
    )
    data = SimpleNamespace(train_images=train, test_images=test)
    found = likelihood.fit_measures(model, data, test_images=10)
    assert found["loglik_sigma2"] == pytest.approx(SIGMA2, rel=0.03)
    expected = exact_loglik(test[:10], found["loglik_sigma2"]).mean()
    assert found["loglik"] == pytest.approx(expected, abs=0.01)
    assert 0 <= found["loglik_halving"] < 0.02


def test_the_rectangle_holds_the_prior_and_the_codes():
    low, high = likelihood.plane_to_cover(np.array([[-9.0, 0.0], [2.0, 7.0]]))
    np.testing.assert_array_equal(low, [-10, -5])
    np.testing.assert_array_equal(high, [5, 8])
    with pytest.raises(ValueError, match="over a plane"):
        likelihood.log_likelihood(linear_decoder, linear_images(1, 0), SIGMA2, [-5] * 3, [5] * 3)


def test_only_a_stochastic_encoder_has_a_posterior(images, seeded):
    assert measures.posterior(MMDVAE(), images) is None
    model = VAE()
    mean, logvar = measures.posterior(model, images)
    np.testing.assert_allclose(mean, model.encode(images), atol=1e-5)
    np.testing.assert_allclose(np.hstack([mean, logvar]), model.encoder(images), atol=1e-5)


def test_the_elbo_of_a_decoder_that_ignores_its_code_is_its_cross_entropy_minus_the_kl(images):
    model = SimpleNamespace(
        decoder=lambda z: tf.zeros((len(z), 28, 28, 1)), decoder_output="logits"
    )
    mean, logvar = np.full((250, 2), 3.0, "float32"), np.zeros((250, 2), "float32")
    # ½ · 3² in each dimension
    assert likelihood.elbo(model, images, mean, logvar) == pytest.approx(
        -784 * np.log(2) - 9, rel=1e-5
    )


def test_the_elbo_averages_over_draws_from_q():
    """Logits equal to z₁ on black images: 784 times the mean of −log(1 + exp(z₁))."""
    model = SimpleNamespace(
        decoder=lambda z: tf.ones((len(z), 28, 28, 1)) * z[:, :1, None, None],
        decoder_output="logits",
    )
    n, black = 1000, np.zeros((1000, 28, 28, 1), "float32")
    mean, logvar = np.tile(np.float32([1, 0]), (n, 1)), np.tile(np.float32([-1, 0]), (n, 1))
    q = stats.norm(1, np.exp(-0.5))
    kl = 0.5 * (1 + np.exp(-1) - 1 + 1)
    expected = -784 * q.expect(lambda z: np.logaddexp(0, z)) - kl
    spread = 784 * np.sqrt(q.var()) / np.sqrt(10 * n)
    found = likelihood.elbo(model, black, mean, logvar)
    assert abs(found - expected) < 4 * spread < 0.05 * abs(expected)
    assert found == likelihood.elbo(model, black, mean, logvar)


def test_grey_values_are_not_taken_for_logits(images):
    model = InfoVAE(likelihood="squared_error")
    with pytest.raises(ValueError, match="model must have a decoder of logits, not of pixels"):
        likelihood.elbo(model, images, *measures.posterior(model, images))


def test_a_model_with_another_prior_has_no_elbo_here(images):
    model = VampPriorVAE()
    with pytest.raises(ValueError, match=r"model must have the prior N\(0, I\), not one that it"):
        likelihood.elbo(model, images, *measures.posterior(model, images))


def test_mutual_information_is_zero_for_equal_codes_and_log_n_for_codes_far_apart():
    zeros = np.zeros((600, 2))
    assert measures.mutual_information(zeros, zeros) == pytest.approx(0, abs=1e-9)
    apart = 100.0 * np.stack([np.arange(600), np.zeros(600)], axis=1)
    assert measures.mutual_information(apart, zeros) == pytest.approx(np.log(600))


def test_mutual_information_of_a_gaussian_channel_is_the_closed_form():
    mean = np.random.default_rng(6).standard_normal((4000, 1))
    logvar = np.full((4000, 1), np.log(0.25))
    found = measures.mutual_information(mean, logvar)
    assert found == pytest.approx(0.5 * np.log(1 + 1 / 0.25), abs=0.05)


def test_a_unit_is_active_if_its_mean_varies():
    mean = np.random.default_rng(7).standard_normal((500, 3)) * [1.0, 0.05, 0.2]
    assert code_measures.active_units(mean + 5) == 2
    assert code_measures.active_units(np.ones((500, 3))) == 0


@pytest.mark.parametrize("logvar", [0.0, -30.0, -80.0])
def test_the_mutual_information_of_narrow_clouds_far_out_keeps_its_digits(logvar):
    """Clouds that never meet say which image it was, log n; clouds in one place say nothing."""
    apart = 1e6 * np.arange(1, 6.0)[:, None]
    found = measures.mutual_information(apart, np.full((5, 1), logvar))
    assert found == pytest.approx(np.log(5), abs=1e-6)
    together = np.full((5, 1), 1e6)
    found = measures.mutual_information(together, np.full((5, 1), logvar))
    assert found == pytest.approx(0, abs=2e-3)

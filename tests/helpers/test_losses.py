"""The pieces of the cost functions against SciPy, scikit-learn and numerical integrals."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from vae_helpers.losses import (
    bernoulli_loglik,
    normal_kl,
    normal_loglik,
    reparameterize,
)


def float32(array):
    return tf.constant(array, tf.float32)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


# ---- densities -------------------------------------------------------------------------------


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_normal_loglik_is_scipys_log_density_summed_over_dimensions(latent_dim):
    z, mean, logvar = normal(0, 3, 50, latent_dim)
    expected = stats.norm.logpdf(z, mean, np.exp(logvar / 2)).sum(axis=1)
    found = normal_loglik(float32(z), float32(mean), float32(logvar))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_normal_loglik_with_plain_zeros_is_the_standard_normal():
    z = normal(1, 50, 3)
    expected = stats.multivariate_normal(np.zeros(3)).logpdf(z)
    np.testing.assert_allclose(normal_loglik(float32(z), 0.0, 0.0), expected, rtol=1e-5)


finite = st.floats(-5, 5, width=32)


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(z=finite, mean=finite, logvar=finite)
def test_normal_loglik_agrees_with_scipy_at_any_point(z, mean, logvar):
    found = normal_loglik(*(float32([[v]]) for v in (z, mean, logvar)))
    expected = stats.norm.logpdf(z, mean, np.exp(logvar / 2))
    np.testing.assert_allclose(found, [expected], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("mean", "logvar"), [([0.0, 0.0], [0.0, 0.0]), ([1.5, -3.0], [0.7, -2.0]), ([0.1], [3.0])]
)
def test_normal_kl_is_the_mean_of_log_q_minus_log_p(mean, logvar):
    spread = np.exp(np.array(logvar) / 2)
    z = np.array(mean) + spread * normal(2, 200_000, len(mean))
    draws = (stats.norm.logpdf(z, mean, spread) - stats.norm.logpdf(z)).sum(axis=1)
    standard_error = draws.std() / np.sqrt(len(draws))
    found = float(normal_kl(float32([mean]), float32([logvar]))[0])
    assert abs(found - draws.mean()) <= 4 * standard_error + 1e-6


def test_normal_kl_is_zero_only_for_the_prior():
    found = normal_kl(float32([[0, 0], [0.1, 0], [0, 0.1]]), float32(np.zeros((3, 2)))).numpy()
    assert found[0] == 0
    assert (found[1:] > 0).all()


def test_reparameterize_turns_noise_into_draws_with_the_given_mean_and_spread():
    mean, logvar = np.array([[-3.0, 0.5]]), np.array([[2.0, -4.0]])
    noise = normal(3, 100_000, 2)
    z = reparameterize(float32(mean), float32(logvar), float32(noise)).numpy()
    for d in range(2):
        spread = np.exp(logvar[0, d] / 2)
        assert stats.kstest(z[:, d], stats.norm(mean[0, d], spread).cdf).pvalue > 1e-3
    np.testing.assert_allclose(
        reparameterize(float32(mean), float32(logvar), tf.zeros((1, 2))), mean
    )


def test_reparameterize_lets_gradients_through_to_mean_and_log_variance():
    mean, logvar = tf.Variable([[1.0]]), tf.Variable([[2.0]])
    with tf.GradientTape() as tape:
        z = reparameterize(mean, logvar, float32([[0.3]]))
    to_mean, to_logvar = tape.gradient(z, [mean, logvar])
    np.testing.assert_allclose(to_mean, [[1.0]])
    np.testing.assert_allclose(to_logvar, [[0.5 * np.exp(1.0) * 0.3]], rtol=1e-6)


# ---- pixels ----------------------------------------------------------------------------------


def test_bernoulli_loglik_of_black_and_white_images_is_scipys_log_probability():
    logits = 3 * normal(4, 5, 28, 28, 1)
    pixels = np.random.default_rng(5).integers(0, 2, logits.shape)
    expected = stats.bernoulli.logpmf(pixels, special.expit(logits)).sum(axis=(1, 2, 3))
    found = bernoulli_loglik(float32(pixels), float32(logits))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bernoulli_loglik_of_grey_images_is_minus_the_cross_entropy():
    logits = 3 * normal(6, 5, 28, 28, 1)
    grey = np.random.default_rng(7).uniform(size=logits.shape)
    p = special.expit(logits)
    expected = (special.xlogy(grey, p) + special.xlog1py(1 - grey, -p)).sum(axis=(1, 2, 3))
    found = bernoulli_loglik(float32(grey), float32(logits))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bernoulli_loglik_is_in_nats_and_summed_over_the_pixels_of_each_image():
    images, logits = tf.ones((3, 28, 28, 1)), tf.zeros((3, 28, 28, 1))
    np.testing.assert_allclose(bernoulli_loglik(images, logits), [784 * np.log(0.5)] * 3, rtol=1e-6)


def test_bernoulli_loglik_stays_finite_for_extreme_logits():
    images = float32(np.stack([np.ones((2, 2, 1)), np.zeros((2, 2, 1))]))
    for logit in (1e4, -1e4):
        found = np.sort(bernoulli_loglik(images, tf.fill((2, 2, 2, 1), logit)).numpy())
        np.testing.assert_allclose(found, [-4e4, 0.0])

"""The pieces of the cost functions against SciPy, scikit-learn and numerical integrals."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.metrics.pairwise import rbf_kernel

from vae_helpers.losses import (
    bernoulli_loglik,
    compute_kernel,
    compute_mmd,
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


# ---- kernel and MMD --------------------------------------------------------------------------


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 10, 64])
def test_compute_kernel_is_scikit_learns_rbf_kernel_with_gamma_one_over_d_squared(latent_dim):
    x, y = 2 * normal(8, 40, latent_dim), 1 + normal(9, 25, latent_dim)
    found = compute_kernel(float32(x), float32(y))
    assert found.shape == (40, 25)
    expected = rbf_kernel(x, y, gamma=1 / latent_dim**2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_compute_kernel_of_a_point_with_itself_is_one_even_far_from_the_origin():
    x = float32(100 + normal(10, 20, 2))
    diagonal = np.diag(compute_kernel(x, x).numpy())
    np.testing.assert_allclose(diagonal, 1.0, atol=0.01)
    assert diagonal.max() <= 1.0


def test_compute_kernel_refuses_points_of_different_dimension():
    with pytest.raises(ValueError, match="x has 2, y 1"):
        compute_kernel(tf.zeros((5, 2)), tf.zeros((5, 1)))


def expected_kernel(latent_dim, shift, variance):
    """E k(x, y) where each x_d − y_d is normal(shift, variance): one integral a dimension."""
    difference = stats.norm(shift, np.sqrt(variance))
    return difference.expect(lambda u: np.exp(-((u / latent_dim) ** 2))) ** latent_dim


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (1.0, 1.0), (0.5, 0.3)])
def test_compute_mmd_has_the_expectation_that_integrals_give(latent_dim, shift, spread):
    n, m, draws = 30, 50, 300
    rng = np.random.default_rng(11)
    found = [
        float(
            compute_mmd(
                float32(shift + spread * rng.standard_normal((n, latent_dim))),
                float32(rng.standard_normal((m, latent_dim))),
            )
        )
        for _ in range(draws)
    ]
    # A row paired with itself has k = 1: that is the bias.
    within_x = 1 / n + (1 - 1 / n) * expected_kernel(latent_dim, 0.0, 2 * spread**2)
    within_y = 1 / m + (1 - 1 / m) * expected_kernel(latent_dim, 0.0, 2.0)
    between = expected_kernel(latent_dim, shift, spread**2 + 1)
    standard_error = np.std(found) / np.sqrt(draws)
    assert abs(np.mean(found) - (within_x + within_y - 2 * between)) <= 4 * standard_error


def test_compute_mmd_is_zero_for_a_sample_and_itself_and_two_for_samples_far_apart():
    x = float32(normal(12, 30, 2))
    assert float(compute_mmd(x, x)) == pytest.approx(0, abs=1e-6)
    point = tf.zeros((4, 2))
    assert float(compute_mmd(point, point + 100.0)) == pytest.approx(2, abs=1e-6)


def test_compute_mmd_has_finite_gradients_where_points_coincide():
    x = tf.Variable(tf.zeros((4, 2)))
    with tf.GradientTape() as tape:
        mmd = compute_mmd(x, tf.zeros((3, 2)))
    assert np.isfinite(tape.gradient(mmd, x)).all()


def test_compute_mmd_and_its_gradient_hold_no_tensor_larger_than_all_pairs():
    n, m, latent_dim = 60, 50, 40

    @tf.function
    def gradient(x, y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            mmd = compute_mmd(x, y)
        return tape.gradient(mmd, x)

    spec = (tf.TensorSpec((n, latent_dim)), tf.TensorSpec((m, latent_dim)))
    graph = gradient.get_concrete_function(*spec).graph
    sizes = [t.shape.num_elements() for op in graph.get_operations() for t in op.outputs]
    assert max(size for size in sizes if size is not None) == n * n

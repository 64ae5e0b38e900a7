"""The kernels and the MMD: in this file and nowhere else."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel

from vae_helpers.losses import (
    compute_kernel,
    compute_mmd,
    gaussian_kernel,
    imq_kernel,
    unbiased_mmd,
)
from vae_helpers.models import MMDVAE, InfoVAE


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def float32(values):
    return tf.constant(values, tf.float32)


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


# ---- other kernels, and the unbiased estimate ---------------------------------------------------
x, y = (np.random.default_rng(i).standard_normal((n, 3)) for i, n in ((0, 20), (1, 30)))
tensors = tf.constant(x, tf.float32), tf.constant(y, tf.float32)


@pytest.mark.parametrize("widths", [0.5, [0.1, 1.0, 10.0], np.array([0.1, 1.0])])
@pytest.mark.parametrize(
    ("kernel", "by_hand"),
    [
        (gaussian_kernel, lambda squares, s: np.exp(-squares / (2 * s))),
        (imq_kernel, lambda squares, c: c / (c + squares)),
    ],
)
def test_kernels_are_the_mean_over_their_widths(kernel, by_hand, widths):
    squares = cdist(x, y, "sqeuclidean")
    expected = np.mean([by_hand(squares, w) for w in np.atleast_1d(widths)], axis=0)
    np.testing.assert_allclose(kernel(*tensors, widths), expected, rtol=1e-4, atol=1e-6)


def test_the_published_kernel_is_the_gaussian_one_at_half_d_squared():
    np.testing.assert_allclose(gaussian_kernel(*tensors, 4.5), compute_kernel(*tensors), rtol=1e-5)


def test_the_unbiased_mmd_is_the_mean_over_pairs_of_two_points():
    def imq(a, b):
        return imq_kernel(a, b, 6.0)

    within = [
        (6 / (6 + cdist(a, a, "sqeuclidean")))[~np.eye(len(a), dtype=bool)].mean() for a in (x, y)
    ]
    across = (6 / (6 + cdist(x, y, "sqeuclidean"))).mean()
    found = float(unbiased_mmd(*tensors, imq))
    assert found == pytest.approx(sum(within) - 2 * across, rel=1e-4)


def test_the_unbiased_mmd_averages_to_zero_and_the_biased_one_does_not():
    draws = np.random.default_rng(2).standard_normal((300, 2, 50, 2)).astype("float32")
    unbiased, biased = (
        np.array([estimate(*map(tf.constant, pair)) for pair in draws])
        for estimate in (unbiased_mmd, compute_mmd)
    )
    assert abs(unbiased.mean()) < 3 * unbiased.std() / np.sqrt(300)
    assert biased.mean() > 10 * biased.std() / np.sqrt(300)


def test_the_unbiased_mmd_trains_where_the_batch_size_is_not_known():
    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3])])
    def in_a_graph(a, b):
        return unbiased_mmd(a, b)

    expected = unbiased_mmd(*tensors)
    assert float(in_a_graph(*tensors)) == pytest.approx(float(expected), rel=1e-5)


def test_the_inverse_multiquadratic_kernel_has_two_d_for_its_scale_if_none_is_given():
    np.testing.assert_allclose(imq_kernel(*tensors), imq_kernel(*tensors, 6.0), rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_mmd_does_not_mind_order_and_is_symmetric(n, m, d, seed):
    rng = np.random.default_rng(seed)
    a, b = float32(rng.standard_normal((n, d))), float32(1 + rng.standard_normal((m, d)))
    for kernel in (compute_kernel, imq_kernel):
        mmd = float(compute_mmd(a, b, kernel))
        assert mmd >= -1e-6
        assert float(compute_mmd(b[::-1], a[::-1], kernel)) == pytest.approx(mmd, abs=1e-5)


# ---- as an argument of a model -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "by_hand"),
    [
        ("published", lambda squares, d: np.exp(-squares / d**2)),
        ("imq", lambda squares, d: 2 * d / (2 * d + squares)),
        (0.5, lambda squares, d: np.exp(-squares)),
        ((0.5, 2.0), lambda squares, d: (np.exp(-squares) + np.exp(-squares / 4)) / 2),
    ],
)
@pytest.mark.parametrize("build", [MMDVAE, lambda **kwargs: InfoVAE(alpha=1.0, **kwargs)])
def test_a_model_uses_the_kernel_that_it_is_given(images, build, kernel, by_hand):
    model = build(latent_dim=5, kernel=kernel)
    draws = float32(normal(3, 40, 5))
    model.noise_like = lambda z: draws
    z = model.encoder(images[:40]).numpy()[:, :5]
    if model.outputs_per_dim == 2:
        z = z + np.exp(model.encoder(images[:40]).numpy()[:, 5:] / 2) * draws.numpy()
    pairs = [(z, z, 1), (draws, draws, 1), (z, draws, -2)]
    expected = sum(c * by_hand(cdist(a, b, "sqeuclidean"), 5).mean() for a, b, c in pairs)
    assert float(model.loss_terms(images[:40])["mmd"]) == pytest.approx(expected, abs=1e-5)
    again = type(model).from_config(model.get_config())
    assert again.kernel == model.kernel


@pytest.mark.parametrize("kernel", ["wide", 0, -1.0, np.nan, [], [1.0, 0.0]])
@pytest.mark.parametrize("build", [MMDVAE, InfoVAE])
def test_a_kernel_that_there_is_not_is_refused_by_name(build, kernel):
    with pytest.raises(ValueError, match="kernel must be"):
        build(kernel=kernel)

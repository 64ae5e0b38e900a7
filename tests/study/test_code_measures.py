"""Numbers about codes against brute force and closed forms."""

import numpy as np
import pytest

from vae_study import code_measures


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("d", [1, 2])
def test_the_imq_kernels_expectation_is_the_integral(d):
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    for r in (0.0, 1.0, 5.0):
        squares = (nodes - r) ** 2
        if d == 2:
            squares = squares[:, None] + nodes**2
        expected = (2 * d / (2 * d + squares)) @ weights
        expected = expected @ weights if d == 2 else expected
        found = code_measures.imq_expectation(np.array([r**2]), d)
        assert found == pytest.approx(expected, rel=1e-4)


def test_mmd_to_prior_imq_is_what_a_huge_sample_of_the_prior_gives():
    codes, prior = 1 + 2 * normal(8, 100, 2), normal(9, 100_000, 2)

    def kernel(x, y):
        return 4 / (4 + ((x - y) ** 2).sum(axis=-1))

    within = kernel(codes[:, None], codes)[~np.eye(100, dtype=bool)].mean()
    to = np.mean([kernel(code, prior).mean() for code in codes])
    expected = within - 2 * to + kernel(prior[::2], prior[1::2]).mean()
    assert code_measures.mmd_to_prior_imq(codes) == pytest.approx(expected, abs=5e-3)
    assert expected > 0.05
    assert abs(code_measures.mmd_to_prior_imq(normal(10, 3000, 2))) < 1e-3


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("shift", "spread"), [(3.0, 1.0), (0.0, 2.5), (-1.0, 0.2)])
def test_sliced_wasserstein_of_shifted_and_scaled_codes_is_the_closed_form(d, shift, spread):
    """In each direction (m·θ)² + (s − 1)²; over directions (m·θ)² has the mean ‖m‖²/d."""
    codes = spread * normal(11, 10_000, d)
    codes[:, 0] += shift
    expected = np.sqrt(shift**2 / d + (spread - 1) ** 2)
    found = code_measures.sliced_wasserstein(codes, projections=64 if d < 3 else 2000)
    assert found == pytest.approx(expected, rel=0.04)


def test_sliced_wasserstein_of_the_priors_own_draws_reads_what_its_docstring_says():
    found = [code_measures.sliced_wasserstein(normal(seed, 10_000, 2)) for seed in range(12, 22)]
    assert 0.01 < min(found) < max(found) < 0.03


def test_centre_and_spread_of_codes_with_known_moments():
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)
    found = code_measures.centre_and_spread(corners * [2, 1] + [3, 4])
    assert found["mean_norm"] == pytest.approx(5)
    assert found["cov_distance"] == pytest.approx(3)  # diag(4, 1) − I
    assert found["cov_logdet"] == pytest.approx(np.log(4))


def test_the_probe_reads_halves_of_the_plane_and_not_a_ring():
    codes = normal(13, 2000, 2) * [10, 0.1]
    halves = (codes[:, 0] > 0).astype(int)
    ring = (np.linalg.norm(normal(14, 2000, 2), axis=1) > 1.18).astype(int)
    assert (
        code_measures.probe_accuracy(codes[:1000], halves[:1000], codes[1000:], halves[1000:])
        > 0.98
    )
    around = normal(14, 2000, 2)
    found = code_measures.probe_accuracy(around[:1000], ring[:1000], around[1000:], ring[1000:])
    assert found < 0.6


def test_silhouette_and_nmi_of_clusters_and_of_labels_at_random():
    labels = np.repeat(np.arange(10), 60)
    codes = 20 * np.stack([labels, labels % 3], axis=1) + normal(15, 600, 2)
    shuffled = np.random.default_rng(16).permutation(labels)
    assert code_measures.silhouette(codes, labels) > 0.8
    assert code_measures.silhouette(codes, shuffled) < 0
    assert code_measures.kmeans_nmi(codes, labels) == pytest.approx(1)
    assert code_measures.kmeans_nmi(codes, shuffled) < 0.1
    # Two points a class: a = 1, and b = 10 to the other class: 1 − 1/10.5 on the mean of 10 and 11.
    line = np.array([[0.0], [1.0], [11.0], [12.0]])
    expected = np.mean([1 - 1 / 11.5, 1 - 1 / 10.5])
    assert code_measures.silhouette(line, [0, 0, 1, 1]) == pytest.approx(expected)

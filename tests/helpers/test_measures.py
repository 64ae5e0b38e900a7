"""The measures of the chapters against brute force and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics.pairwise import rbf_kernel

from vae_helpers import measures


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def gaussian_mmd(latent_dim, shift, spread):
    """MMD² between normal(shift, spread²·I) and N(0, I), by one integral a dimension and mean."""

    def kernel(mean, variance):
        difference = stats.norm(mean, np.sqrt(variance))
        return difference.expect(lambda u: np.exp(-((u / latent_dim) ** 2))) ** latent_dim

    return kernel(0, 2 * spread**2) + kernel(0, 2) - 2 * kernel(shift, spread**2 + 1)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_mmd_to_prior_is_what_a_huge_sample_of_the_prior_gives(latent_dim):
    codes = 0.5 + 1.5 * normal(0, 100, latent_dim)
    prior = normal(1, 200_000, latent_dim)
    gamma = 1 / latent_dim**2

    within_codes = rbf_kernel(codes, gamma=gamma)[~np.eye(100, dtype=bool)].mean()
    to_codes = rbf_kernel(prior, codes, gamma=gamma).mean(axis=1)
    first, second = np.split(prior, 2)
    within_prior = np.exp(-gamma * ((first - second) ** 2).sum(axis=1))

    expected = within_codes - 2 * to_codes.mean() + within_prior.mean()
    tolerance = 4 * np.hypot(
        2 * to_codes.std() / np.sqrt(len(prior)), within_prior.std() / np.sqrt(len(first))
    )
    assert abs(measures.mmd_to_prior(codes) - expected) <= tolerance
    assert tolerance < 0.01 < abs(expected)


@pytest.mark.parametrize("latent_dim", [1, 2, 8])
def test_mmd_to_prior_of_codes_that_follow_the_prior_scatters_around_zero(latent_dim):
    found = [measures.mmd_to_prior(normal(seed, 300, latent_dim)) for seed in range(60)]
    assert abs(np.mean(found)) <= 4 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found)
    assert np.abs(found).max() < 0.02


@pytest.mark.parametrize("latent_dim", [1, 2, 8])
@pytest.mark.parametrize(("shift", "spread"), [(1.0, 1.0), (0.0, 2.0), (-3.0, 0.5)])
def test_mmd_to_prior_of_shifted_normal_codes_is_the_closed_form(latent_dim, shift, spread):
    # 2,500 codes: the sum over pairs goes through more than one block.
    codes = shift + spread * normal(2, 2500, latent_dim)
    assert measures.mmd_to_prior(codes) == pytest.approx(
        gaussian_mmd(latent_dim, shift, spread), rel=0.08, abs=2e-3
    )


def test_mmd_to_prior_of_codes_far_away_keeps_its_digits():
    # So far away that the prior is not seen; in float32 the distances between codes would be lost.
    codes = 10_000 + normal(0, 200, 2)
    within = rbf_kernel(codes - 10_000, gamma=5)[~np.eye(200, dtype=bool)].mean()
    expected = within + 0.1 / (0.1 + 2)
    assert measures.mmd_to_prior(codes, sigma2=0.1) == pytest.approx(expected, rel=1e-5)


def test_code_mean_and_cov_are_those_of_the_columns():
    codes = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]])
    mean, cov = measures.code_mean_and_cov(codes)
    np.testing.assert_allclose(mean, [2.0, 2.0])
    np.testing.assert_allclose(cov, [[4.0, 3.0], [3.0, 3.0]])


def test_code_mean_and_cov_of_one_dimensional_codes_keep_their_shapes():
    mean, cov = measures.code_mean_and_cov(np.array([[0.0], [2.0]]))
    assert (mean.shape, cov.shape) == ((1,), (1, 1))


def test_knn_accuracy_is_perfect_for_classes_apart_and_chance_for_labels_at_random():
    labels = np.repeat(np.arange(10), 100)
    codes = 10 * np.stack([labels, labels % 3], axis=1) + normal(3, 1000, 2)
    shuffled = np.random.default_rng(4).permutation(labels)
    assert measures.knn_accuracy(codes, labels, codes + 0.1, labels) == 1.0
    assert measures.knn_accuracy(codes, shuffled, codes + 0.1, shuffled) < 0.35
    assert measures.knn_accuracy(codes, shuffled, codes + 0.1, labels) < 0.2


def test_knn_accuracy_lets_fifteen_neighbours_vote():
    # Eight of the fifteen nearest say 1, the seven nearest of all say 0.
    codes = np.arange(30.0)[:, None]
    labels = np.array([0] * 7 + [1] * 8 + [0] * 15)
    assert measures.knn_accuracy(codes, labels, [[-1.0]], [1]) == 1.0
    assert measures.knn_accuracy(codes, labels, [[-1.0]], [0], neighbors=7) == 1.0


@pytest.mark.parametrize("sigma2", [0.1, 2.0, 20.0])
def test_mmd_to_prior_at_other_widths_is_the_closed_form(sigma2):
    shift, spread = 1.5, 0.7
    codes = shift + spread * normal(6, 3000, 2)

    def kernel(mean, variance):
        total = sigma2 + variance
        return sigma2 / total * np.exp(-2 * mean**2 / (2 * total))

    expected = kernel(0, 2 * spread**2) + kernel(0, 2) - 2 * kernel(shift, spread**2 + 1)
    found = measures.mmd_to_prior(codes, sigma2)
    assert found == pytest.approx(expected, rel=0.08)


def test_mmd_to_priors_own_width_is_that_of_the_models_kernel():
    codes = 2 * normal(7, 200, 2)
    assert measures.mmd_to_prior(codes) == pytest.approx(measures.mmd_to_prior(codes, 2.0))


def test_measure_looks_at_test_images_and_fits_neighbours_on_training_images():
    """A model that reads codes off two pixels and rebuilds nothing."""
    rng = np.random.default_rng(5)
    images = rng.uniform(size=(300, 28, 28, 1)).astype("float32")
    labels = (images[:, 0, 0, 0] > 0.5).astype("uint8")
    data = SimpleNamespace(
        train_images=images[:200],
        train_labels=labels[:200],
        test_images=images[200:],
        test_labels=labels[200:],
    )
    model = SimpleNamespace(
        encode=lambda x: 4 * x[:, 0, :2, 0], decode=lambda z: np.zeros((len(z), 28, 28, 1))
    )
    found = measures.measures_of_chapter_4(model, data)
    codes = 4 * images[200:, 0, :2, 0]
    np.testing.assert_allclose(found["code_mean"], codes.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["code_cov"], np.cov(codes.T), rtol=1e-5)
    assert found["mmd_to_prior"] == measures.mmd_to_prior(codes)
    assert found["squared_error"] == pytest.approx((images[200:] ** 2).mean(), rel=1e-5)
    train_codes, own = 4 * images[:200, 0, :2, 0], (codes, labels[200:])
    wanted = measures.knn_accuracy(train_codes, labels[:200], *own)
    assert found["knn_accuracy"] == wanted != measures.knn_accuracy(*own, *own)


def test_a_hole_is_where_no_training_code_is_as_near_as_to_nearly_all_test_codes():
    # Training codes on whole numbers; 199 of 200 test codes are 0.1 from one, the last is 0.4 away.
    train = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    test = train[:200] + [0.1, 0.0]
    test[0] += [0.3, 0.0]
    z = np.array([[3.05, 4.0], [3.0, 4.2], [3.5, 4.5], [-1.0, 0.0], [19.0, 19.0]])
    found = measures.in_hole(train, test, z)
    assert found.tolist() == [False, True, True, True, False]

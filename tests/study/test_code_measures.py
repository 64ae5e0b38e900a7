"""Numbers about a latent space against brute force and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors

from vae_helpers import measures, models
from vae_study import all_measures, code_measures, likelihood, picture_measures, recognition


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


def test_mmd_to_prior_refuses_a_single_code():
    with pytest.raises(ValueError, match="codes must hold at least 2 points"):
        measures.mmd_to_prior(np.zeros((1, 2)))


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


# ---- other kernels, sliced Wasserstein ------------------------------------------------------


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
    with pytest.raises(ValueError, match="sigma2"):
        measures.mmd_to_prior(codes, 0)


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
        found = measures.imq_expectation(np.array([r**2]), d)
        assert found == pytest.approx(expected, rel=1e-4)


def test_mmd_to_prior_imq_is_what_a_huge_sample_of_the_prior_gives():
    codes, prior = 1 + 2 * normal(8, 100, 2), normal(9, 100_000, 2)

    def kernel(x, y):
        return 4 / (4 + ((x - y) ** 2).sum(axis=-1))

    within = kernel(codes[:, None], codes)[~np.eye(100, dtype=bool)].mean()
    to = np.mean([kernel(code, prior).mean() for code in codes])
    expected = within - 2 * to + kernel(prior[::2], prior[1::2]).mean()
    assert measures.mmd_to_prior_imq(codes) == pytest.approx(expected, abs=5e-3)
    assert expected > 0.05
    assert abs(measures.mmd_to_prior_imq(normal(10, 3000, 2))) < 1e-3


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("shift", "spread"), [(3.0, 1.0), (0.0, 2.5), (-1.0, 0.2)])
def test_sliced_wasserstein_of_shifted_and_scaled_codes_is_the_closed_form(d, shift, spread):
    """In each direction (m·θ)² + (s − 1)²; over directions (m·θ)² has the mean ‖m‖²/d."""
    codes = spread * normal(11, 10_000, d)
    codes[:, 0] += shift
    expected = np.sqrt(shift**2 / d + (spread - 1) ** 2)
    found = measures.sliced_wasserstein(codes, projections=64 if d < 3 else 2000)
    assert found == pytest.approx(expected, rel=0.04)


def test_sliced_wasserstein_of_the_priors_own_draws_reads_what_its_docstring_says():
    found = [measures.sliced_wasserstein(normal(seed, 10_000, 2)) for seed in range(12, 22)]
    assert 0.01 < min(found) < max(found) < 0.03


# ---- moments, classes -----------------------------------------------------------------------


def test_centre_and_spread_of_codes_with_known_moments():
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)
    found = measures.centre_and_spread(corners * [2, 1] + [3, 4])
    assert found["mean_norm"] == pytest.approx(5)
    assert found["cov_distance"] == pytest.approx(3)  # diag(4, 1) − I
    assert found["cov_logdet"] == pytest.approx(np.log(4))


def test_the_probe_reads_halves_of_the_plane_and_not_a_ring():
    codes = normal(13, 2000, 2) * [10, 0.1]
    halves = (codes[:, 0] > 0).astype(int)
    ring = (np.linalg.norm(normal(14, 2000, 2), axis=1) > 1.18).astype(int)
    assert measures.probe_accuracy(codes[:1000], halves[:1000], codes[1000:], halves[1000:]) > 0.98
    around = normal(14, 2000, 2)
    found = measures.probe_accuracy(around[:1000], ring[:1000], around[1000:], ring[1000:])
    assert found < 0.6


def test_silhouette_and_nmi_of_clusters_and_of_labels_at_random():
    labels = np.repeat(np.arange(10), 60)
    codes = 20 * np.stack([labels, labels % 3], axis=1) + normal(15, 600, 2)
    shuffled = np.random.default_rng(16).permutation(labels)
    assert measures.silhouette(codes, labels) > 0.8
    assert measures.silhouette(codes, shuffled) < 0
    assert measures.kmeans_nmi(codes, labels) == pytest.approx(1)
    assert measures.kmeans_nmi(codes, shuffled) < 0.1
    # Two points a class: a = 1, and b = 10 to the other class: 1 − 1/10.5 on the mean of 10 and 11.
    line = np.array([[0.0], [1.0], [11.0], [12.0]])
    expected = np.mean([1 - 1 / 11.5, 1 - 1 / 10.5])
    assert measures.silhouette(line, [0, 0, 1, 1]) == pytest.approx(expected)


# ---- all of it ------------------------------------------------------------------------------


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
    found = measures.measure(model, data)
    codes = 4 * images[200:, 0, :2, 0]
    np.testing.assert_allclose(found["code_mean"], codes.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["code_cov"], np.cov(codes.T), rtol=1e-5)
    assert found["mmd_to_prior"] == measures.mmd_to_prior(codes)
    assert found["squared_error"] == pytest.approx((images[200:] ** 2).mean(), rel=1e-5)
    assert 0.85 < found["knn_accuracy"] < 1


class TwoPixels:
    """A made-up model: its code is two pixels, its decoder lights two halves of the picture."""

    latent_dim, decoder_output, learns_prior = 2, "pixels", False
    encoder = SimpleNamespace(output_shape=(None, 2))

    @staticmethod
    def encode(images):
        return 4 * images[:, 0, :2, 0] - 2

    @staticmethod
    def decoder(z):
        light = tf.sigmoid(tf.cast(z, "float32"))
        return tf.repeat(tf.repeat(light[:, None, :, None], 28, axis=1), 14, axis=2)

    @staticmethod
    def to_pixels(decoded):
        return decoded

    def decode(self, z):
        return self.decoder(z).numpy()

    def sample(self, n, seed=None):
        return self.decode(np.random.default_rng(seed).standard_normal((n, 2)))


@pytest.fixture(scope="module")
def two_pixels():
    """A model, data that it draws well, and a classifier that likes a light right half."""
    model = TwoPixels()
    z = normal(17, 300, 2)
    images = 0.9 * model.decode(z) + 0.1 * np.random.default_rng(18).uniform(size=(300, 28, 28, 1))
    images[:, 0, :2, 0] = (z.clip(-2, 2) + 2) / 4
    images = images.astype("float32")
    labels = (z[:, 0] > 0).astype("uint8")
    data = SimpleNamespace(
        train_images=images[:200], train_labels=labels[:200],
        test_images=images[200:], test_labels=labels[200:],
    )  # fmt: skip

    def predict(pictures, **_):
        probabilities = np.zeros((len(pictures), 11))
        probabilities[:, 0], probabilities[:, 1] = pictures[:, 5, 5, 0] < 0.5, pictures[:, 5, 5, 0]
        probabilities[:, 10] = pictures[:, 5, 20, 0] < 0.5
        return probabilities, pictures[:, 5, :1, 0]

    classifier = recognition.Classifier(
        SimpleNamespace(predict=predict), NearestNeighbors(n_neighbors=1).fit([[0.5]]), 1.0, 1.0
    )
    return model, data, classifier


def test_measure_all_returns_the_measures_that_the_titles_name(two_pixels):
    found = measures.measure_all(*two_pixels)
    only_with_q = {"elbo", "mutual_information", "active_units"}
    assert [*found] == [key for key in measures.TITLES if key not in only_with_q]
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values())
    data = two_pixels[1]
    once = measures.measure(two_pixels[0], data)
    for key in ("mmd_to_prior", "knn_accuracy", "squared_error"):
        assert found[key] == once[key]
    # A light right half is z₂ > 0: half of the draws and of the grid.
    assert found["filled_prior"] == pytest.approx(0.5, abs=0.2)
    assert found["filled_square"] == 0.5
    assert 1 <= found["class_changes"] < 1.2
    assert found["path_ratio"] == pytest.approx(1, abs=0.1)
    assert 0 < found["slope_median"] <= found["slope_high"] <= 0.25 * np.sqrt(28 * 14) + 1e-6


def test_a_hole_is_where_no_training_code_is_as_near_as_to_nearly_all_test_codes():
    # Training codes on whole numbers; 199 of 200 test codes are 0.1 from one, the last is 0.4 away.
    train = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    test = train[:200] + [0.1, 0.0]
    test[0] += [0.3, 0.0]
    z = np.array([[3.05, 4.0], [3.0, 4.2], [3.5, 4.5], [-1.0, 0.0], [19.0, 19.0]])
    found = measures.in_hole(train, test, z)
    assert found.tolist() == [False, True, True, True, False]


def test_with_three_dimensions_there_is_no_grid_and_no_integral(two_pixels, monkeypatch):
    class WithAThird(TwoPixels):
        latent_dim = 3

        @staticmethod
        def encode(images):
            return np.pad(TwoPixels.encode(images), [(0, 0), (0, 1)])

        @staticmethod
        def decoder(z):
            return TwoPixels.decoder(z[:, :2])

    found = measures.measure_all(WithAThird(), *two_pixels[1:])
    in_the_plane = {"filled_square", "loglik", "loglik_sigma2", "loglik_halving"}
    assert measures.measure_all(*two_pixels).keys() - found.keys() == in_the_plane


def test_the_draws_of_measure_all_follow_from_the_seed(two_pixels):
    model, data, classifier = two_pixels
    codes = model.encode(data.test_images)
    first, again, other = (
        measures.measure_pictures(model, data.test_images, codes, classifier, seed)
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first["sample_sharpness"] != other["sample_sharpness"]
    assert first["filled_square"] == other["filled_square"]


def test_models_with_a_posterior_have_three_measures_more(seeded):
    model, rng = models.VAE(), np.random.default_rng(19)
    images = rng.uniform(size=(60, 28, 28, 1)).astype("float32")
    found = measures.measure_posterior(model, images)
    assert [*found] == ["elbo", "mutual_information", "active_units"]
    assert found["elbo"] < -784 * 0.5
    assert 0 <= found["mutual_information"] <= np.log(60)
    stochastic = models.InfoVAE(alpha=1.0, likelihood="squared_error")
    assert [*measures.measure_posterior(stochastic, images)] == [
        "mutual_information",
        "active_units",
    ]
    assert measures.measure_posterior(models.MMDVAE(), images) == {}


# ---- what is said of them ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        measures.centre_and_spread, measures.mmd_to_prior, measures.mmd_to_prior_imq,
        measures.sliced_wasserstein, measures.knn_accuracy, measures.probe_accuracy,
        measures.silhouette, measures.kmeans_nmi, measures.squared_error,
        picture_measures.sharpness, picture_measures.sharpness_ratios,
        picture_measures.path_measures, picture_measures.changes_per_path,
        picture_measures.largest_singular_values, recognition.recognised,
        likelihood.log_likelihood, likelihood.fit_measures, likelihood.elbo,
        likelihood.mutual_information, likelihood.active_units,
    ],
)  # fmt: skip
def test_a_measure_says_where_it_comes_from_how_it_misleads_and_where_it_is_explained(function):
    said = " ".join(function.__doc__.split())
    for part in ("Source", "Pitfall: ", "hapter"):
        assert part in said, f"{function.__name__}: {part}"

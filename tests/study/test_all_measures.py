"""Every measure of the study together, and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from vae_helpers import measures, models
from vae_study import all_measures, code_measures, likelihood, picture_measures, recognition


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


class TwoPixels:
    """A made-up model: its code is two pixels, its decoder lights two halves of the picture."""

    latent_dim, decoder_output, learns_prior = 2, "pixels", False
    outputs_per_dim, image_shape = 1, (28, 28, 1)

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
    found = all_measures.study_measures(*two_pixels)
    only_with_q = {"elbo", "mutual_information", "active_units"}
    assert [*found] == [key for key in all_measures.TITLES if key not in only_with_q]
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values())
    data = two_pixels[1]
    once = measures.measures_of_chapter_4(two_pixels[0], data)
    for key in ("mmd_to_prior", "knn_accuracy", "squared_error"):
        assert found[key] == once[key]
    # A light right half is z₂ > 0: half of the draws and of the grid.
    assert found["filled_prior"] == pytest.approx(0.5, abs=0.2)
    assert found["filled_square"] == 0.5
    assert 1 <= found["class_changes"] < 1.2
    assert found["path_ratio"] == pytest.approx(1, abs=0.1)
    assert 0 < found["slope_median"] <= found["slope_high"] <= 0.25 * np.sqrt(28 * 14) + 1e-6


def test_with_three_dimensions_there_is_no_grid_and_no_integral(two_pixels, monkeypatch):
    class WithAThird(TwoPixels):
        latent_dim = 3

        @staticmethod
        def encode(images):
            return np.pad(TwoPixels.encode(images), [(0, 0), (0, 1)])

        @staticmethod
        def decoder(z):
            return TwoPixels.decoder(z[:, :2])

    found = all_measures.study_measures(WithAThird(), *two_pixels[1:])
    in_the_plane = {"filled_square", "loglik", "loglik_sigma2", "loglik_halving"}
    assert all_measures.study_measures(*two_pixels).keys() - found.keys() == in_the_plane


def test_the_draws_of_measure_all_follow_from_the_seed(two_pixels):
    model, data, classifier = two_pixels
    codes = model.encode(data.test_images)
    first, again, other = (
        all_measures.measure_pictures(model, data.test_images, codes, classifier, seed)
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first["sample_sharpness"] != other["sample_sharpness"]
    assert first["filled_square"] == other["filled_square"]


def test_models_with_a_posterior_have_three_measures_more(seeded):
    model, rng = models.VAE(), np.random.default_rng(19)
    images = rng.uniform(size=(60, 28, 28, 1)).astype("float32")
    found = all_measures.measure_posterior(model, images)
    assert [*found] == ["elbo", "mutual_information", "active_units"]
    assert found["elbo"] < -784 * 0.5
    assert 0 <= found["mutual_information"] <= np.log(60)
    stochastic = models.InfoVAE(alpha=1.0, likelihood="squared_error")
    assert [*all_measures.measure_posterior(stochastic, images)] == [
        "mutual_information",
        "active_units",
    ]
    assert all_measures.measure_posterior(models.MMDVAE(), images) == {}


@pytest.mark.parametrize(
    "function",
    [
        code_measures.centre_and_spread, measures.mmd_to_prior, code_measures.mmd_to_prior_imq,
        code_measures.sliced_wasserstein, measures.knn_accuracy, code_measures.probe_accuracy,
        code_measures.silhouette, code_measures.kmeans_nmi, measures.squared_error,
        picture_measures.sharpness, picture_measures.sharpness_ratios,
        picture_measures.path_measures, picture_measures.changes_per_path,
        picture_measures.largest_singular_values, recognition.recognised,
        likelihood.log_likelihood, likelihood.fit_measures, likelihood.elbo,
        measures.mutual_information, code_measures.active_units,
    ],
)  # fmt: skip
def test_a_measure_says_where_it_comes_from_how_it_misleads_and_where_it_is_explained(function):
    said = " ".join(function.__doc__.split())
    for part in ("Source", "Pitfall: ", "hapter"):
        assert part in said, f"{function.__name__}: {part}"

"""The classifier that may say "no such thing": what it is taught, what it lets pass, its cache.

On made-up images of ten classes, so that training takes seconds.
"""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vae_helpers import recognition
from vae_helpers.checks import check_array, check_number


def bars(n, seed):
    """Images of ten classes: a bright bar with fine stripes, its place and direction the class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 10).astype("uint8")
    images = np.zeros((n, 28, 28, 1), "float32")
    for image, label in zip(images, labels, strict=True):
        at = 1 + 5 * (label % 5) + rng.integers(2)
        image[at : at + 4, 4:24, 0] = rng.uniform(0.6, 1) * (np.arange(20) % 4 > 0)
        if label >= 5:
            image[:] = image.transpose(1, 0, 2)
    return images, labels


@pytest.fixture(scope="module")
def data():
    train_images, train_labels = bars(800, seed=0)
    test_images, test_labels = bars(300, seed=1)
    return SimpleNamespace(
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        name="mnist",
    )


@pytest.fixture(scope="module")
def classifier(data):
    return recognition.as_classifier(
        recognition.train_network(data, epochs=10, batch_size=50), data
    )


def test_the_controls_part_real_images_from_pictures_of_nothing(data, classifier):
    found = recognition.controls(classifier, data)
    assert found["test_images"] > 0.85
    assert max(found[name] for name in ("averages", "blurred", "class_means")) < 0.2
    assert classifier.test_accuracy > 0.95
    assert (
        recognition.most_probable_class(classifier, data.test_images) == data.test_labels
    ).mean() == pytest.approx(classifier.test_accuracy)


def test_noise_and_blank_pictures_do_not_fill_a_space(classifier):
    rng = np.random.default_rng(2)
    noise = rng.uniform(size=(100, 28, 28, 1)).astype("float32")
    assert recognition.filled(classifier, noise) < 0.1
    assert recognition.filled(classifier, np.ones((3, 28, 28, 1), "float32")) == 0


def test_to_be_recognised_takes_confidence_and_a_near_training_image():
    """A network that reads its answer off the first pixel and its one feature off the second."""

    def predict(pictures, **_):
        probabilities = np.zeros((len(pictures), 11))
        probabilities[:, 3] = 0.4
        probabilities[:, 10] = pictures[:, 0, 0, 0]
        return probabilities, pictures[:, 0, 1]

    fake = recognition.Classifier(
        SimpleNamespace(predict=predict),
        NearestNeighbors(n_neighbors=1).fit([[0.0], [1.0]]),
        limit=0.2,
        test_accuracy=1.0,
    )
    pictures = np.zeros((6, 28, 28, 1), "float32")
    pictures[:, 0, 0, 0] = [0, 0.05, 0.15, 0, 0, 0]
    pictures[:, 0, 1, 0] = [0, 0.85, 0, 0.15, 0.25, 0.5]
    found = recognition.recognised(fake, pictures)
    assert found.tolist() == [True, True, False, True, False, False]
    assert recognition.filled(fake, pictures) == 0.5
    assert recognition.most_probable_class(fake, pictures).tolist() == [3] * 6


def test_of_another_class_gives_every_label_one_that_differs():
    labels = np.array([0] * 95 + [1] * 5)
    other = recognition.of_another_class(labels, np.random.default_rng(3))
    assert (labels[other] != labels).all()
    with pytest.raises(ValueError, match="two classes"):
        recognition.of_another_class(np.zeros(4), np.random.default_rng(3))


def test_a_blur_spreads_a_point_as_a_normal_density():
    point = np.zeros((1, 28, 28, 1), "float32")
    point[0, 14, 14, 0] = 1
    soft = recognition.blurred(point, 2.0)
    assert soft.sum() == pytest.approx(1, rel=1e-3)
    assert soft[0, 14, 14, 0] == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)
    assert soft[0, 14, 16, 0] / soft[0, 14, 14, 0] == pytest.approx(np.exp(-0.5), rel=0.01)


def test_look_alikes_are_of_their_class_and_pictures_of_nothing_of_none(data):
    images, labels = data.train_images, data.train_labels
    rng = np.random.default_rng(4)
    smooth, smooth_labels = recognition.look_alikes(images, labels, rng, per_class=30)
    assert len(smooth) == len(smooth_labels) == 2 * 10 * 30
    for label in range(10):
        outside = images[labels == label].max(axis=0) == 0
        plain = smooth[smooth_labels == label][:10]  # not blurred
        assert plain[:, outside].max() == 0

    nothing = recognition.pictures_of_nothing(images, labels, rng, of_each=40)
    assert nothing.shape == (200, 28, 28, 1)
    assert nothing.dtype == smooth.dtype == np.float32
    assert 0 <= min(nothing.min(), smooth.min()) <= max(nothing.max(), smooth.max()) <= 1


def test_the_classifier_is_trained_once_and_then_read_from_the_cache(
    data, classifier, monkeypatch, tmp_path
):
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(tmp_path))
    monkeypatch.setattr(recognition, "train_network", lambda data: classifier.network)
    first = recognition.load_classifier(data)
    assert first.limit == classifier.limit
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("classifier-mnist-")
    assert path.name.endswith(".weights.h5")

    again = recognition.load_classifier(data)
    assert again.network is not classifier.network
    assert again.limit == pytest.approx(classifier.limit)
    for ours, theirs in zip(
        again.network.get_weights(), classifier.network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)

    path.write_bytes(b"no weights")
    with pytest.warns(UserWarning, match="is damaged and will be replaced"):
        recognition.load_classifier(data)
    assert len(list(tmp_path.iterdir())) == 1
    assert path.stat().st_size > 1000


def test_an_error_after_reading_the_cache_is_not_called_damage(
    data, classifier, monkeypatch, tmp_path
):
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(tmp_path))
    monkeypatch.setattr(recognition, "train_network", lambda data: classifier.network)
    recognition.load_classifier(data)
    (path,) = tmp_path.iterdir()
    sound = path.read_bytes()

    def full(network, data):
        raise MemoryError("no room")

    monkeypatch.setattr(recognition, "as_classifier", full)
    with pytest.raises(MemoryError, match="no room"):
        recognition.load_classifier(data)
    assert path.read_bytes() == sound


def test_a_cache_that_cannot_be_written_costs_no_classifier(
    data, classifier, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(recognition, "train_network", lambda data: classifier.network)
    with pytest.warns(UserWarning, match="cannot be kept in .*set VAE_HELPERS_CACHE"):
        assert recognition.load_classifier(data).limit == classifier.limit


def test_the_caches_file_is_another_one_for_other_data_or_another_recipe(data, monkeypatch):
    name = recognition._weights_path(data).name
    assert recognition._weights_path(data).name == name
    fewer = SimpleNamespace(**vars(data) | {"train_images": data.train_images[:-1]})
    other = recognition._weights_path(fewer).name
    assert other != name
    monkeypatch.setattr(recognition, "blurred", lambda images, sigma: images)
    assert recognition._weights_path(data).name not in (name, other)


def test_what_a_function_refuses_is_no_part_of_the_recipe():
    def taught(images, sigma):
        return 2 * images + sigma

    def checked(images, sigma):
        images = check_array(images, "images", ("n", 28, 28, 1))
        check_number(sigma, "sigma", low=0)
        return 2 * images + sigma

    source = recognition._without_checks(checked)
    assert source == recognition._without_checks(taught).replace("taught", "checked")
    for part in (recognition.blurred, recognition.look_alikes, recognition.train_network):
        assert "check_" in inspect.getsource(part)
        assert "check_" not in recognition._without_checks(part)

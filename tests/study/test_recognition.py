"""The classifier that may say "no such thing": what it is taught, and what it lets pass.

On made-up images of ten classes, so that training takes seconds, but for the one that is shipped.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vae_study import recognition


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


@pytest.mark.slow
def test_the_controls_part_real_images_from_pictures_of_nothing(data, classifier):
    found = recognition.controls(classifier, data)
    assert found["test_images"] > 0.85
    assert max(found[name] for name in ("averages", "blurred", "class_means")) < 0.2
    assert classifier.test_accuracy > 0.95
    assert (
        recognition.most_probable_class(classifier, data.test_images) == data.test_labels
    ).mean() == pytest.approx(classifier.test_accuracy)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("dataset", recognition.DATASETS)
def test_the_shipped_classifier_parts_real_images_from_pictures_of_nothing(load, dataset):
    real = load(dataset)
    found = recognition.load_classifier(real)
    shares = recognition.controls(found, real, n=500)
    assert shares["test_images"] > 0.9
    assert max(shares[name] for name in ("averages", "blurred", "class_means")) < 0.15
    assert found.test_accuracy > (0.86 if dataset == "fashion_mnist" else 0.98)


@pytest.mark.long  # two minutes for each
@pytest.mark.parametrize("dataset", recognition.DATASETS)
def test_the_shipped_classifier_was_taught_what_this_module_teaches(load, dataset):
    real = load(dataset)
    again = recognition.as_classifier(recognition.train_network(real), real)
    shipped = recognition.load_classifier(real)
    assert again.test_accuracy == pytest.approx(shipped.test_accuracy, abs=0.01)
    assert recognition.controls(again, real) == pytest.approx(
        recognition.controls(shipped, real), abs=0.03
    )


def test_there_is_no_classifier_for_other_data(data):
    with pytest.raises(ValueError, match=r"unknown data\.name 'cifar10'"):
        recognition.load_classifier(SimpleNamespace(**vars(data) | {"name": "cifar10"}))

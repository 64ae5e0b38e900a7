"""Which decoded pictures show something: a small classifier that may also answer "no such thing".

Distance in pixels would reward blur: the mean of two garments lies nearer to most garments than
these lie to each other. And a classifier that knows ten classes only must call anything one of
them. So this one has an eleventh class, taught with pictures of nothing, and ``controls`` says what
it makes of pictures whose answer is known.
Chapter 7 introduces it.
"""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from scipy.ndimage import gaussian_filter
from scipy.special import expit
from sklearn.neighbors import NearestNeighbors

from vae_helpers.checkpoints import unaltered
from vae_helpers.checks import check_known
from vae_helpers.networks import build_encoder

JUDGE = Path(__file__).parent / "judge"
DATASETS = ("fashion_mnist", "mnist")  # those that have such a judge
CLASSES = 10
NOTHING = 10  # the eleventh class
CONFIDENCE = 0.9
BLOCK = 1000


class Classifier(NamedTuple):
    """What ``load_classifier`` returns.

    network : images [n, 28, 28, 1] to probabilities [n, 11] and features [n, 64]
    nearest : scikit-learn's NearestNeighbors on the training images' features
    limit : 95 % of test images have a training image within this distance of their features
    test_accuracy : share of test images whose most probable of the ten classes is theirs
    """

    network: keras.Model
    nearest: NearestNeighbors
    limit: float
    test_accuracy: float


# ---- the measure ----------------------------------------------------------------------------


def recognised(classifier, pictures):
    """Which pictures show something: true or false for each of n.

    1 − p(nothing | x) > 0.9  and  min_i ‖f(x) − f(x_i)‖ ≤ q

    with p the classifier's eleventh probability, f its 64 features, x_i the training images and q
    the distance within which 95 % of test images have one. Which of the ten classes it is may stay
    open: only two thirds of real garments have a class that this classifier is 90 % sure of.
    Sources: Hendrycks, Mazeika & Dietterich (2019) for teaching a classifier what is nothing;
    Kynkäänniemi et al. (2019) for nearest real images in features.
    Pitfall: smooth reconstructions of real images often fail, so read it beside their share
    (``filled_reconstructions``) and beside ``controls``; and what "nothing" looks like was learnt
    from our examples.
    Chapter 7 introduces it.

    Parameters
    ----------
    classifier : from ``load_classifier``
    pictures : float32, [n, 28, 28, 1], in [0, 1]
    """
    probabilities, features = _look(classifier.network, pictures)
    distances = classifier.nearest.kneighbors(features)[0][:, 0]
    return (1 - probabilities[:, NOTHING] > CONFIDENCE) & (distances <= classifier.limit)


def filled(classifier, pictures):
    """Share of pictures that are ``recognised``, in [0, 1]; real test images have 0.9 or so.

    Source and pitfall: those of ``recognised``. Chapter 7 introduces it.
    """
    return float(recognised(classifier, pictures).mean())


def most_probable_class(classifier, pictures):
    """The most probable of the ten classes, "no such thing" left out: whole numbers [n]."""
    return _look(classifier.network, pictures)[0][:, :CLASSES].argmax(axis=1)


def controls(classifier, data, n=2000, seed=0):
    """``filled`` for pictures whose answer is known: {name: share in [0, 1]}.

    ``test_images``      all test images; should be high. Its limit of distance was set on these same
                         images, so that 95 % of them keep it by construction
    ``averages``         means of two test images of different classes; should be low
    ``blurred``          test images under a Gaussian blur of 2.5 pixels; should be low
    ``class_means``      the mean test image of each of the ten classes; should be low

    The second and the third are taken on n test images, drawn by seed.
    Chapter 7 shows them.
    """
    images, labels = data.test_images, data.test_labels
    rng = np.random.default_rng(seed)
    some = rng.choice(len(images), min(n, len(images)), replace=False)
    other = some[of_another_class(labels[some], rng)]
    return {
        "test_images": filled(classifier, images),
        "averages": filled(classifier, (images[some] + images[other]) / 2),
        "blurred": filled(classifier, blurred(images[some], 2.5)),
        "class_means": filled(
            classifier, np.stack([images[labels == k].mean(axis=0) for k in np.unique(labels)])
        ),
    }


# ---- what the classifier is taught ----------------------------------------------------------


def blurred(images, sigma):
    """Images under a Gaussian blur of standard deviation ``sigma``, in pixels."""
    return gaussian_filter(images, (0, sigma, sigma, 0))


def of_another_class(labels, rng):
    """For each label the index of one that differs from it, drawn by rng."""
    other = rng.permutation(len(labels))
    while (same := labels[other] == labels).any():
        other[same] = rng.integers(len(labels), size=same.sum())
    return other


def look_alikes(images, labels, rng, per_class=1500, neighbors=(5, 15, 45)):
    """Smooth pictures of one thing, and their labels.

    Means of an image and its 5, 15 or 45 nearest ones of the same class, as they are and under a
    blur of 1 pixel. A model with two latent dimensions can draw no more than what look-alikes
    have in common, and that should not count against it.
    """
    made, made_labels = [], []
    for label in np.unique(labels):
        own = images[labels == label]
        flat = own.reshape(len(own), -1)
        some = rng.choice(len(own), min(per_class, len(own)), replace=False)
        search = NearestNeighbors(n_neighbors=min(max(neighbors) + 1, len(own)), algorithm="brute")
        near = search.fit(flat).kneighbors(flat[some], return_distance=False)
        for rows, count in zip(np.array_split(near, len(neighbors)), neighbors, strict=True):
            means = np.stack([own[row[: count + 1]].mean(axis=0) for row in rows])
            made += [means, blurred(means, 1.0)]
        made_labels.append(np.full(2 * len(some), label))
    return np.concatenate(made), np.concatenate(made_labels)


def pictures_of_nothing(images, labels, rng, of_each=5000):
    """Pictures that show no one thing, of five kinds, ``of_each`` of each.

    Two images of different classes laid over one another, the second with a weight of 0.3 to 0.45;
    images under a blur of 2, 3 or 4 pixels; means of 30 to 200 images of one class, drawn at random;
    images with two opposite quarters from an image of another class; images with soft stains in
    which black and white are swapped, like the rubble that a decoder draws where it never trained.
    No picture of ``controls`` is among them: these are made from training images, with other
    weights, blurs and counts.
    """
    of_each = min(of_each, len(images))
    first = rng.choice(len(images), of_each, replace=False)
    second = first[of_another_class(labels[first], rng)]
    weights = rng.uniform(0.3, 0.45, (of_each, 1, 1, 1)).astype("float32")
    overlaid = (1 - weights) * images[first] + weights * images[second]

    parts = np.array_split(rng.choice(len(images), of_each, replace=False), 3)
    blurs = [blurred(images[p], sigma) for p, sigma in zip(parts, (2, 3, 4), strict=True)]

    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    means = np.stack(
        [
            images[rng.choice(by_class[i % len(by_class)], rng.integers(30, 201))].mean(axis=0)
            for i in range(of_each)
        ]
    )

    pieced = images[first].copy()
    for rows, columns in ((slice(14), slice(14, 28)), (slice(14, 28), slice(14))):
        pieced[:, rows, columns] = images[second, rows, columns]

    noise = blurred(rng.standard_normal((of_each, 28, 28, 1)).astype("float32"), 2.5)
    noise /= noise.std(axis=(1, 2), keepdims=True)
    stains = expit(4 * (noise - rng.uniform(-0.2, 1.0, (of_each, 1, 1, 1)))).astype("float32")
    stained = (1 - stains) * images[first] + stains * (1 - images[first])
    return np.concatenate([overlaid, *blurs, means, pieced, stained])


# ---- the classifier -------------------------------------------------------------------------


def build_network(features=64):
    """Images [n, 28, 28, 1] to probabilities of the eleven classes and to features [n, 64]."""
    images = keras.Input((28, 28, 1))
    found = layers.ReLU()(build_encoder(features)(images))
    return keras.Model(images, [layers.Dense(CLASSES + 1, activation="softmax")(found), found])


def train_network(data, seed=0, epochs=3, batch_size=200):
    """A trained ``build_network``; one to two minutes on two cores."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    smooth, smooth_labels = look_alikes(data.train_images, data.train_labels, rng)
    nothing = pictures_of_nothing(data.train_images, data.train_labels, rng)
    some = rng.choice(len(data.train_images), len(data.train_images) // 4, replace=False)
    parts = zip(np.array_split(some, 3), (0.5, 0.8, 1.1), strict=True)
    soft = [blurred(data.train_images[part], sigma) for part, sigma in parts]
    images = np.concatenate([data.train_images, *soft, smooth, nothing])
    labels = np.concatenate(
        [
            data.train_labels,
            data.train_labels[some],
            smooth_labels,
            np.full(len(nothing), NOTHING),
        ]
    )

    network = build_network()
    learner = keras.Model(network.input, network.output[0])
    learner.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    learner.fit(images, labels, batch_size=batch_size, epochs=epochs, verbose=0)
    return network


def as_classifier(network, data):
    """What else ``recognised`` needs to know, from training images and test images."""
    probabilities, features = _look(network, data.test_images)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute")
    nearest.fit(_look(network, data.train_images)[1])
    return Classifier(
        network,
        nearest,
        limit=float(np.quantile(nearest.kneighbors(features)[0], 0.95)),
        test_accuracy=float((probabilities[:, :CLASSES].argmax(axis=1) == data.test_labels).mean()),
    )


def load_classifier(data):
    """The classifier that the study judges pictures with, of one of the two data sets.

    Its weights are shipped with the package, as ``train_network`` made them: a classifier that every
    machine trained for itself would judge differently on each.

    Parameters
    ----------
    data : ImageDataset

    Returns
    -------
    Classifier

    Raises
    ------
    ValueError  ``data.name`` has no such classifier, or the weights have been altered
    """
    check_known(data.name, "data.name", DATASETS)
    network = build_network()
    network.load_weights(unaltered(JUDGE / f"classifier-{data.name}.weights.h5"))
    return as_classifier(network, data)


def _look(network, pictures):
    return network.predict(pictures, batch_size=BLOCK, verbose=0)

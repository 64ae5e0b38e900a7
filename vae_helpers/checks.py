"""What may enter: images are looked at here, before they disappear into a graph.

Assertions inside a compiled step are dropped under XLA, so arrays are checked while they are
still arrays, and data sets by what they say about their elements.
"""

import numpy as np
import tensorflow as tf

IMAGE_SHAPE = (28, 28, 1)


def check_images(images, name="images"):
    """Refuse anything that is not float32 images of shape [n, 28, 28, 1] with values in [0, 1].

    Parameters
    ----------
    images : array or tensor
    name : the argument's name, for the message.

    Raises
    ------
    TypeError   the dtype is not float32
    ValueError  the shape is wrong, there is no image, or a value is NaN or outside [0, 1]
    """
    if not hasattr(images, "dtype") or not hasattr(images, "shape"):
        raise TypeError(f"{name} must be a float32 array or tensor, not a {type(images).__name__}")
    check_element(images.shape, images.dtype, name)
    values = np.asarray(images)
    if len(values) == 0:
        raise ValueError(f"{name} holds no image")
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"{name} must lie in [0, 1], but its values run from {low:g} to {high:g}; "
            "load_images returns images that do"
        )


def check_element(shape, dtype, name="images"):
    """Refuse a batch of images by its shape and dtype alone."""
    shape = tuple(shape)
    if len(shape) != 4 or shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"{name} must have shape [n, 28, 28, 1], not {list(shape)}")
    if tf.as_dtype(dtype) != tf.float32:
        raise TypeError(
            f"{name} must be float32, not {tf.as_dtype(dtype).name}; "
            "for grey values of 0 to 255 use images.astype('float32') / 255"
        )


def check_number(value, name, *, low=-np.inf, high=np.inf, whole=False):
    """Return ``value`` if it is a finite (whole) number from low to high; refuse it otherwise."""
    try:
        number = int(value) if whole else float(value)
        right = number == value and np.isfinite(number) and low <= number <= high
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right or isinstance(value, bool):
        wanted = "a whole number" if whole else "a finite number"
        if low > -np.inf:
            wanted += f" of at least {low}"
        if high < np.inf:
            wanted += f" of at most {high}"
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return number

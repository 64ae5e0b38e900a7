"""What may enter: images, codes and numbers are looked at here, before they disappear into a graph.

Assertions inside a compiled step are dropped under XLA, so arrays are checked while they are
still arrays, and data sets by what they say about their elements.
"""

import numpy as np
import tensorflow as tf

IMAGE_SHAPE = (28, 28, 1)
# Codes may lie this far out: their squares, summed, still fit into float32.
FARTHEST = 1e15


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
    values = _as_array(images, name)
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
    shape = tf.TensorShape(shape)
    if shape.rank != 4 or tuple(shape[1:]) != IMAGE_SHAPE:
        known = "an unknown one" if shape.rank is None else shape.as_list()
        raise ValueError(f"{name} must have shape [n, 28, 28, 1], not {known}")
    if str(getattr(dtype, "name", dtype)) != "float32":
        raise TypeError(
            f"{name} must be float32, not {getattr(dtype, 'name', dtype)}; "
            "for grey values of 0 to 255 use images.astype('float32') / 255"
        )


def check_array(values, name, shape, *, low=-FARTHEST, high=FARTHEST, whole=False, kinds="iuf"):
    """Return ``values`` as an array if they are numbers of a shape and a range; refuse them otherwise.

    Parameters
    ----------
    values : anything that NumPy makes an array of
    name : the argument's name, for the message.
    shape : sizes, or letters for sizes of any number above 0: ("n", 2)
    low, high : the range, ends included; NaN lies in none
    whole : whether they must be whole numbers
    kinds : NumPy's letters for the kinds of numbers: signed, unsigned and floating-point

    Raises
    ------
    TypeError   no real numbers
    ValueError  the shape is wrong, there is no number, or one is NaN or out of range
    """
    array = _as_array(values, name)
    if array.dtype.kind not in kinds:
        wanted = "floating-point numbers" if kinds == "f" else "numbers"
        raise TypeError(f"{name} must be an array of {wanted}, not of {array.dtype}")
    fits = [
        have == want or isinstance(want, str)
        for have, want in zip(array.shape, shape, strict=False)
    ]
    if len(shape) != array.ndim or not all(fits):
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{name} must have shape [{wanted}], not {list(array.shape)}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, but has shape {list(array.shape)}")
    lowest, highest = float(array.min()), float(array.max())  # float16 cannot hold the limits
    if not (low <= lowest and highest <= high):
        raise ValueError(
            f"{name} must lie between {low:g} and {high:g}, "
            f"but its values run from {lowest:g} to {highest:g}"
        )
    if whole and (array != np.rint(array)).any():
        raise ValueError(f"{name} must be whole numbers")
    return array


def check_codes(codes, name="codes", *, d="d", least=1):
    """Return codes [n, d] as an array if they are finite, and n at least ``least``."""
    array = check_array(codes, name, ("n", d))
    if len(array) < least:
        raise ValueError(f"{name} must hold at least {least} points, not {len(array)}")
    return array


def check_labels(labels, name="labels", *, n="n", classes=1, each=1):
    """Return labels [n] as an array if they are whole numbers of at least 0.

    Of at least so many ``classes``, and ``each`` of these at least so often.
    """
    array = check_array(labels, name, (n,), low=0, whole=True)
    found, counts = np.unique(array, return_counts=True)
    if len(found) < classes:
        raise ValueError(f"{name} must hold at least {'two' if classes == 2 else classes} classes")
    if counts.min() < each:
        raise ValueError(f"{name} must hold each class at least {each} times")
    return array


def check_known(value, what, names):
    """Refuse what is none of the names there are of something, such as runs."""
    if value not in list(names):  # a list: what cannot be hashed is no name either
        raise ValueError(f"unknown {what} {value!r}; there are {', '.join(map(repr, names))}")


def check_parts(value, name, kind, *parts):
    """Refuse what is not of a kind, by the parts that are asked of it."""
    for part in parts:
        if not hasattr(value, part):
            raise TypeError(f"{name} must be {kind}; this {type(value).__name__} has no {part}")


def check_dataset(data, name="data", *, least=1):
    """Refuse what is no data set: four arrays, as ``load_images`` returns them.

    At least so many images must be in either part.
    """
    parts = ("train_images", "train_labels", "test_images", "test_labels")
    check_parts(data, name, "an ImageDataset", *parts)
    for part in ("train", "test"):
        images = getattr(data, f"{part}_images")
        check_images(images, f"{name}.{part}_images")
        if len(images) < least:
            raise ValueError(f"{name}.{part}_images must be at least {least}, not {len(images)}")
        check_labels(getattr(data, f"{part}_labels"), f"{name}.{part}_labels", n=len(images))


def _as_array(values, name):
    try:
        return np.asarray(values)
    except Exception as error:  # whatever a ragged list or a symbolic tensor makes NumPy raise
        raise TypeError(f"{name} must be an array, not a {type(values).__name__}") from error


def check_number(value, name, *, low=-np.inf, high=np.inf, whole=False):
    """Return ``value`` if it is a finite (whole) number from low to high; refuse it otherwise."""
    try:
        if np.ndim(value) > 0:
            raise TypeError("an array of one number is none")
        number = int(value) if whole else float(value)
        right = number == value and np.isfinite(number) and low <= number <= high
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right or isinstance(value, bool | np.bool):
        wanted = "a whole number" if whole else "a finite number"
        if -np.inf < low and high < np.inf:
            wanted += f" from {low} to {high}"
        elif low > -np.inf:
            wanted += f" of at least {low}"
        elif high < np.inf:
            wanted += f" of at most {high}"
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return number

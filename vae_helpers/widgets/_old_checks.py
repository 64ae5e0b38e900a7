"""Until the explorer is rewritten."""

import numpy as np

FARTHEST = 1e15


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


def check_parts(value, name, kind, *parts):
    """Refuse what is not of a kind, by the parts that are asked of it."""
    for part in parts:
        if not hasattr(value, part):
            raise TypeError(f"{name} must be {kind}; this {type(value).__name__} has no {part}")


def _as_array(values, name):
    try:
        return np.asarray(values)
    except Exception as error:  # whatever a ragged list or a symbolic tensor makes NumPy raise
        raise TypeError(f"{name} must be an array, not a {type(values).__name__}") from error

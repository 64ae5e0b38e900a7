"""Drawn faces whose two coordinates, valence and arousal, are known. Introduced in chapter 14."""

from functools import reduce
from typing import NamedTuple

import numpy as np

from .checks import check_known, check_number
from .data import ImageDataset

EXPRESSIONS = ("angry", "sad", "content", "delighted")
# What can vary, and the coordinates that belong to it; 0 is the middle of each.
COORDINATES = {
    "valence": ("valence",), "arousal": ("arousal",), "place": ("right", "up"), "size": ("size",),
    "tilt": ("tilt",), "tone": ("tone",), "person": ("face", "hair"),
}  # fmt: skip
NAMES = tuple(name for names in COORDINATES.values() for name in names)
NUISANCES = tuple(COORDINATES)[2:]
BLOCK = 250  # faces at a time, so that they stay in the processor's cache


class Faces(NamedTuple):
    """Faces, and the coordinates that they were drawn from.

    data : ImageDataset; labels are the quadrant of the expression, ``EXPRESSIONS``, where valence and
        arousal both vary
    train, test : dict, coordinate → [n] in [−1, 1], of the training and of the test images:
        "valence" (negative to positive), "arousal" (calm to excited), and others of ``COORDINATES``
    """

    data: ImageDataset
    train: dict[str, np.ndarray]
    test: dict[str, np.ndarray]


def draw_faces(
    n: int = 20_000, vary: tuple[str, ...] = ("valence", "arousal"), *, seed: int = 0,
    size: int = 28, shape: str = "square", strength: float = 1.0, test: int = 3_000,
) -> Faces:  # fmt: skip
    """Draw ``n`` faces to train on and ``test`` others, with coordinates drawn at random.

    Each coordinate is uniform, with random numbers of its own; what does not vary is in its middle.

    Parameters
    ----------
    n, test, seed : whole numbers, at least 1; the seed at least 0
    vary : some of "valence", "arousal", "place", "size", "tilt", "tone", "person"
    size : pixels in height and width, at least 8
    shape : what (valence, arousal) fill: "square", [−1, 1]²; "disk", the unit disk (the circle of
        Russell 1980); "correlated": each alone is uniform, together they correlate by 0.72
    strength : how far the nuisances (all but the first two) vary, from 0 to 1. At 1 the face moves by
        a tenth of its picture in each direction, grows or shrinks by a fifth, tilts by 20°, takes
        greys from white to 0.4, and goes from narrow to wide and from bald to fringe

    Raises
    ------
    ValueError
        An argument out of its range, an unknown name, or a shape whose coordinates do not both vary.
    """
    n, test = (check_number(v, k, low=1, whole=True) for v, k in ((n, "n"), (test, "test")))
    seed = check_number(seed, "seed", low=0, whole=True)
    strength = check_number(strength, "strength", low=0, high=1)
    for name in (vary := (vary,) if isinstance(vary, str) else tuple(vary)):
        check_known(name, "name in vary", COORDINATES)
    check_known(shape, "shape", ("square", "disk", "correlated"))
    both = {"valence", "arousal"} <= set(vary)
    if shape != "square" and not both:
        raise ValueError(f"shape {shape!r} needs valence and arousal in vary, not {vary}")
    sets, images = [], []
    for number, count in enumerate((n, test)):
        drawn = {}
        for column, name in enumerate(NAMES):
            rng = np.random.default_rng([seed, number, column])
            drawn[name] = rng.uniform(-1, 1, count).astype("float32")
        if shape == "disk":  # radius and angle, so that the area is filled evenly
            radius, angle = np.sqrt((drawn["valence"] + 1) / 2), np.pi * drawn["arousal"]
            drawn |= {"valence": radius * np.cos(angle), "arousal": radius * np.sin(angle)}
        elif shape == "correlated":  # a step from valence, reflected at ±1, is uniform again
            step = drawn["valence"] + 0.85 * drawn["arousal"]
            drawn["arousal"] = step - 2 * np.sign(step) * np.maximum(np.abs(step) - 1, 0)
        varied = [name for kind in COORDINATES if kind in vary for name in COORDINATES[kind]]
        scale = {name: np.float32(1 if name in NAMES[:2] else strength) for name in varied}
        sets.append({name: drawn[name] * scale[name] for name in varied})
        images.append(faces_at({"valence": np.zeros(count)} | sets[-1], size))
    labels = [quadrant(c["valence"], c["arousal"]) for c in sets] if both else [None, None]
    return Faces(ImageDataset(*images, *labels, EXPRESSIONS if both else (), "faces"), *sets)


def quadrant(valence, arousal):
    """Which of ``EXPRESSIONS`` each pair of coordinates is: whole numbers, in their shape."""
    positive, excited = np.asarray(valence) >= 0, np.asarray(arousal) >= 0
    return np.where(positive, np.where(excited, 3, 2), np.where(excited, 0, 1))


def faces_at(coordinates: dict[str, np.ndarray], size: int = 28) -> np.ndarray:
    """The faces that belong to given coordinates: {name: number or [n]}; those left out are 0.

    Names and ranges are those of ``Faces``. Returns float32 [n, size, size, 1] in [0, 1], 1 being ink.
    """
    size = check_number(size, "size", low=8, whole=True)
    for name in coordinates:
        check_known(name, "coordinate", NAMES)
    table = np.broadcast_arrays(*(np.asarray(c, "float32") for c in coordinates.values()))
    columns = {k: np.ravel(c) for k, c in zip(coordinates, table, strict=True)}
    n, zero = len(next(iter(columns.values()))) if columns else 1, np.float32(0)
    images = np.empty((n, size, size, 1), "float32")
    for i in range(0, n, BLOCK):
        part = {k: columns[k][i : i + BLOCK, None, None] if k in columns else zero for k in NAMES}
        images[i : i + BLOCK, ..., 0] = _draw(part, size)
    return images


def _draw(c, size):
    """Ink of a block of faces. Lengths are in units of the head's radius."""
    right = (np.arange(size, dtype="float32") - (size - 1) / 2) * 2 / size
    radius = 0.76 * (1 + 0.2 * c["size"])
    x, y = (right - 0.2 * c["right"]) / radius, (-right[:, None] - 0.2 * c["up"]) / radius
    cos, sin = np.cos(c["tilt"] * np.pi / 9), np.sin(c["tilt"] * np.pi / 9)
    x, y = x * cos - y * sin, x * sin + y * cos
    x = x / (1 + 0.16 * c["face"])
    side, pixel = np.abs(x), 2 / size / radius  # both halves are drawn at once

    def ink(distance):  # soft edges: from full to none over one pixel and a half
        return np.clip(0.5 - distance / (1.5 * pixel), 0, 1)

    v, a = c["valence"], c["arousal"]
    wide, negative, smile = (1 + a) / 2, (1 - v) / 2, 0.24 * v
    from_head = np.sqrt(x * x + y * y) - 1
    # Brows rise with arousal, less so in anger, where their inner ends come down; in sadness these rise.
    brow = 0.46 + 0.04 * a + 0.03 * a * v + (side - 0.36) * negative**2 * (0.12 + 0.55 * a)
    # Eyes open with arousal; closed, they are arcs, whose ends are down in content and up in sadness.
    from_eye, eye_height = ((side - 0.36) / 0.16) ** 2, 0.05 + 0.155 * wide
    eye_y = 0.1 + 0.03 * wide + 0.12 * v * (1 - wide) * (0.7 - np.minimum(from_eye, 1.5))
    eye = np.sqrt(from_eye + ((y - eye_y) / eye_height) ** 2)
    width = 0.40 + 0.06 * v
    across = (x / width) ** 2
    opening = 0.2 * wide**2 * np.maximum(1 - across, 0)
    mouth = np.abs(y + 0.44 - smile * (across - 0.5)) - 0.05 - opening
    hairline = 0.86 - 0.18 * c["hair"] - 0.2 * x * x
    parts = [
        ink(np.abs(from_head) - 0.055),
        ink((eye - 1) * np.minimum(eye_height, 0.15)),
        ink(np.maximum(np.abs(y - brow) - 0.05, np.abs(side - 0.36) - 0.2)),
        ink(np.maximum(mouth, np.abs(x) - width)),
        0.75 * ink(np.maximum(from_head, hairline - y)),
        (0.2 + 0.2 * c["tone"]) * ink(from_head),
    ]
    return reduce(np.maximum, parts)

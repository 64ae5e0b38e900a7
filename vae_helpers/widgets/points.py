"""The test images that an explorer shows: where their codes lie, and for a few the image itself."""

from itertools import zip_longest

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..plotting import CLASS_COLORS
from .layers import describe

MAP_POINTS = 2000
SNAPSHOT_POINTS = 1000  # fewer where there are codes of several epochs
MARKED_PER_CLASS = 25
MARKED_BYTES = 200_000  # of all marked images together, about


def places(facts, codes, dims):
    """Where codes [..., latent_dim] lie on a model's map, [..., 2]."""
    if "plane" not in facts:
        return codes
    plane = facts["plane"]
    return (codes[..., dims] - np.array(plane["origin"])) @ np.array(plane["axes"]).T


def describe_points(codes, on_map, data, few, most=None):
    """Some test images: each model's codes, the classes, and for the marked ones the image itself.

    Returns
    -------
    dict: ``places``, float16 [n, 2] for each model, n up to 2,000; ``labels``, uint16 [n], all zero
    where the data has none, and ``class_names``, empty then; ``marked``, positions of up to 25 points
    of each class (fewer of larger images, and no more than ``most`` in all), with their ``codes``,
    float16 [marked, latent_dim] for each model, and ``images``, uint8 [marked, height, width, channels].
    """
    n = SNAPSHOT_POINTS if few else MAP_POINTS
    images = data.test_images[:n]
    names = list(data.class_names)
    if data.test_labels is None:
        labels, names = np.zeros(len(images), int), []
    else:
        labels = np.asarray(data.test_labels)[: len(images)].astype(int)
        names = names or [str(k) for k in range(labels.max() + 1)]
    classes = np.unique(labels)
    # Ten classes' worth where there is one: nobody could pick among all of them anyway.
    each = MARKED_PER_CLASS * (1 if names else 10)
    each = int(np.clip(MARKED_BYTES // (len(classes) * images[0].size), 2, each))
    turns = zip_longest(*(np.flatnonzero(labels == k)[:each].tolist() for k in classes))
    marked = sorted([i for turn in turns for i in turn if i is not None][:most])
    return {
        "places": [part[:n].astype("<f2").tobytes() for part in on_map],
        "codes": [part[marked].astype("<f2").tobytes() for part in codes],
        "labels": labels.astype("<u2").tobytes(),
        "marked": marked,
        "images": np.rint(images[marked] * 255).astype("uint8").tobytes(),
        "class_names": names,
        "colors": list(CLASS_COLORS),
    }


def earlier(snapshots, models, described, codes, dims):
    """The epochs, and each model's places at all of them but the last, float16 [epochs − 1, n, 2].

    Where snapshots hold decoders, each model's description gets ``earlier``: its weights at the same
    epochs, packed like the last ones.
    """
    if not isinstance(snapshots, dict) or set(snapshots) != set(models):
        raise TypeError(
            f"snapshots must be a dict with the names of models, {list(models)}, such as "
            '{"VAE": snapshots("vae", "fashion_mnist")}'
        )
    for name, taken in snapshots.items():
        if not isinstance(taken, dict) or not {"epochs", "codes"} <= set(taken):
            raise TypeError(f"snapshots[{name!r}] must be a dict with epochs and codes")
        shape = np.shape(taken["codes"])
        if len(shape) != 3 or shape[0] != len(taken["epochs"]):
            raise ValueError(
                f"snapshots[{name!r}]['codes'] must have shape [{len(taken['epochs'])}, n, "
                f"latent_dim], not {list(shape)}"
            )
    epochs = np.asarray(next(iter(snapshots.values()))["epochs"]).tolist()
    before = []
    for (name, model), facts, own in zip(models.items(), described, codes, strict=True):
        taken = np.asarray(snapshots[name]["codes"], "float32")[:, :SNAPSHOT_POINTS]
        if np.asarray(snapshots[name]["epochs"]).tolist() != epochs:
            raise ValueError("snapshots must be of the same epochs for all models")
        last = own[:SNAPSHOT_POINTS]
        # float16, and what other processors add.
        if taken.shape[1:] != last.shape or not np.allclose(taken[-1], last, rtol=0.01, atol=0.02):
            raise ValueError(
                f"snapshots[{name!r}] are of another training or other data than "
                f"models[{name!r}]: their last codes are not the model's"
            )
        before.append(places(facts, taken[:-1], dims).astype("<f2").tobytes())
        weights = [snapshots[name][key] for key in _decoder_keys(snapshots[name])]
        if weights:
            facts["earlier"] = _earlier_decoders(name, model.decoder, weights)
    return {"epochs": epochs, "earlier": before}


def _decoder_keys(taken):
    keys = [key for key in taken if key.startswith("decoder_")]
    return sorted(keys, key=lambda key: int(key.removeprefix("decoder_")))


def _earlier_decoders(name, decoder, weights):
    """The decoder packed at all epochs but the last; it has its own weights again afterwards.

    A copy of it would take a number from Python's random generator, from which Keras draws seeds.
    """
    own = decoder.get_weights()
    try:
        packed = []
        for epoch in range(len(weights[0]) - 1):
            decoder.set_weights([np.asarray(part[epoch], "float32") for part in weights])
            packed.append(describe(decoder, f"{name}'s decoder at an earlier epoch")["weights"])
    finally:
        decoder.set_weights(own)
    return packed


def ink(data):
    """What a drawing must be like to look like the data; pixels, medians over the test images.

    ``box`` is the longest side of the ink: 20 for MNIST, 28 for Fashion-MNIST, which fills its
    images. ``pen`` is half as wide as the ink is where it is thickest.
    """
    images = data.test_images[:MAP_POINTS, ..., 0]
    sides = [_extent(images.any(axis=axis)) for axis in (1, 2)]
    to_the_edge = [distance_transform_edt(image > 0.5).max() for image in images]
    return {
        "box": max(float(np.median(np.maximum(*sides))), 1.0),
        "pen": max(float(np.median(to_the_edge)), 1.0),
    }


def _extent(ink):
    """How many pixels lie between the first and the last True of each row, both counted."""
    return ink.shape[1] - ink.argmax(axis=1) - ink[:, ::-1].argmax(axis=1)

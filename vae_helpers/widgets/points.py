"""The test images that an explorer shows: where their codes lie, and for a few the image itself."""

from itertools import zip_longest

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..plotting import CLASS_COLORS
from .layers import as_halves, describe

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
    images, names = data.test_images[:n], list(data.class_names)
    if data.test_labels is None:
        labels, names = np.zeros(len(images), int), []
    else:
        labels = data.test_labels[:n]
        names = names or [str(k) for k in range(labels.max() + 1)]
    classes = np.unique(labels)
    # Ten classes' worth where there is one: nobody could pick among all of them anyway.
    each = MARKED_PER_CLASS * (1 if names else 10)
    each = int(np.clip(MARKED_BYTES // (len(classes) * images[0].size), 2, each))
    turns = zip_longest(*(np.flatnonzero(labels == k)[:each].tolist() for k in classes))
    marked = sorted([i for turn in turns for i in turn if i is not None][:most])
    return {
        "places": [as_halves(part[:n], "codes") for part in on_map],
        "codes": [as_halves(part[marked], "codes") for part in codes],
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
    epochs = np.asarray(next(iter(snapshots.values()))["epochs"]).tolist()
    before = []
    for (name, model), facts, own in zip(models.items(), described, codes, strict=True):
        taken, last = snapshots[name], own[:SNAPSHOT_POINTS]
        if np.asarray(taken["epochs"]).tolist() != epochs or len(taken["codes"]) != len(epochs):
            raise ValueError(f"snapshots[{name!r}] must have codes of the epochs {epochs}, as all")
        seen = np.asarray(taken["codes"], "float32")[:, :SNAPSHOT_POINTS]
        # float16, and what other processors add.
        if seen.shape[1:] != last.shape or not np.allclose(seen[-1], last, rtol=0.01, atol=0.02):
            raise ValueError(
                f"snapshots[{name!r}] are of another training or other data than "
                f"models[{name!r}]: their last codes are not the model's"
            )
        before.append(as_halves(places(facts, seen[:-1], dims), f"snapshots[{name!r}] have codes"))
        if "decoder_0" in taken:
            facts["earlier"] = _earlier_decoders(name, model.decoder, taken)
    return {"epochs": epochs, "earlier": before}


def _earlier_decoders(name, decoder, taken):
    """The decoder packed at all epochs but the last; it has its own weights again afterwards.

    A copy of it would take a number from Python's random generator, from which Keras draws seeds.
    """
    own, packed = decoder.get_weights(), []
    try:
        for epoch in range(len(taken["epochs"]) - 1):
            decoder.set_weights([taken[f"decoder_{i}"][epoch] for i in range(len(own))])
            packed.append(describe(decoder, f"{name}'s decoder at an earlier epoch")["weights"])
    finally:
        decoder.set_weights(own)
    return packed


def ink(data):
    """What a drawing must be like to look like the data; pixels, medians over the test images.

    ``box`` is the longest side of the ink: 20 for MNIST, 28 for Fashion-MNIST, which fills its
    images. ``pen`` is half as wide as the ink is where it is thickest.
    """
    images = data.test_images[..., 0]
    sides = [np.ptp(np.argwhere(image), axis=0).max() + 1 for image in images if image.any()]
    to_the_edge = [distance_transform_edt(image > 0.5).max() for image in images]
    box, pen = np.median(sides or [1.0]), np.median(to_the_edge)
    return {"box": float(box), "pen": max(float(pen), 1.0)}

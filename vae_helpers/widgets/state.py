"""What the explorer's JavaScript is told: networks, points and ranges, as numbers and bytes."""

import numpy as np
from sklearn.decomposition import PCA

from ..autoencoder import Autoencoder
from ..checks import check_images, check_known, check_labels
from ..data import ImageDataset
from .layers import as_halves, describe
from .page import place
from .points import MAP_POINTS, describe_points, earlier, ink, places

# The chapters' grid lies over [−4, 4]²; sliders always reach as far, and as far as the codes.
LEAST_RANGE = 4
STEP = 0.05
MOST_SLIDERS = 8
# What models.js can turn into pixels: its table toPixel.
OUTPUTS = ("pixels", "logits", "continuous_logits")


def describe_all(models, data, snapshots, most=None, **wanted):
    """Everything that the explorer shows: a dict, whose entries are its view's traits.

    Parameters
    ----------
    models, data, snapshots, most : as for ``explorer_state``
    wanted : whether to draw beside the pictures: map, grid, pad, walk

    Raises
    ------
    TypeError, ValueError  what ``latent_explorer`` says
    """
    latent_dim, image_shape = _check_models(models)
    wanted["map"] = wanted["map"] or snapshots is not None
    panels = [name for name in ("map", "grid", "walk", "pad") if wanted[name]]
    if "map" in panels and latent_dim < 2:
        raise ValueError(f"map needs latent_dim of at least 2; these models have {latent_dim}")
    if "grid" in panels and latent_dim != 2:
        raise ValueError(f"grid needs latent_dim = 2; these models have {latent_dim}")
    if (others := [name for name in panels if name != "grid"]) and data is None:
        name = others[0]
        raise ValueError(f"{name} needs data: latent_explorer(models, load_images(…), {name}=True)")
    described = [_describe_model(name, model, "pad" in panels) for name, model in models.items()]
    codes = []
    if data is not None:
        data = _first_test_images(data, image_shape)
        codes = [model.encode(data.test_images) for model in models.values()]
    for name, own in zip(models, codes, strict=False):
        as_halves(own, f"{name} gives codes")

    dims = _dimensions(codes, latent_dim)
    for facts, own in zip(described, codes, strict=False):
        if len(dims) < latent_dim:
            facts["mean"] = own.mean(axis=0).tolist()
        if latent_dim > 2 and "map" in panels:  # the plane in which the codes differ most
            plane = PCA(2, svd_solver="full").fit(own[:, dims])
            facts["plane"] = {"origin": plane.mean_.tolist(), "axes": plane.components_.tolist()}
    low, high = _range([own[:, dims] for own in codes])
    on_map = [places(facts, own, dims) for facts, own in zip(described, codes, strict=False)]
    points = describe_points(codes, on_map, data, snapshots is not None, most) if others else {}
    if snapshots is not None:
        points |= earlier(snapshots, models, described, codes, dims)
    if "pad" in panels and image_shape[2] == 1:
        points["ink"] = ink(data)
    around = _range(on_map) if "map" in panels else (low, high)
    state = {
        "models": described, "points": points, "panels": panels, "dims": dims, "low": low, "high": high,
        "step": STEP, "around": list(around), "latent_dim": latent_dim,
    }  # fmt: skip
    return state | {"place": place(models, state)}


def _check_models(models):
    """The latent_dim and the image_shape that all models share."""
    if not isinstance(models, dict) or not models:
        raise TypeError('models must be a dict of names and models, such as {"VAE": vae}')
    for name, model in models.items():
        if not isinstance(model, Autoencoder):
            kind = type(model).__name__
            raise TypeError(f"models[{name!r}] must be an Autoencoder, not a {kind}")
    # One z goes to every model, and pictures stand beside each other pixel for pixel.
    for what in ("latent_dim", "image_shape"):
        sizes = {name: getattr(model, what) for name, model in models.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"{what} must be the same for all models: {sizes}")
    if model.image_shape[2] not in (1, 3):
        raise ValueError(f"images must be grey or in three colours, not {model.image_shape}")
    return model.latent_dim, model.image_shape


def _describe_model(name, model, encoder):
    check_known(model.decoder_output, f"decoder_output (of {name}, for the browser)", OUTPUTS)
    facts = {
        "name": str(name),
        "decoder": describe(model.decoder, f"{name}'s decoder"),
        "output": model.decoder_output,
        "normal": not model.learns_prior,
    }
    if encoder:
        facts["encoder"] = describe(model.encoder, f"{name}'s encoder")
    return facts


def _first_test_images(data, image_shape):
    """As many test images as a map shows, with their labels; an ImageDataset."""
    if not isinstance(data, ImageDataset):
        raise TypeError(f"data must be an ImageDataset, not a {type(data).__name__}")
    images, labels = data.test_images, data.test_labels
    check_images(images, "data.test_images", image_shape)
    if labels is not None:
        labels = check_labels(labels, "data.test_labels", n=len(images)).astype(int)[:MAP_POINTS]
        if 0 < (names := len(data.class_names)) <= labels.max():
            raise ValueError(f"data.class_names must be at least {labels.max() + 1}, not {names}")
    # A part of a stream is an array; all of it might not fit into memory.
    return data._replace(test_images=images[:MAP_POINTS], test_labels=labels)


def _dimensions(codes, latent_dim):
    """The dimensions that get a slider: at most eight, those in which the codes differ most."""
    spread = np.mean([own.var(axis=0) for own in codes] or [np.zeros(latent_dim)], axis=0)
    return sorted(np.argsort(-spread, kind="stable")[:MOST_SLIDERS].tolist())


def _range(codes):
    """One range for all dimensions, so that the map is square and its axes have equal scales."""
    low = min([-LEAST_RANGE, *(np.floor(part.min()) for part in codes)])
    high = max([LEAST_RANGE, *(np.ceil(part.max()) for part in codes)])
    return float(low), float(high)

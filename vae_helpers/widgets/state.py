"""What the explorer's JavaScript is told: networks, points and ranges, as numbers and bytes."""

import base64

import numpy as np

from ..checks import check_labels
from .layers import describe
from .points import MAP_POINTS, describe_points, earlier, ink, places

# The chapters' grid lies over [−4, 4]²; sliders always reach as far, and as far as the codes.
LEAST_RANGE = 4
STEP = 0.05
MOST_SLIDERS = 8
# What models.js can turn into pixels: its table toPixel.
OUTPUTS = ("pixels", "logits", "continuous_logits")


def describe_all(models, data, panels, snapshots, most=None):
    """Everything the explorer needs: a dict of the traits that explorer.py gives its view.

    Parameters
    ----------
    models, data, snapshots : as for ``latent_explorer``
    panels : names of what is to be drawn beside the pictures: "map", "grid", "walk", "pad"
    most : as for ``explorer_state``

    Raises
    ------
    TypeError, ValueError  what ``latent_explorer`` says
    """
    latent_dim = _check_models(models, encoders="pad" in panels)
    for name in panels:
        if name == "map" and latent_dim < 2:
            raise ValueError(f"map needs latent_dim of at least 2; these models have {latent_dim}")
        if name == "grid" and latent_dim != 2:
            raise ValueError(f"grid needs latent_dim = 2; these models have {latent_dim}")
        if name != "grid" and data is None:
            raise ValueError(
                f"{name} needs data: latent_explorer(models, load_images(…), {name}=True)"
            )
    described = [_describe_model(name, model) for name, model in models.items()]
    codes = []
    if data is not None:
        _check_data(data)
    _check_sizes(models, data)
    if data is not None:
        codes = [_encode(name, model, data) for name, model in models.items()]
    if "pad" in panels:
        for facts, (name, model) in zip(described, models.items(), strict=True):
            facts["encoder"] = _describe_encoder(name, model, data)

    dims = _dimensions(codes, latent_dim)
    for facts, own in zip(described, codes, strict=False):
        if len(dims) < latent_dim:
            facts["mean"] = own.mean(axis=0).tolist()
        if latent_dim > 2 and "map" in panels:
            facts["plane"] = _plane(own[:, dims])
    low, high = _range([own[:, dims] for own in codes])
    on_map = [places(facts, own, dims) for facts, own in zip(described, codes, strict=False)]
    points = {}
    if set(panels) - {"grid"}:
        points = describe_points(codes, on_map, data, snapshots is not None, most)
    if snapshots is not None:
        points |= earlier(snapshots, models, described, codes, dims)
    if "pad" in panels and data.test_images.shape[-1] == 1:
        points["ink"] = ink(data)
    around = _range(on_map) if "map" in panels else (low, high)
    return {
        "models": described, "points": points, "panels": list(panels), "dims": dims,
        "low": low, "high": high, "step": STEP, "around": list(around), "latent_dim": latent_dim,
    }  # fmt: skip


def as_json(value):
    """The same with bytes as {"base64": text}, for a JSON file; ``mount`` in JavaScript reads it."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    return [as_json(part) for part in value] if isinstance(value, list) else value


def _check_models(models, encoders):
    """The latent_dim that all models share."""
    if not isinstance(models, dict) or not models:
        raise TypeError('models must be a dict of names and models, such as {"VAE": vae}')
    for name, model in models.items():
        parts = ["latent_dim", "encode", "decoder", "decoder_output"] + ["encoder"] * encoders
        missing = [part for part in parts if not hasattr(model, part)]
        if missing:
            raise TypeError(
                f"models[{name!r}] must be an Autoencoder; this {type(model).__name__} has no "
                f"{missing[0]}"
            )
    sizes = {name: model.latent_dim for name, model in models.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"one z goes to every model, so latent_dim must be the same: {sizes}")
    return next(iter(sizes.values()))


def _check_data(data):
    images = getattr(data, "test_images", None)
    if images is None:
        raise TypeError(
            f"data must be an ImageDataset; this {type(data).__name__} has no test_images"
        )
    if getattr(images, "ndim", 0) != 4 or len(images) == 0:
        raise ValueError("data.test_images must have shape [n, height, width, channels], n ≥ 1")
    if not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("data.test_images must lie in [0, 1]")
    if data.test_labels is not None:
        labels = check_labels(data.test_labels, "data.test_labels", n=len(images))
        if data.class_names and labels.max() >= len(data.class_names):
            raise ValueError(
                f"data.class_names must be at least {labels.max() + 1}, one for each of the "
                f"labels, not {len(data.class_names)}"
            )


def _describe_model(name, model):
    decoder = describe(model.decoder, f"{name}'s decoder")
    shape = model.decoder.output_shape[1:]
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(
            f"{name}'s decoder must give images [height, width, 1 or 3 colours], not {list(shape)}"
        )
    if model.decoder.input_shape[1:] != (model.latent_dim,):
        raise ValueError(
            f"{name}'s decoder must take [latent_dim], that is [{model.latent_dim}], "
            f"not {list(model.decoder.input_shape[1:])}"
        )
    if model.decoder_output not in OUTPUTS:
        raise ValueError(
            f"{name}'s decoder_output must be one of {', '.join(OUTPUTS)} for the browser to draw it, "
            f"not {model.decoder_output!r}"
        )
    return {
        "name": str(name),
        "decoder": decoder,
        "output": model.decoder_output,
        "normal": not getattr(model, "learns_prior", False),
    }


def _check_sizes(models, data):
    """Pictures stand beside each other, and beside test images, pixel for pixel."""
    shapes = {name: model.decoder.output_shape[1:] for name, model in models.items()}
    wanted = next(iter(shapes.values())) if data is None else data.test_images.shape[1:]
    whose = "one" if data is None else "data's"
    for name, shape in shapes.items():
        if shape != wanted:
            raise ValueError(
                f"{name}'s decoder must give images of {whose} size, {list(wanted)}, not {list(shape)}"
            )


def _describe_encoder(name, model, data):
    """The encoder as ``describe`` packs it: image in, means out, log-variances after them or none."""
    image, numbers = list(data.test_images.shape[1:]), model.latent_dim
    takes, gives = list(model.encoder.input_shape[1:]), list(model.encoder.output_shape[1:])
    if takes != image or gives not in ([numbers], [2 * numbers]):
        raise ValueError(
            f"{name}'s encoder must turn images {image} into {numbers} or {2 * numbers} numbers; it "
            f"turns {takes} into {gives}"
        )
    return describe(model.encoder, f"{name}'s encoder")


def _encode(name, model, data):
    codes = np.asarray(model.encode(data.test_images[:MAP_POINTS]), "float32")
    with np.errstate(over="ignore"):
        sound = np.isfinite(codes.astype("float16")).all()  # as they are sent: up to 65,504
    if not sound:
        raise ValueError(
            f"{name} gives codes that are not finite, or beyond 65,504; its training went wrong"
        )
    return codes


def _dimensions(codes, latent_dim):
    """The dimensions that get a slider: at most eight, those in which the codes differ most."""
    if not codes:
        return list(range(min(latent_dim, MOST_SLIDERS)))
    spread = np.mean([own.var(axis=0) for own in codes], axis=0)
    return sorted(np.argsort(-spread, kind="stable")[:MOST_SLIDERS].tolist())


def _plane(codes):
    """The plane in which the codes differ most: a point on it and two directions, rows of length 1."""
    origin = codes.mean(axis=0)
    _, _, directions = np.linalg.svd(codes - origin, full_matrices=False)
    axes = directions[:2]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return {"origin": origin.tolist(), "axes": (axes * signs[:, None]).tolist()}


def _range(codes):
    """One range for all dimensions, so that the map is square and its axes have equal scales."""
    low = min([-LEAST_RANGE, *(np.floor(part.min()) for part in codes)])
    high = max([LEAST_RANGE, *(np.ceil(part.max()) for part in codes)])
    return float(low), float(high)

"""``latent_explorer``: sliders over latent space that need no kernel.

The sliders are ordinary ipywidgets. They are linked in the browser to one more widget, whose
JavaScript module runs the decoders itself, so everything moves in a web page as it does in a
notebook. Python only packs the weights, and some test images with their codes.
"""

from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets
from scipy.ndimage import distance_transform_edt

from ..plotting import CLASS_COLORS
from ._old_checks import check_array, check_labels, check_parts
from .layers import describe

HERE = Path(__file__).parent

# The chapters' grid lies over [−4, 4]²; sliders always reach as far, and as far as the codes.
LEAST_RANGE = 4
STEP = 0.05
MAP_POINTS = 2000
SNAPSHOT_POINTS = 1000  # fewer where there are codes of several epochs
MARKED_PER_CLASS = 25
# What latent_explorer.js can turn into pixels: its table toPixel.
OUTPUTS = ("pixels", "logits", "continuous_logits")

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class ExplorerView(anywidget.AnyWidget):
    """Everything that is drawn. Beside the traits below it has z1, z2, …: one a latent dimension."""

    _esm = HERE / "latent_explorer.js"
    _css = HERE / "latent_explorer.css"

    models = traitlets.List(traitlets.Dict()).tag(sync=True)
    points = traitlets.Dict().tag(sync=True)
    panels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)
    step = traitlets.Float(STEP).tag(sync=True)

    def __init__(self, latent_dim, **kwargs):
        self.add_traits(
            **{f"z{i + 1}": traitlets.Float(0.0).tag(sync=True) for i in range(latent_dim)}
        )
        super().__init__(**kwargs)


class LatentExplorer(ipywidgets.VBox):
    """What ``latent_explorer`` returns: the sliders and the view below them."""

    def __init__(self, view, sliders):
        self.view, self.sliders = view, sliders
        for i, slider in enumerate(sliders):
            ipywidgets.jslink((slider, "value"), (view, f"z{i + 1}"))
        super().__init__([*sliders, view])

    def __repr__(self):
        # Where widgets cannot be shown (a preview of the notebook, say) this text stands instead.
        names = ", ".join(model["name"] for model in self.view.models)
        return f"<sliders over the latent space of {names}: run this cell, or open the book's page>"


def latent_explorer(
    models, data=None, *, map=False, grid=False, pad=False, walk=False, snapshots=None
):
    """Sliders for z, and what each model decodes from it, drawn anew as you drag.

    The same z goes to every model. No picture waits for Python: the decoders run in the browser,
    so the explorer works in JupyterLab, in Colab and in a plain web page (``ipywidgets.embed`` with
    ``drop_defaults=False``, or the explorer's own code is left out).

    Introduced in chapter 2; pad, walk and snapshots in chapter 6.

    Parameters
    ----------
    models : dict, name → Autoencoder; all with the same latent_dim
    data : ImageDataset, as ``load_images`` returns it. The sliders then reach as far as the codes
        of its first 2,000 test images do; without it from −4 to 4. Every panel but the grid needs
        it.
    map : also draw these codes, with the prior's one- and two-sigma circles and a handle at z that
        can be dragged; tap a ringed point to see that test image beside its reconstruction.
        Needs latent_dim = 2.
    grid : also draw the 16 × 16 images decoded over [−4, 4]², with a frame at z. Needs
        latent_dim = 2.
    pad : also a field to draw on, with the pixels that the networks see of the drawing (or of a
        test image), each model's code of it and its reconstruction. Drawings are scaled and centred
        as MNIST's digits were, to the size that the test images' ink has. On the map a cross marks
        the code, and an ellipse one sigma of q(z|x) where the encoder gives one.
    walk : also a straight walk between the codes of two test images of classes that the reader
        chooses: each model between its own two codes, with its own decoder. The map shows the way.
    snapshots : dict, name → what ``vae_helpers.checkpoints.snapshots`` returns, for the same names
        as models. Draws the map, of the first 1,000 test images, with a slider for the epoch. The
        decoders stay those of the last epoch, as do the map's range and what pad and walk show.

    Returns
    -------
    A widget: let it be a cell's last line.

    Raises
    ------
    TypeError   models, or snapshots, is not the dict that it should be
    ValueError  models of different latent_dim, a panel that needs two dimensions or data, a network
                with a layer that the browser cannot run (the message names it), an encoder that does
                not fit the images, or snapshots of another training than the model's
    """
    latent_dim = _check_models(models, encoders=pad)
    if data is not None:
        _check_data(data)
    map = map or snapshots is not None
    wanted = {"map": map, "pad": pad, "walk": walk, "grid": grid}
    panels = [name for name in wanted if wanted[name]]
    for name in panels:
        if name in ("map", "grid") and latent_dim != 2:
            raise ValueError(f"{name} needs latent_dim = 2; these models have {latent_dim}")
        if name != "grid" and data is None:
            raise ValueError(
                f"{name} needs data: latent_explorer(models, load_images(…), {name}=True)"
            )

    described = [_describe_model(name, model) for name, model in models.items()]
    if data is not None:
        _check_sizes(models, data)
    if pad:
        for facts, (name, model) in zip(described, models.items(), strict=True):
            facts["encoder"] = _describe_encoder(name, model, data)
    codes = (
        [_encode(name, model, data) for name, model in models.items()] if data is not None else []
    )
    low, high = _range(codes)
    points = {}
    if map or pad or walk:
        n = MAP_POINTS if snapshots is None else SNAPSHOT_POINTS
        points = _points([part[:n] for part in codes], data)
    if snapshots is not None:
        points |= _earlier(snapshots, dict(zip(models, codes, strict=True)))
    if pad:
        points |= _ink(data)
    view = ExplorerView(
        latent_dim, models=described, points=points, panels=panels, low=low, high=high
    )
    sliders = [
        ipywidgets.FloatSlider(
            value=0.0,
            min=low,
            max=high,
            step=STEP,
            readout_format=".2f",
            description="z" + str(i + 1).translate(SUBSCRIPTS),
            layout=ipywidgets.Layout(width="min(100%, 480px)"),
        )
        for i in range(latent_dim)
    ]
    return LatentExplorer(view, sliders)


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
    check_parts(data, "data", "an ImageDataset", "test_images", "test_labels", "class_names")
    check_array(data.test_images, "data.test_images", ("n", "height", "width", 1), low=0, high=1)
    labels = check_labels(data.test_labels, "data.test_labels", n=len(data.test_images))
    if labels.max() >= len(data.class_names):
        raise ValueError(
            f"data.class_names must be at least {labels.max() + 1}, one for each of the labels, "
            f"not {len(data.class_names)}"
        )


def _describe_model(name, model):
    decoder = describe(model.decoder, f"{name}'s decoder")
    shape = model.decoder.output_shape[1:]
    if len(shape) != 3 or shape[2] != 1:
        raise ValueError(f"{name}'s decoder must give images [height, width, 1], not {list(shape)}")
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
    return {"name": str(name), "decoder": decoder, "output": model.decoder_output}


def _check_sizes(models, data):
    """Test images are drawn beside decoded ones, pixel for pixel."""
    image = data.test_images.shape[1:]
    for name, model in models.items():
        if (shape := model.decoder.output_shape[1:]) != image:
            raise ValueError(
                f"{name}'s decoder must give images of data's size, {list(image)}, not {list(shape)}"
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


def _range(codes):
    """One range for all dimensions, so that the map is square and its axes have equal scales."""
    low = min([-LEAST_RANGE, *(np.floor(part.min()) for part in codes)])
    high = max([LEAST_RANGE, *(np.ceil(part.max()) for part in codes)])
    return float(low), float(high)


def _points(codes, data):
    """Some test images: each model's codes, the classes, and for a few the image itself.

    float16 codes [n, latent_dim] and uint8 labels [n] with n ≤ 2,000; ``marked``, the positions of
    up to 25 points of each class, whose images follow as uint8 [marked, height, width].
    """
    labels = data.test_labels[: len(codes[0])]
    marked = np.sort(
        np.concatenate([np.flatnonzero(labels == k)[:MARKED_PER_CLASS] for k in np.unique(labels)])
    )
    images = data.test_images[marked, ..., 0]
    return {
        "codes": [part.astype("<f2").tobytes() for part in codes],
        "labels": labels.astype("uint8").tobytes(),
        "marked": marked.tolist(),
        "images": np.rint(images * 255).astype("uint8").tobytes(),
        "class_names": list(data.class_names),
        "colors": list(CLASS_COLORS),
    }


def _earlier(snapshots, codes):
    """The epochs, and each model's codes at all of them but the last, float16 [epochs − 1, n, 2]."""
    if not isinstance(snapshots, dict) or set(snapshots) != set(codes):
        raise TypeError(
            f"snapshots must be a dict with the names of models, {list(codes)}, such as "
            '{"VAE": snapshots("vae", "fashion_mnist")}'
        )
    for name, taken in snapshots.items():
        if not isinstance(taken, dict) or not {"epochs", "codes"} <= set(taken):
            raise TypeError(f"snapshots[{name!r}] must be a dict with epochs and codes")
        times = check_array(taken["epochs"], f"snapshots[{name!r}]['epochs']", ("epochs",))
        check_array(taken["codes"], f"snapshots[{name!r}]['codes']", (len(times), "n", 2))
    epochs = np.asarray(next(iter(snapshots.values()))["epochs"]).tolist()
    for name, own in codes.items():
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
    return {
        "epochs": epochs,
        "earlier": [
            np.asarray(snapshots[name]["codes"])[:-1, :SNAPSHOT_POINTS].astype("<f2").tobytes()
            for name in codes
        ],
    }


def _ink(data):
    """What a drawing must be like to look like the data; pixels, medians over the test images.

    ``box`` is the longest side of the ink: 20 for MNIST, 28 for Fashion-MNIST, which fills its
    images. ``pen`` is half as wide as the ink is where it is thickest.
    """
    images = data.test_images[:MAP_POINTS, ..., 0]
    sides = [_extent(images.any(axis=axis)) for axis in (1, 2)]
    to_the_edge = [distance_transform_edt(image > 0.5).max() for image in images]
    return {
        "box": float(np.median(np.maximum(*sides))),
        "pen": float(np.median(to_the_edge)),
    }


def _extent(ink):
    """How many pixels lie between the first and the last True of each row, both counted."""
    return ink.shape[1] - ink.argmax(axis=1) - ink[:, ::-1].argmax(axis=1)

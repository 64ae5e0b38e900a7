"""``latent_explorer``: sliders over latent space that need no kernel.

The sliders are ordinary ipywidgets. They are linked in the browser to one more widget, whose
JavaScript module runs the decoders itself, so everything moves in a web page as it does in a
notebook. Python only packs the weights and the test images' codes.
"""

from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets

from ..plotting import CLASS_COLORS
from .layers import describe

HERE = Path(__file__).parent

# The chapters' grid lies over [−4, 4]²; sliders always reach as far, and as far as the codes.
LEAST_RANGE = 4
STEP = 0.05
MAP_POINTS = 2000
MARKED_PER_CLASS = 25

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


def latent_explorer(models, data=None, *, map=False, grid=False):
    """Sliders for z, and what each model decodes from it, drawn anew as you drag.

    The same z goes to every model. Nothing is sent to Python while you drag: the decoders run in the
    browser, so the explorer works in JupyterLab, in Colab and in a plain web page.

    Introduced in chapter 2.

    Parameters
    ----------
    models : dict, name → Autoencoder; all with the same latent_dim
    data : ImageDataset, as ``load_images`` returns it. The sliders then reach as far as the codes
        of its first 2,000 test images do; without it from −4 to 4.
    map : also draw these codes, with the prior's one- and two-sigma circles and a handle at z that
        can be dragged; tap a ringed point to see that test image beside its reconstruction.
        Needs data, and latent_dim = 2.
    grid : also draw the 16 × 16 images decoded over [−4, 4]², with a frame at z. Needs
        latent_dim = 2.

    Returns
    -------
    A widget: let it be a cell's last line.

    Raises
    ------
    TypeError   models is not a dict of names and models
    ValueError  models of different latent_dim, a panel that needs two dimensions or data, or a
                decoder with a layer that the browser cannot run (the message names it)
    """
    latent_dim = _check_models(models)
    panels = [name for name, wanted in (("map", map), ("grid", grid)) if wanted]
    if panels and latent_dim != 2:
        raise ValueError(f"{panels[0]} needs latent_dim = 2; these models have {latent_dim}")
    if map and data is None:
        raise ValueError("map needs data: latent_explorer(models, load_images(…), map=True)")

    described = [_describe_model(name, model) for name, model in models.items()]
    codes = (
        [_encode(name, model, data) for name, model in models.items()] if data is not None else []
    )
    low, high = _range(codes)
    view = ExplorerView(
        latent_dim,
        models=described,
        points=_points(codes, data) if map else {},
        panels=panels,
        low=low,
        high=high,
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


def _check_models(models):
    """The latent_dim that all models share."""
    if not isinstance(models, dict) or not models:
        raise TypeError('models must be a dict of names and models, such as {"VAE": vae}')
    for name, model in models.items():
        missing = [
            part
            for part in ("latent_dim", "encode", "decoder", "decoder_output")
            if not hasattr(model, part)
        ]
        if missing:
            raise TypeError(
                f"models[{name!r}] must be an Autoencoder; this {type(model).__name__} has no "
                f"{missing[0]}"
            )
    sizes = {name: model.latent_dim for name, model in models.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"one z goes to every model, so latent_dim must be the same: {sizes}")
    return next(iter(sizes.values()))


def _describe_model(name, model):
    decoder = describe(model.decoder, f"{name}'s decoder")
    shape = model.decoder.output_shape[1:]
    if len(shape) != 3 or shape[2] != 1:
        raise ValueError(f"{name}'s decoder must give images [height, width, 1], not {list(shape)}")
    return {"name": str(name), "decoder": decoder, "output": model.decoder_output}


def _encode(name, model, data):
    codes = np.asarray(model.encode(data.test_images[:MAP_POINTS]), "float32")
    if not np.isfinite(codes).all():
        raise ValueError(f"{name} gives codes that are not finite; its training went wrong")
    return codes


def _range(codes):
    """One range for all dimensions, so that the map is square and its axes have equal scales."""
    low = min([-LEAST_RANGE, *(np.floor(part.min()) for part in codes)])
    high = max([LEAST_RANGE, *(np.ceil(part.max()) for part in codes)])
    return float(low), float(high)


def _points(codes, data):
    """The map's points: each model's codes, the classes, and images for some of them.

    float16 codes [n, 2] and uint8 labels [n] with n ≤ 2,000; ``marked``, the positions of up to 25
    points of each class, whose images follow as uint8 [marked, height, width].
    """
    labels = data.test_labels[:MAP_POINTS]
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

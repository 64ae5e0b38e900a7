"""``latent_explorer``: sliders over latent space that need no kernel.

The sliders are ordinary ipywidgets. They are linked in the browser to one more widget, whose
JavaScript module runs the decoders itself, so everything moves in a web page as it does in a
notebook. Python only packs the weights, and some test images with their codes.
"""

import base64
import json

import anywidget
import ipywidgets
import traitlets

from .page import STYLE, module
from .state import STEP, describe_all

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class ExplorerView(anywidget.AnyWidget):
    """Everything that is drawn. Its traits are ``state``'s entries, and z1, z2, …: one a slider."""

    _esm = module()
    _css = STYLE

    def __init__(self, state):
        state = state | {f"z{dim + 1}": 0.0 for dim in state["dims"]}
        self.add_traits(**{name: traitlets.Any().tag(sync=True) for name in state})
        super().__init__(**state)


class LatentExplorer(ipywidgets.VBox):
    """What ``latent_explorer`` returns: the sliders and the view below them."""

    def __init__(self, state):
        self.view, self.sliders = ExplorerView(state), []
        for dim in state["dims"]:
            slider = ipywidgets.FloatSlider(
                min=state["low"],
                max=state["high"],
                step=STEP,
                description="z" + str(dim + 1).translate(SUBSCRIPTS),
                style={"description_width": "2em"},
                layout=ipywidgets.Layout(width="min(100%, 330px)"),
            )
            ipywidgets.jslink((slider, "value"), (self.view, f"z{dim + 1}"))
            self.sliders.append(slider)
        row = ipywidgets.Box(self.sliders, layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([row, self.view])

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
    ``drop_defaults=False``, or the explorer's own code is left out). ``explorer_state`` and
    ``write_page`` make a page of it that needs no ipywidgets.

    Introduced in chapter 2; pad, walk and snapshots in chapter 6.

    Parameters
    ----------
    models : dict, name → Autoencoder
        All with the same latent_dim and the same size of images, grey or in three colours. Up to
        eight dimensions get a slider: those in which the codes of data differ most, or without data
        the first eight. The others stand at their mean, or without data at 0.
    data : ImageDataset, as ``load_images`` returns it
        The sliders then reach as far as the codes of its first 2,000 test images do; without it from
        −4 to 4. Every panel but the grid needs it. Labels and class names may be missing: all points
        then have one colour, and the walk offers images instead of classes.
    map : also draw these codes, with the prior's one- and two-sigma circles and a handle at z that
        can be dragged; point at a ringed point to see that test image beside its reconstructions.
        With two dimensions the decoded grid lies behind the points. With more the map shows the two
        directions in which the codes differ most, and its handle moves z along them.
    grid : also draw the 16 × 16 images decoded over [−4, 4]², with a frame at z. Needs
        latent_dim = 2.
    pad : also a field to draw on, with the pixels that the networks see of the drawing (or of a
        test image), each model's code of it, draws from q(z|x) and the reconstruction, with the terms
        of its loss. Grey drawings are scaled and centred as MNIST's digits were, to the size that the
        test images' ink has; in colour you draw on a test image. On the map a cross marks the code,
        and an ellipse one sigma of q(z|x) where the encoder gives one.
    walk : also a straight walk between the codes of two test images of classes that the reader
        chooses: each model between its own two codes, with its own decoder. The map shows the way.
    snapshots : dict, name → what ``vae_helpers.checkpoints.snapshots`` returns, for the same names
        as models
        Draws the map, of the first 1,000 test images, with a slider for the epoch. Where snapshots
        hold decoders these move with it; the other decoders stay those of the last epoch, as do the
        map's range and what pad and walk show.

    Returns
    -------
    A widget: let it be a cell's last line.

    Raises
    ------
    TypeError
        models, or snapshots, is not the dict that it should be.
    ValueError
        Models of different latent_dim or for other images, a panel that needs other dimensions or
        data, a network with a layer that the browser cannot run (the message names it), or snapshots
        of another training than the model's.
    """
    state = describe_all(models, data, snapshots, map=map, grid=grid, pad=pad, walk=walk)
    return LatentExplorer(state)


def explorer_state(
    models, data=None, *, map=False, grid=False, pad=False, walk=False, snapshots=None, most=None
):
    """What ``latent_explorer`` shows, as plain JSON, for pages without ipywidgets.

    Parameters
    ----------
    models, data, map, grid, pad, walk, snapshots : as for ``latent_explorer``
    most : no more test images than that, in turn from each class; all that it would show if it is None

    Returns
    -------
    dict of lists, numbers and strings, for ``write_page`` or JavaScript's ``mount(element, state)``

    Raises
    ------
    TypeError, ValueError
        As ``latent_explorer``.
    """
    state = describe_all(models, data, snapshots, most, map=map, grid=grid, pad=pad, walk=walk)
    # Bytes become {"base64": text}, which mount in JavaScript reads.
    text = json.dumps(state, default=lambda part: {"base64": base64.b64encode(part).decode()})
    return json.loads(text)

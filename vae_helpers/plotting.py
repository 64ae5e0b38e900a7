"""Pictures: arrays in, matplotlib Figure or Axes out. Nothing here knows a model."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import withStroke

WIDTH = 6.9  # inches: the book's column at 100 dots per inch
# Found by a search: each is dark enough for white paper, light enough for the explorer's dark theme, and
# they stay apart with a colour vision deficiency, most of all those of classes that overlap.
CLASS_COLORS = (
    "#1c6a54", "#ab1fa3", "#f26200", "#be79bb", "#2a0395",
    "#0c1100", "#3f85ff", "#30a95c", "#8a3107", "#989293",
)  # fmt: skip
HALO = [withStroke(linewidth=3, foreground="white")]


def show_images(
    images: np.ndarray, columns: int = 10, titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None, scale: float = 0.8,
) -> Figure:  # fmt: skip
    """Images in rows of ``columns``. Introduced in chapter 1.

    Parameters
    ----------
    images : [n, height, width, channels] in [0, 1]
    titles : n strings, one above each image, or None
    row_titles : one string for each row, or None
    scale : an image's width in inches; less where a row would be wider than the book's column

    Returns
    -------
    Figure
    """
    rows = -(-len(images) // columns)
    margin = 1.6 if row_titles else 0.0
    scale = min(scale, (WIDTH - margin) / columns)
    size = scale * columns + margin, scale * rows * (1.25 if titles is not None else 1.0)
    bare = {"xticks": [], "yticks": [], "frame_on": False}
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, subplot_kw=bare)
    for i, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        draw_image(axis, image)
        if titles is not None:
            axis.set_title(titles[i], fontsize=8, pad=2)
    for axis, title in zip(axes[:, 0], row_titles or (), strict=False):
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(margin / size[0], 0, 1, 1, 0.05, 0.3 if titles is not None else 0.05)
    return figure


def draw_image(ax, image, **kwargs):
    """One image [height, width, channels] on an Axes: grey with ink on white, or in colour."""
    # A fade between two pictures can leave [0, 1] by a rounding; colours need no cmap, vmin and vmax.
    ax.imshow(np.clip(image, 0, 1), cmap="gray_r", vmin=0, vmax=1, **kwargs)


def tiled(images, columns):
    """Images [n, height, width, channels] side by side, in rows of ``columns``, as one image."""
    n, height, width, channels = images.shape
    rows = images.reshape(n // columns, columns, height, width, channels)
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, channels)


def draw_prior(ax):
    """The prior's one- and two-sigma circles, edged in white so that they show on pictures too."""
    for radius in (1, 2):
        ax.add_patch(Circle((0, 0), radius, fill=False, ls="--", zorder=3, path_effects=HALO))


def latent_grid(steps: int = 16, limit: float = 4.0) -> np.ndarray:
    """The points of a square grid over the latent plane, row by row from the top left.

    Decoded and shown in that order, z₁ grows to the right and z₂ upwards. Introduced in chapter 2.

    Returns
    -------
    [steps · steps, 2], float32, from −limit to limit in both directions
    """
    values = np.linspace(-limit, limit, steps, dtype="float32")
    z1, z2 = np.meshgrid(values, values[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1)


def show_latent_grid(images: np.ndarray, limit: float = 4.0, ax: Axes | None = None) -> Axes:
    """The images decoded from ``latent_grid(steps, limit)`` as one picture, with the prior's circles.

    Introduced in chapter 2.

    Parameters
    ----------
    images : [steps · steps, height, width, channels] in [0, 1]

    Returns
    -------
    Axes
    """
    steps = round(len(images) ** 0.5)
    ax = ax or plt.subplots(figsize=(6, 6))[1]
    # The outermost images are centred on ±limit, so the picture reaches half an image further.
    edge = limit * steps / (steps - 1) if steps > 1 else limit
    draw_image(ax, tiled(images, steps), extent=(-edge, edge, -edge, edge))
    draw_prior(ax)
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return ax


def plot_codes(
    codes: np.ndarray, labels: np.ndarray | None, class_names: Sequence[str], ax: Axes | None = None,
    limit: float | None = None, legend: bool = True,
) -> Axes:  # fmt: skip
    """Codes in the latent plane, coloured by class, with the prior's one- and two-sigma circles.

    Introduced in chapter 2.

    Parameters
    ----------
    codes : [n, 2]
    labels : [n], whole numbers, ``class_names[label]`` goes into the legend; None for one colour
    limit : half the width of the square that is shown around 0; None fits codes and circles

    Returns
    -------
    Axes, with equal units in both directions
    """
    if (dimensions := np.shape(codes)[1]) != 2:
        raise ValueError(f"plot_codes draws a plane; these codes have {dimensions} dimensions")
    ax = ax or plt.subplots(figsize=(6, 6))[1]
    if labels is None:
        labels, class_names, legend = np.zeros(len(codes)), ("",), False
    # All classes at once, in the order of the data: drawn one by one, the last would hide the others.
    colors = np.resize(CLASS_COLORS, len(class_names))
    ax.scatter(*codes.T, s=2, color=colors[np.asarray(labels, int)], lw=0, antialiased=False)
    for name, color in zip(class_names, colors, strict=True):
        ax.scatter([], [], color=color, label=name)  # for the legend
    draw_prior(ax)
    if limit is not None:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    if legend:
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def straight_line(first: np.ndarray, last: np.ndarray, steps: int = 10) -> np.ndarray:
    """Points at equal steps on straight lines between codes, both ends included.

    Introduced in chapter 4.

    Parameters
    ----------
    first, last : [latent_dim], or [n, latent_dim] for n lines
    steps : points on each line, at least 2

    Returns
    -------
    [steps, latent_dim], or [n, steps, latent_dim]
    """
    t = np.linspace(0, 1, steps)[:, None]
    return (1 - t) * np.expand_dims(first, -2) + t * np.expand_dims(last, -2)


def plot_history(history: list[dict], names: Sequence[str], ax: Axes | None = None) -> Axes:
    """One line for each named loss term over the epochs of a record's ``history``.

    Introduced in chapter 2.

    Parameters
    ----------
    history : list of dicts with "epoch" and the named terms
    names : which terms

    Returns
    -------
    Axes
    """
    ax = ax or plt.subplots(figsize=(6, 3))[1]
    for name in names:
        ax.plot([row["epoch"] for row in history], [row[name] for row in history], label=name)
    ax.set(xlabel="epoch")
    ax.legend()
    return ax


def three_views(
    samples: np.ndarray, codes: np.ndarray, labels: np.ndarray | None, class_names: Sequence[str],
    grid_images: np.ndarray, limit: float = 4.0,
) -> Figure:  # fmt: skip
    """A model at a glance: 64 samples, the codes of test images, the latent plane decoded.

    Codes and plane have the same axes. Where more than a hundredth of the codes lies outside them, the
    codes have wider ones, and a square shows what is decoded beside them. Introduced in chapter 2.

    Parameters
    ----------
    samples : [64, height, width, channels] in [0, 1], decoded draws of the prior
    codes, labels, class_names : as for ``plot_codes``
    grid_images, limit : as for ``show_latent_grid``; 10 × 10 images are large enough for a page

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplot_mosaic(
        "ss;cg", figsize=(WIDTH, 6.2), height_ratios=[1, 2], layout="constrained"
    )
    draw_image(axes["s"], tiled(samples, 16))
    axes["s"].set(title="64 samples from the prior", xticks=[], yticks=[])
    edge = show_latent_grid(grid_images, limit, axes["g"]).get_xlim()[1]
    axes["g"].set_title(f"the square from −{limit:g} to {limit:g}, decoded")
    wide = np.quantile(np.abs(codes).max(axis=1), 0.99) > edge
    ax = plot_codes(codes, labels, class_names, axes["c"], None if wide else edge, legend=False)
    ax.add_patch(Rectangle((-edge, -edge), 2 * edge, 2 * edge, fill=False, zorder=3))
    ax.set_title("codes of the test images")
    if labels is not None:
        figure.legend(loc="outside lower center", ncols=5, fontsize=8)
    return figure

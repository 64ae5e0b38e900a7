"""Pictures: arrays in, matplotlib Figure or Axes out. Nothing here knows a model."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

from .checks import check_array, check_codes, check_labels, check_number, check_parts

# Ten colours that stay apart for most readers with a colour vision deficiency (after P. Tol).
CLASS_COLORS = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933",
    "#ddcc77", "#cc6677", "#882255", "#aa4499", "#666666",
)  # fmt: skip


def show_images(images, columns=10, titles=None, row_titles=None, scale=0.8):
    """Images in rows of ``columns``. Introduced in chapter 1.

    Parameters
    ----------
    images : [n, 28, 28, 1] in [0, 1]
    titles : n strings, one above each image, or None
    row_titles : one string for each row, or None

    Returns
    -------
    Figure
    """
    images = _check_pictures(images)
    columns = check_number(columns, "columns", low=1, whole=True)
    check_number(scale, "scale", low=0.01)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"titles must be {len(images)}, one for each image, not {len(titles)}")
    rows = -(-len(images) // columns)
    if row_titles is not None and len(row_titles) > rows:
        raise ValueError(f"row_titles must be at most {rows}, one for each row")
    margin = 1.6 if row_titles else 0.0
    height = scale * rows * (1.25 if titles is not None else 1.0)
    figure, axes = plt.subplots(
        rows, columns, figsize=(scale * columns + margin, height), squeeze=False
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for i, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        if titles is not None:
            axis.set_title(titles[i], fontsize=8, pad=2)
    for axis, title in zip(axes[:, 0], row_titles or (), strict=False):
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(wspace=0.05, hspace=0.3 if titles is not None else 0.05)
    return figure


def latent_grid(steps=16, limit=4.0):
    """The points of a square grid over the latent plane, row by row from the top left.

    Decoded and shown in that order, z₁ grows to the right and z₂ upwards. Introduced in chapter 2.

    Returns
    -------
    [steps · steps, 2], float32, from −limit to limit in both directions
    """
    steps = check_number(steps, "steps", low=1, whole=True)
    check_number(limit, "limit", low=0)
    values = np.linspace(-limit, limit, steps, dtype="float32")
    z1, z2 = np.meshgrid(values, values[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1)


def show_latent_grid(images, limit=4.0, ax=None):
    """The images decoded from ``latent_grid(steps, limit)`` as one picture with the plane's axes.

    Introduced in chapter 2.

    Parameters
    ----------
    images : [steps · steps, 28, 28, 1] in [0, 1]

    Returns
    -------
    Axes
    """
    images = _check_pictures(images)
    check_number(limit, "limit", low=1e-6)
    steps = round(len(images) ** 0.5)
    if steps * steps != len(images):
        raise ValueError(f"a square grid needs a square number of images, not {len(images)}")
    height, width = images.shape[1:3]
    picture = images.reshape(steps, steps, height, width)
    picture = picture.transpose(0, 2, 1, 3).reshape(steps * height, steps * width)
    ax = ax or plt.subplots(figsize=(6, 6))[1]
    # The outermost images are centred on ±limit, so the picture reaches half an image further.
    edge = limit * steps / (steps - 1) if steps > 1 else limit
    ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1, extent=(-edge, edge, -edge, edge))
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return ax


def plot_codes(codes, labels, class_names, ax=None, limit=None, legend=True):
    """Codes in the latent plane, coloured by class, with the prior's one- and two-sigma circles.

    Introduced in chapter 2.

    Parameters
    ----------
    codes : [n, 2]
    labels : [n], whole numbers; ``class_names[label]`` goes into the legend
    limit : half the width of the square that is shown around 0; None fits codes and circles

    Returns
    -------
    Axes, with equal units in both directions
    """
    codes = check_codes(codes, d=2)
    labels = check_labels(labels, n=len(codes))
    if not labels.max() < len(class_names) <= len(CLASS_COLORS):
        raise ValueError(
            f"class_names must be at most {len(CLASS_COLORS)}, and one for each of the labels, "
            f"which run to {labels.max()}; there are {len(class_names)}"
        )
    if limit is not None:
        check_number(limit, "limit", low=1e-6)
    ax = ax or plt.subplots(figsize=(6, 6))[1]
    for label, name in enumerate(class_names):
        z = codes[labels == label]
        ax.scatter(z[:, 0], z[:, 1], s=3, color=CLASS_COLORS[label], alpha=0.5, lw=0, label=name)
    for radius in (1, 2):
        ax.add_patch(Circle((0, 0), radius, fill=False, ls="--", lw=1, color="black", zorder=3))
    if limit is not None:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    if legend:
        ax.legend(markerscale=4, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def straight_line(start, end, steps=10):
    """Points on the straight line between two codes, both ends included: [steps, latent_dim].

    Introduced in chapter 4.
    """
    steps = check_number(steps, "steps", low=2, whole=True)
    start = check_array(start, "start", ("latent_dim",))
    end = check_array(end, "end", start.shape)
    weights = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
    return (1 - weights) * start + weights * end


def plot_history(history, names, ax=None):
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
    if not history or not names:
        raise ValueError("history must have an epoch, and names a term")
    for name in ("epoch", *names):
        if not all(name in row for row in history):
            raise ValueError(
                f"names must be terms of every epoch in history, which has no {name!r}"
            )
    ax = ax or plt.subplots(figsize=(6, 3))[1]
    for name in names:
        ax.plot([row["epoch"] for row in history], [row[name] for row in history], label=name)
    ax.set(xlabel="epoch")
    ax.legend()
    return ax


def plot_seeds(values, intervals, ax=None, thresholds=()):
    """Every training as a point, one row for each run, with the interval of its mean behind.

    Introduced in chapter 7.

    Parameters
    ----------
    values : {name: numbers, one a seed}
    intervals : {name: (low, high) or None}, as ``study.t_interval`` gives them
    thresholds : [k], where to draw dashed lines

    Returns
    -------
    Axes
    """
    if not values:
        raise ValueError("values must have a row")
    if set(values) - set(intervals):
        raise ValueError(f"intervals must have every row of values: {', '.join(values)}")
    values = {name: list(numbers) for name, numbers in values.items()}
    for name, numbers in values.items():
        if numbers:
            check_array(numbers, f"values[{name!r}]", ("seeds",))
        if intervals[name] is not None:
            check_array(intervals[name], f"intervals[{name!r}]", (2,))
    check_parts(thresholds, "thresholds", "a list of numbers", "__iter__")
    for threshold in thresholds:
        check_number(threshold, "each of thresholds")
    ax = ax or plt.subplots(figsize=(6, 0.5 + 0.4 * len(values)))[1]
    for row, (name, numbers) in enumerate(values.items()):
        if intervals[name] is not None:
            ax.plot(intervals[name], [row, row], color="#88ccee", linewidth=7, zorder=1)
        ax.scatter(numbers, [row] * len(numbers), s=22, color="#332288", zorder=2)
    for threshold in thresholds:
        ax.axvline(threshold, color="#882255", linestyle="--", linewidth=1, zorder=0)
    ax.set_yticks(range(len(values)), values)
    ax.set_ylim(len(values) - 0.5, -0.5)
    return ax


def three_views(samples, codes, labels, class_names, grid_images, limit=4.0):
    """A model at a glance: 64 samples, the codes of test images, the latent plane decoded.

    Introduced in chapter 2.

    Parameters
    ----------
    samples : [64, 28, 28, 1] in [0, 1], decoded draws of the prior
    codes, labels, class_names : as for ``plot_codes``
    grid_images, limit : as for ``show_latent_grid``

    Returns
    -------
    Figure
    """
    samples = _check_pictures(samples, "samples", 64, 28, 28)
    grid_images = _check_pictures(grid_images, "grid_images")
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
    tiles = samples.reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224)
    axes[0].imshow(tiles, cmap="gray_r", vmin=0, vmax=1)
    axes[0].set(title="64 samples from the prior", xticks=[], yticks=[])
    plot_codes(codes, labels, class_names, ax=axes[1], legend=False)
    axes[1].set_title("codes of the test images")
    show_latent_grid(grid_images, limit, ax=axes[2])
    axes[2].set_title("the latent plane, decoded")
    return figure


def _check_pictures(images, name="images", n="n", height="height", width="width"):
    # A fade between two pictures can leave [0, 1] by a rounding.
    return check_array(images, name, (n, height, width, 1), low=-1e-6, high=1 + 1e-6)

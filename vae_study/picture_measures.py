"""Numbers about decoded pictures: how sharp they are, and how evenly they change along a path.

Chapter 7 introduces them.
"""

import numpy as np
import tensorflow as tf
from scipy.ndimage import correlate1d

# A picture whose pixels scatter less than this (a hundredth of black to white) is blank.
BLANK = 0.01


# ---- sharpness ------------------------------------------------------------------------------


def sharpness(pictures):
    """Gradient energy and Laplacian variance, averaged over pictures, with the contrast taken out.

    Each picture is first standardised to mean 0 and variance 1 over its pixels. Then

    ``gradient_energy``     mean over pixels of (x[r, c+1] − x[r, c])² + (x[r+1, c] − x[r, c])²
    ``laplacian_variance``  variance over pixels of x[r, c±1] + x[r±1, c] − 4 x[r, c]
    ``blank_share``         share of pictures whose pixels have a standard deviation below 0.01

    The first two are at least 0 and without a unit. A blank picture has no contrast to take out; it
    counts as 0 in both.
    Source: Pertuz, Puig & Garcia (2013), two of their focus measures.
    Pitfall: noise and checkerboards are sharp too, so neither number says that a picture is good.
    Chapter 7 introduces it.

    Parameters
    ----------
    pictures : float32, [n, height, width, channels], in [0, 1]
    """
    x = np.asarray(pictures, "float64").mean(axis=3)
    spread = x.std(axis=(1, 2), keepdims=True)
    blank = spread < BLANK
    x = np.where(blank, 0.0, (x - x.mean(axis=(1, 2), keepdims=True)) / np.maximum(spread, BLANK))
    across, down = np.diff(x, axis=2) ** 2, np.diff(x, axis=1) ** 2
    laplacian = correlate1d(x, [1, -2, 1], axis=1) + correlate1d(x, [1, -2, 1], axis=2)
    return {
        "gradient_energy": float(across.mean() + down.mean()),
        "laplacian_variance": float(laplacian.var(axis=(1, 2)).mean()),
        "blank_share": float(blank.mean()),
    }


def sharpness_ratios(pictures, real):
    """``sharpness`` of pictures, both numbers divided by those of real pictures.

    ``gradient_energy``, ``laplacian_variance``: ratios, without a unit, at least 0; 1 is as sharp as
    real ones. ``blank_share``: of the pictures, in [0, 1], no ratio. Source: as ``sharpness``.
    Pitfall: checkerboards and rubble have sharp edges, so the ratio can
    exceed 1 for pictures of nothing. Chapter 7 introduces it.
    """
    ours, theirs = sharpness(pictures), sharpness(real)
    if theirs["blank_share"] == 1:
        raise ValueError("real must hold a picture that is not blank, to compare with")
    return {
        "gradient_energy": ours["gradient_energy"] / theirs["gradient_energy"],
        "laplacian_variance": ours["laplacian_variance"] / theirs["laplacian_variance"],
        "blank_share": ours["blank_share"],
    }


# ---- morphing -------------------------------------------------------------------------------


def pairs_of_different_classes(labels, n=200, seed=0):
    """n pairs of images of different classes, drawn once by seed: whole numbers [n, 2]."""
    if len(np.unique(labels)) < 2:  # or the search would never end
        raise ValueError("labels must hold two classes at least")
    rng, pairs = np.random.default_rng(seed), np.empty((0, 2), int)
    while len(pairs) < n:
        drawn = rng.integers(len(labels), size=(2 * n, 2))
        pairs = np.concatenate([pairs, drawn[labels[drawn[:, 0]] != labels[drawn[:, 1]]]])
    return pairs[:n]


def path_measures(paths):
    """How evenly and how directly decoded pictures change along paths, medians over the paths.

    With l_t = ‖x_{t+1} − x_t‖, the length of one step in pixel space,

    ``step_variation``  standard deviation of l_t divided by its mean, at least 0; 0 is even
    ``path_ratio``      Σ_t l_t / ‖x_T − x_0‖, at least 1; 1 is a fade from one end to the other

    Source: the lengths of Arvanitidis, Hansen & Hauberg (2018), on straight paths in
    latent space. Pitfall: a plain fade between two pictures, which shows no garment on its way, has
    the best values in both, and so has a collapsed decoder, whose one picture hardly changes: read
    them beside the squared error. Paths whose two ends are the same picture are left out; if there
    is no other, both are NaN.
    Chapter 7 introduces it.

    Parameters
    ----------
    paths : [n, steps, height, width, channels], each path's pictures in order
    """
    flat = paths.astype("float64").reshape(*paths.shape[:2], -1)
    lengths = np.linalg.norm(np.diff(flat, axis=1), axis=2)
    ends = np.linalg.norm(flat[:, -1] - flat[:, 0], axis=1)
    moves = ends > 0
    lengths, ends = lengths[moves], ends[moves]
    if not len(ends):
        return {"step_variation": float("nan"), "path_ratio": float("nan")}
    return {
        "step_variation": float(np.median(lengths.std(axis=1) / lengths.mean(axis=1))),
        "path_ratio": float(np.median(lengths.sum(axis=1) / ends)),
    }


def changes_per_path(classes):
    """Mean number of times that the class changes along a path: classes [n, steps] to a number.

    At least 1 for paths between images of different classes that end where they should, at most
    steps − 1. Source: the definition; the classes are those of ``most_probable_class``.
    Pitfall: it trusts the classifier in between, where pictures can be of no class; and a collapsed
    decoder, one picture for everything, has the smallest value there is, 0.
    Chapter 7 introduces it.
    """
    return float((np.diff(classes.astype(int), axis=1) != 0).sum(axis=1).mean())


def largest_singular_values(decode, z):
    """The largest singular value of a decoder's Jacobian at each point: how fast pictures change.

    √ of the largest eigenvalue of JᵀJ, J = ∂ decode(z)/∂z [pixels, d], exact: one forward-mode
    derivative for each latent dimension. In pixel distance per unit of the latent space, at least
    0. Source: Arvanitidis, Hansen & Hauberg (2018), whose metric JᵀJ is. Pitfall: a space that is laid out
    twice as large halves it, so compare it beside the spread of the codes.
    Chapter 7 introduces it.

    Parameters
    ----------
    decode : differentiable function from a tensor [n, d] to one [n, …]
    z : [n, d]

    Returns
    -------
    [n]
    """
    z = tf.constant(z, tf.float32)
    columns = []
    for direction in np.eye(z.shape[1], dtype="float32"):
        with tf.autodiff.ForwardAccumulator(z, tf.ones_like(z) * direction) as forward:
            pictures = decode(z)
        slope = forward.jvp(pictures, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        columns.append(slope.numpy().reshape(len(z), -1))
    jacobian = np.stack(columns, axis=2).astype("float64")
    if not np.isfinite(jacobian).all():
        raise ValueError("decode must have finite derivatives at every z")
    squared = np.linalg.eigvalsh(jacobian.transpose(0, 2, 1) @ jacobian)[:, -1]
    return np.sqrt(np.maximum(squared, 0.0))

"""How well a model fits images: a log-likelihood that compares across models, and the ELBO's parts.

With two latent dimensions the integral over z can be done: no bound, no draws.
Chapter 7 introduces it.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import stats
from scipy.optimize import minimize_scalar

from vae_helpers.losses import bernoulli_loglik, normal_kl, reparameterize

# Pictures are decoded this many at a time.
BLOCK = 500
# The prior's mass outside ±5 in either direction is 1e-6.
PRIOR_LIMIT = 5.0


# ---- log p(x), by integration over the latent plane -----------------------------------------


class Cells(NamedTuple):
    """The cells of the plane that count for each image: one entry for each (image, cell) pair.

    image : whole numbers [m]
    place : [m], which row of ``centres``
    squared_distance : [m], ‖x − decode(centre)‖²
    log_mass : [m], log of p(centre) times the cell's area
    """

    image: np.ndarray
    place: np.ndarray
    squared_distance: np.ndarray
    log_mass: np.ndarray

    def log_terms(self, sigma2):
        return self.log_mass - self.squared_distance / (2 * sigma2)

    def keep(self, chosen):
        return Cells(*(column[chosen] for column in self))


def standard_normal(z):
    """log-density of N(0, I) at points z [n, d], in nats: [n]."""
    return stats.norm.logpdf(z).sum(axis=1)


def log_likelihood(
    decode, images, sigma2, low, high, *, log_prior=standard_normal,
    start=128, tolerance=0.02, halvings=6,
):  # fmt: skip
    """log p(x) of each image, in nats, by integrating over the latent plane.

    log p(x) = log ∫ N(x; decode(z), σ² I) p(z) dz

    the decoder's picture being the mean of a Gaussian with one variance σ² for all pixels. The
    midpoint rule on squares: first on a grid that covers the rectangle, then again and again on
    squares of half the side, but only where an image has its posterior (squares within e⁻¹² of the
    largest term, the first time e⁻⁴⁰) and only for images whose log p(x) the last halving changed
    by more than ``tolerance``. Posteriors are a few hundredths wide, so a grid alone would miss
    them.
    Source: the definition; Wu et al. (2017) estimate the same by annealed importance sampling.
    Pitfall: σ² rules the number: compare models only where each has its own best one
    (``fit_sigma2``). Chapter 7 introduces it.

    Parameters
    ----------
    decode : function from points [n, 2] to pictures [n, height, width, channels]
    images : float32, [n, height, width, channels]
    sigma2 : variance of a pixel, above 0. Distances are float32: far below 0.003 what they round
        off makes more of a difference than ``tolerance``
    low, high : [2], corners of the rectangle; see ``plane_to_cover``
    log_prior : function from points [n, 2] to log p(z) [n]; by default that of N(0, I)
    start : squares along the rectangle's longer side in the first grid
    tolerance : in nats
    halvings : how often at most

    Returns
    -------
    log p(x) : [n], any real number: a density, so it can be positive
    change : [n], by how much each image's last halving changed it
    cells : the last ``Cells`` of each image
    """
    if np.shape(low) != (2,):
        raise ValueError("log p(x) is integrated over a plane: low and high must be [2]")
    flat = np.asarray(images).reshape(len(images), -1)
    constant = -flat.shape[1] / 2 * np.log(2 * np.pi * sigma2)

    cells, centres, step = _first_grid(decode, log_prior, flat, sigma2, low, high, start)
    result, change = _log_sum(cells, sigma2, len(flat)), np.full(len(flat), np.inf)
    done = []
    for halving in range(halvings):
        # The first grid can miss an image's best place by more than its posterior's width.
        near = cells.log_terms(sigma2) > _largest(cells, sigma2, len(flat))[cells.image] - (
            40 if halving == 0 else 12
        )
        cells, centres = _halved(decode, log_prior, flat, cells.keep(near), centres, step)
        step /= 2
        active = np.unique(cells.image)
        finer = _log_sum(cells, sigma2, len(flat))
        change[active] = finer[active] - result[active]
        result[active] = finer[active]
        open_ = (np.abs(change) > tolerance)[cells.image] & (halving < halvings - 1)
        done.append(cells.keep(~open_))
        cells = cells.keep(open_)
        if not len(cells.image):
            break
    return result + constant, change, Cells(*(np.concatenate(c) for c in zip(*done, strict=True)))


def fit_sigma2(cells, images, sigma2):
    """The σ² of maximum likelihood, from the ``cells`` that ``log_likelihood`` found at a first σ².

    argmax_{σ²} mean_x log p(x), over a quarter to four times ``sigma2``. Chapter 7 introduces it.
    """
    n, pixels = len(images), np.prod(np.shape(images)[1:])

    def negative(log_sigma2):
        mean = _log_sum(cells, np.exp(log_sigma2), n).mean()
        return pixels / 2 * (np.log(2 * np.pi) + log_sigma2) - mean

    at = np.log(sigma2)
    found = minimize_scalar(negative, bounds=(at - np.log(4), at + np.log(4)), method="bounded")
    return float(np.exp(found.x))


def plane_to_cover(codes, margin=1.0):
    """Corners [2] and [2] of a rectangle that holds the prior (±5) and all codes with a margin."""
    low = np.minimum(codes.min(axis=0) - margin, -PRIOR_LIMIT)
    return low, np.maximum(codes.max(axis=0) + margin, PRIOR_LIMIT)


def _first_grid(decode, log_prior, flat, sigma2, low, high, start):
    step = max(np.subtract(high, low)) / start
    axes = [np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    pictures = _decode(decode, centres)
    norms, log_mass = np.sum(pictures**2, axis=1), log_prior(centres) + 2 * np.log(step)
    parts = []
    for i in range(0, len(flat), BLOCK):
        part = flat[i : i + BLOCK]
        distances = np.sum(part**2, axis=1)[:, None] + norms - 2 * (part @ pictures.T)
        terms = log_mass - distances / (2 * sigma2)
        image, place = np.nonzero(terms > terms.max(axis=1, keepdims=True) - 40)
        parts.append(Cells(image + i, place, distances[image, place], log_mass[place]))
    return Cells(*(np.concatenate(c) for c in zip(*parts, strict=True))), centres, step


def _halved(decode, log_prior, flat, cells, centres, step):
    """Each cell's four quarters, for the images that the cell counts for."""
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * step / 4
    order = np.argsort(cells.place, kind="stable")
    places, starts = np.unique(cells.place[order], return_index=True)
    image = np.split(cells.image[order], starts[1:])
    quarters = (centres[places][:, None] + corners).reshape(-1, 2)
    norms = np.sum(flat**2, axis=1)
    distances = []
    for i in range(0, len(places), BLOCK // 4):
        pictures = _decode(decode, quarters[4 * i : 4 * i + BLOCK // 4 * 4])
        for who, four in zip(image[i:], pictures.reshape(-1, 4, flat.shape[1]), strict=False):
            products = flat[who] @ four.T
            distances.append(norms[who][:, None] + np.sum(four**2, axis=1) - 2 * products)
    distances = np.concatenate(distances).ravel()
    counts = [len(who) for who in image]
    place = (4 * np.repeat(np.arange(len(places)), counts)[:, None] + np.arange(4)).ravel()
    log_mass = (log_prior(quarters) + 2 * np.log(step / 2))[place]
    return Cells(np.repeat(cells.image[order], 4), place, distances, log_mass), quarters


def _decode(decode, z):
    parts = [
        np.asarray(decode(z[i : i + BLOCK].astype("float32"))) for i in range(0, len(z), BLOCK)
    ]
    return np.concatenate([part.reshape(len(part), -1) for part in parts])


def _largest(cells, sigma2, n):
    largest = np.full(n, -np.inf)
    np.maximum.at(largest, cells.image, cells.log_terms(sigma2))
    return largest


def _log_sum(cells, sigma2, n):
    """log Σ over an image's cells of exp(log_terms), for each of n images."""
    largest = _largest(cells, sigma2, n)
    shares = np.exp(cells.log_terms(sigma2) - largest[cells.image])
    with np.errstate(divide="ignore", invalid="ignore"):  # images without a cell
        return largest + np.log(np.bincount(cells.image, shares, minlength=n))


def fit_measures(model, data, test_images=2000, train_images=1000):
    """``log_likelihood`` of test images under a model, with its own σ²: {name: number}.

    σ² is that of maximum likelihood on the first ``train_images`` training images, under the same
    integral: started from their squared error, fitted once, on the cells found there.

    A model that learns its prior is integrated under that one.

    ``loglik``          mean log p(x) of the first ``test_images`` test images, in nats per image; a
                        density, so any real number
    ``loglik_sigma2``   the fitted σ², above 0; √σ² is in grey values from 0 to 1
    ``loglik_halving``  mean size of what the last halving of the grid changed in log p(x), in nats,
                        at least 0

    Source: that of ``log_likelihood``.
    Pitfall: pixels are no Gaussians, black ones least of all, so the number ranks these models on
    these images and is no measure of how real their samples look.
    Chapter 7 introduces it.
    """
    train, test = data.train_images[:train_images], data.test_images[:test_images]
    train_codes, codes = model.encode(train), model.encode(test)
    low, high = plane_to_cover(np.concatenate([train_codes, codes]))
    start = float(np.mean((model.decode(train_codes) - train) ** 2))
    prior = {}
    if model.learns_prior:
        prior["log_prior"] = lambda z: model.log_prior(z.astype("float32")).numpy()
    _, _, cells = log_likelihood(model.decode, train, start, low, high, **prior)
    sigma2 = fit_sigma2(cells, train, start)
    found, change, _ = log_likelihood(model.decode, test, sigma2, low, high, **prior)
    return {
        "loglik": float(found.mean()),
        "loglik_sigma2": sigma2,
        "loglik_halving": float(np.abs(change).mean()),
    }


# ---- models that have a q(z|x) --------------------------------------------------------------


def elbo(model, images, z_mean, z_logvar, draws=10, seed=0):
    """The evidence lower bound, mean over images, in nats per image, at β = 1.

    mean_x [ mean over draws z ~ q(z|x) of log p(x|z) − KL(q(z|x) ‖ N(0, I)) ]

    with the model's own log p(x|z), cross-entropy on grey pixels, and the KL in closed form. At
    most 0. Source: Kingma & Welling (2014), equation 7. Pitfall: other pixel likelihoods have other
    nats, so it does not compare with ``log_likelihood``.
    Chapter 7 introduces it.

    Parameters
    ----------
    model : one whose decoder gives logits, and whose prior is N(0, I)
    images : float32, [n, height, width, channels]
    z_mean, z_logvar : from ``posterior``; log-variances from −80 to 80, which float32 can hold
    """
    if model.decoder_output != "logits":
        raise ValueError(f"model must have a decoder of logits, not of {model.decoder_output}")
    if getattr(model, "learns_prior", False):
        raise ValueError("model must have the prior N(0, I), not one that it learns")
    rng, total = np.random.default_rng(seed), 0.0
    for _ in range(draws):
        noise = rng.standard_normal(z_mean.shape).astype("float32")
        z = reparameterize(z_mean, z_logvar, noise)
        for i in range(0, len(images), BLOCK):
            here = slice(i, i + BLOCK)
            total += float(tf.reduce_sum(bernoulli_loglik(images[here], model.decoder(z[here]))))
    return total / (draws * len(images)) - float(tf.reduce_mean(normal_kl(z_mean, z_logvar)))

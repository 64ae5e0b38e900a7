"""log p(x) where the integral over z cannot be done: a bound by importance sampling.

    python -m vae_study.importance

With two dimensions ``likelihood`` integrates; with more it cannot. Chapter 13 shows the result.
"""

import json
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from vae_helpers.data import load_images
from vae_helpers.files import written_whole

from .records import RECORDS
from .weights import restore_training

RECORD = RECORDS / "importance.json"
RUNS = ("vae_published", "vae", "mmd_vae", "vae_8d", "mmd_vae_8d", "mmd_vae_imq_8d")
BLOCK = 100  # images at a time
OTHERS = 5000  # codes among which a mode is looked for
DRAWS = 200  # an image
WIDER = 1.2  # so much wider than the Gaussian that fits the posterior are the draws: tails count


class Draws(NamedTuple):
    """What K draws of z for each of n images came to: both [n, K].

    squared_distance : ‖x − decode(z)‖²
    log_ratio : log p(z) − log q(z), q being what z was drawn from
    """

    squared_distance: np.ndarray
    log_ratio: np.ndarray


def read_bounds(path=RECORD):
    """What ``measure`` found of each run: {run: {name: number}}."""
    return json.loads(path.read_text())


def draw(model, images, sigma2, others, draws=DRAWS, seed=0):
    """Draws of z near each image's posterior, for ``bound``; the prior is N(0, I).

    q(z) is the Gaussian at the posterior's mode, found by Gauss and Newton's method, with the curvature
    there: precision I + JᵀJ / σ², J the decoder's Jacobian. It starts from the image's own code or from
    another image's, whichever explains the image better: in few dimensions a posterior has several
    modes. So models without a q(z|x) of their own can be measured as well.

    Parameters
    ----------
    model : Autoencoder, of any latent_dim
    images : float32, [n, height, width, channels]
    sigma2 : variance of a pixel, above 0
    others : [m, latent_dim], codes of other images
    draws : K, at least 1

    Returns
    -------
    Draws
    """
    rng, found = np.random.default_rng(seed), []
    pictures = model.decode(others).reshape(len(others), -1).astype("float64")
    for i in range(0, len(images), BLOCK):
        x = images[i : i + BLOCK].reshape(len(images[i : i + BLOCK]), -1).astype("float64")
        codes = model.encode(images[i : i + BLOCK])
        distances = np.sum(pictures**2, axis=1) - 2 * x @ pictures.T
        best = np.argmin(distances / sigma2 + np.sum(others**2, axis=1), axis=1)
        mode, precision = _posterior(model, x, (codes, others[best]), sigma2)
        root = WIDER * np.linalg.inv(np.linalg.cholesky(precision)).transpose(0, 2, 1)
        noise = rng.standard_normal((len(x), draws, mode.shape[1]))
        z = mode[:, None] + np.einsum("nij,nkj->nki", root, noise)
        drawn = model.decode(z.reshape(-1, z.shape[-1])).reshape(len(x), draws, -1)
        log_q = -0.5 * np.sum(noise**2, axis=2) - np.linalg.slogdet(root)[1][:, None]
        log_p = -0.5 * np.sum(z**2, axis=2)  # the same constant is left out of both
        found.append(Draws(np.sum((x[:, None] - drawn) ** 2, axis=2), log_p - log_q))
    return Draws(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def bound(found, sigma2, pixels):
    """A bound on log p(x) from below, of each image, in nats: [n], from its ``Draws``.

    log (1/K) Σ_k N(x; decode(z_k), σ² I) p(z_k) / q(z_k),   at most log p(x) in expectation; the more
    draws, the tighter. Source: Burda, Grosse & Salakhutdinov (2016), equation 8, whose q is the
    encoder's. Any q will do.
    """
    logs = found.log_ratio - found.squared_distance / (2 * sigma2)
    constant = pixels / 2 * np.log(2 * np.pi * sigma2)
    return logsumexp(logs, axis=1) - np.log(logs.shape[1]) - constant


def effective_draws(found, sigma2):
    """How many of the draws count, of each image: [n] from 1 to K; 1 / Σ w², w their shares."""
    logs = found.log_ratio - found.squared_distance / (2 * sigma2)
    return np.exp(2 * logsumexp(logs, axis=1) - logsumexp(2 * logs, axis=1))


def fit_sigma2(model, images, start, others, rounds=2):
    """The σ² of the highest bound, a mean over images; draws and σ² are found in turn."""
    pixels = images[0].size
    for seed in range(rounds):
        found = draw(model, images, start, others, seed=seed)

        def negative(log_sigma2, found=found):
            return -bound(found, np.exp(log_sigma2), pixels).mean()

        at = np.log(start)
        best = minimize_scalar(negative, bounds=(at - 0.7, at + 0.7), method="bounded")
        start = float(np.exp(best.x))
    return start


def measure(model, data, test_images=1000, train_images=300):
    """``bound`` of test images, with the σ² that fits training images: {name: number}."""
    train, test = data.train_images[:train_images], data.test_images[:test_images]
    others = model.encode(data.train_images[train_images : train_images + OTHERS])
    error = float(np.mean((model.decode(model.encode(train)) - train) ** 2))
    sigma2 = fit_sigma2(model, train, error, others)
    found = draw(model, test, sigma2, others)
    found_bound = bound(found, sigma2, test[0].size)
    few = Draws(*(column[:, : DRAWS // 4] for column in found))
    return {
        "bound": float(found_bound.mean()),
        "bound_of_a_quarter": float(bound(few, sigma2, test[0].size).mean()),
        "effective_draws": float(np.median(effective_draws(found, sigma2))),
        "sigma2": sigma2,
        "draws": DRAWS,
        "test_images": test_images,
    }


def _posterior(model, x, starts, sigma2, steps=8):
    """Mode [n, d] and precision [n, d, d] of each image's posterior, as a Gaussian.

    From each of the ``starts`` [n, d]; the higher mode counts.
    """

    def look(z):
        pixels, jacobian = _decode_with_slopes(model, z)
        score = -np.sum((x - pixels) ** 2, axis=1) / (2 * sigma2) - np.sum(z**2, axis=1) / 2
        slope = np.einsum("npd,np->nd", jacobian, x - pixels) / sigma2 - z
        precision = np.einsum("npd,npe->nde", jacobian, jacobian) / sigma2 + np.eye(z.shape[1])
        return score, slope, precision

    def climb(z):
        score, slope, precision = look(z)
        size = np.ones(len(z))  # of the step, smaller where a step did not help
        for _ in range(steps):
            tried = z + size[:, None] * np.linalg.solve(precision, slope[..., None])[..., 0]
            there = look(tried)
            better = there[0] > score
            z = np.where(better[:, None], tried, z)
            score = np.where(better, there[0], score)
            slope = np.where(better[:, None], there[1], slope)
            precision = np.where(better[:, None, None], there[2], precision)
            size = np.where(better, 1.0, size / 4)
        return score, z, precision

    (score, z, precision), other = (climb(start.astype("float64")) for start in starts)
    better = other[0] > score
    z = np.where(better[:, None], other[1], z)
    return z, np.where(better[:, None, None], other[2], precision)


def _decode_with_slopes(model, z):
    """Pixels [n, p] at points z [n, d], and their derivatives [n, p, d]."""
    z, slopes = tf.constant(z, tf.float32), []
    for direction in np.eye(z.shape[1], dtype="float32"):
        tangent = tf.broadcast_to(direction, z.shape)
        with tf.autodiff.ForwardAccumulator(z, tangent) as accumulator:
            pixels = model.to_pixels(model.decoder(z))
        slopes.append(accumulator.jvp(pixels).numpy().reshape(len(z), -1))
    pixels = pixels.numpy().reshape(len(z), -1)
    return pixels.astype("float64"), np.stack(slopes, axis=-1).astype("float64")


def main():
    data = load_images("fashion_mnist")
    records = read_bounds() if RECORD.exists() else {}
    for run in RUNS:
        if run not in records:
            records[run] = measure(restore_training(run, "fashion_mnist", 0)[0], data)
            print(run, records[run], flush=True)
            with written_whole(RECORD) as part:
                part.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()

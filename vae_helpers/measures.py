"""Numbers about a latent space that chapters compute in a cell; the study's others are in vae_study."""

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from .losses import kernel_named, mixture_loglik, normal_loglik

BLOCK = 500  # rows at a time, where all pairs are compared


def code_mean_and_cov(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and covariance [d, d] of codes [n, d], n at least 2; the prior N(0, I) has 0 and I."""
    return codes.mean(axis=0), np.atleast_2d(np.cov(codes, rowvar=False))


def mmd_to_prior(codes: np.ndarray, sigma2: float | None = None) -> float:
    """Squared MMD between codes and N(0, I), unbiased, with the prior's part in closed form.

    mean_{i≠j} k(z_i, z_j) − 2 mean_i E_y k(z_i, y) + E_{y,y′} k(y, y′),  y, y′ ~ N(0, I)

    with the Gaussian kernel k(x, y) = exp(−‖x − y‖²/(2σ²)). Its expectation under the prior is a
    Gaussian integral, so no prior draws add noise: E_y k(z, y) = (σ²/(σ²+1))^{d/2} ·
    exp(−‖z‖²/(2(σ²+1))) and E_{y,y′} k(y, y′) = (σ²/(σ²+2))^{d/2}.
    Source: Gretton et al. (2012), equation 3. Pitfall: what it sees depends on σ², so compare at
    several. Chapter 7 introduces it.

    Parameters
    ----------
    codes : [n, d], n at least 2
    sigma2 : the kernel's σ², above 0; without one d²/2, as in ``compute_kernel``

    Returns
    -------
    float, at most 2; scatters around 0 (also below it) for codes that follow the prior
    """
    codes = np.asarray(codes, "float64")
    d = codes.shape[1]
    sigma2 = d**2 / 2 if sigma2 is None else sigma2
    squares = np.sum(codes**2, axis=1)
    to_prior = (sigma2 / (sigma2 + 1)) ** (d / 2) * np.exp(-squares / (2 * (sigma2 + 1)))
    within_prior = (sigma2 / (sigma2 + 2)) ** (d / 2)
    return unbiased_mmd_to_prior(codes, kernel_named(sigma2), to_prior, within_prior)


def unbiased_mmd_to_prior(codes, kernel, to_prior, within_prior):
    """The unbiased estimate from a kernel with k(x, x) = 1 and its expectations under the prior."""
    n, codes = len(codes), tf.constant(codes)
    parts = (codes[i : i + 1000] for i in range(0, n, 1000))
    pairs = sum(float(tf.reduce_sum(kernel(part, codes))) for part in parts)
    return float((pairs - n) / (n * (n - 1)) - 2 * to_prior.mean() + within_prior)


def in_hole(train_codes: np.ndarray, test_codes: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Which points z lie in a hole: where the decoder saw no code in training.

    A point is in a hole if the nearest training code is farther away than it is for 99 % of the test
    codes. Pitfall: a thin spread of codes far out makes no hole, whatever is decoded there.
    Chapters 9 and 10 introduce it.

    Parameters
    ----------
    train_codes : [n, d]
    test_codes : [m, d]
    z : [k, d]

    Returns
    -------
    [k], True or False
    """
    nearest = NearestNeighbors(n_neighbors=1).fit(train_codes)
    usual = np.quantile(nearest.kneighbors(test_codes)[0], 0.99)
    return nearest.kneighbors(z)[0][:, 0] > usual


def knn_accuracy(train_codes, train_labels, test_codes, test_labels, neighbors=15):
    """Share of test codes whose class a vote of the nearest training codes gets right, in [0, 1].

    Fit on training codes and scored on test codes, so that nothing is counted as its own neighbour.
    Chance is 0.1. Source: Cover & Hart (1967).
    Pitfall: it asks about neighbours only; a class may lie in many pieces. Chapter 4 introduces it.
    """
    classifier = KNeighborsClassifier(neighbors).fit(train_codes, train_labels)
    return float(classifier.score(test_codes, test_labels))


def squared_error(model, images: np.ndarray) -> float:
    """Mean over pixels and images of (x − x̂)², x̂ the reconstruction through the code's mean.

    In squared grey values, in [0, 1]. Source: the definition; it is the MMD-VAE's reconstruction term.
    Pitfall: it rewards blur where the model is in doubt, and only some models were trained on it.
    Chapter 4 introduces it.
    """
    errors = 0.0
    for i in range(0, len(images), BLOCK):  # streamed images do not fit into memory
        part = images[i : i + BLOCK]
        errors += float(np.sum((part - model.decode(model.encode(part))) ** 2, dtype="float64"))
    return errors / np.prod(images.shape)


def measures_of_chapter_4(model, data) -> dict:
    """The measures of chapter 4 for one model, on the test images: {name: number}.

    ``knn_accuracy`` needs labels, and is left out without them.
    """
    codes, labels = model.encode(data.test_images), data.test_labels
    mean, cov = code_mean_and_cov(codes)
    found = {"code_mean": mean.tolist(), "code_cov": cov.tolist()}
    found["mmd_to_prior"] = mmd_to_prior(codes)
    if data.train_labels is not None:
        known = model.encode(data.train_images), data.train_labels
        found["knn_accuracy"] = knn_accuracy(*known, codes, labels)
    return {**found, "squared_error": squared_error(model, data.test_images)}


def posterior(model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and log-variance of q(z|x), each [n, latent_dim]; None for a deterministic encoder."""
    if model.outputs_per_dim == 1:
        return None
    return np.split(model.encoder.predict(images, batch_size=BLOCK, verbose=0), 2, axis=1)


def mutual_information(
    z_mean: np.ndarray, z_logvar: np.ndarray, draws: int = 1, seed: int = 0
) -> float:
    """Mutual information I(x; z) between images and draws of their q(z|x), in nats.

    mean_x KL(q(z|x) ‖ p) − KL(q(z) ‖ p),  q(z) = (1/n) Σ_x q(z|x),

    which is the mean over x and z ~ q(z|x) of log q(z|x) − log q(z). The density of the mixture q(z)
    over all n images is exact; the mean is over draws. Between 0 (up to the draws' noise) and log n.
    Source: Hoffman & Johnson (2016). Pitfall: it cannot exceed log n, 9.21 for 10,000 images, so
    values near that say little. Chapter 7 introduces it.

    Parameters
    ----------
    z_mean, z_logvar : [n, d], from ``posterior``; log-variances from −80 to 80
    draws : of each image
    """
    mean, logvar = z_mean.astype("float64"), z_logvar.astype("float64")
    (n, d), var, rng = mean.shape, np.exp(logvar), np.random.default_rng(seed)
    # log N(z; m, v) is linear in (z², z, 1): one matrix product for all pairs. Of its terms' sixteen
    # digits a narrow cloud far from 0 leaves too few; there the slower sum of differences serves.
    far = np.max(mean**2 / var) > 1e13
    weights = np.concatenate([-0.5 / var, mean / var], axis=1).T
    constants = normal_loglik(np.zeros(d), mean, logvar).numpy() - np.log(n)
    rows, total = BLOCK // d + 1 if far else BLOCK, 0.0
    for _ in range(draws):
        z = mean + np.sqrt(var) * rng.standard_normal(mean.shape)
        total += np.sum(normal_loglik(z, mean, logvar))
        for part in (z[i : i + rows] for i in range(0, n, rows)):
            if far:
                mixture = mixture_loglik(part, mean, logvar)
            else:
                mixture = logsumexp(np.hstack([part**2, part]) @ weights + constants, axis=1)
            total -= np.sum(mixture)
    return float(total / (draws * n))

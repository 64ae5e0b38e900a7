"""Numbers about a latent space, on top of scikit-learn. Chapter 4 introduces them."""

import numpy as np
import tensorflow as tf
from sklearn.neighbors import KNeighborsClassifier

from .losses import compute_kernel


def code_mean_and_cov(codes):
    """Mean [d] and covariance [d, d] of codes [n, d]; the prior N(0, I) has 0 and I."""
    return codes.mean(axis=0), np.atleast_2d(np.cov(codes, rowvar=False))


def mmd_to_prior(codes):
    """Squared MMD between codes and N(0, I), unbiased, with the prior's part in closed form.

    mean_{i≠j} k(z_i, z_j) − 2 mean_i E_y k(z_i, y) + E_{y,y′} k(y, y′),  y, y′ ~ N(0, I)

    with the Gaussian kernel of ``compute_kernel``, σ² = d²/2. Its expectation under the prior is a
    Gaussian integral, so no prior draws add noise: E_y k(z, y) = (σ²/(σ²+1))^{d/2} ·
    exp(−‖z‖²/(2(σ²+1))) and E_{y,y′} k(y, y′) = (σ²/(σ²+2))^{d/2}.
    Source: Gretton et al. (2012), equation 3.

    Parameters
    ----------
    codes : [n, d], n at least 2

    Returns
    -------
    float, at most 2; scatters around 0 (also below it) for codes that follow the prior
    """
    codes = np.asarray(codes, "float32")
    n, d = codes.shape
    if n < 2:
        raise ValueError(f"the unbiased estimate needs at least 2 codes, not {n}")
    sigma2 = d**2 / 2
    pairs = sum(
        float(tf.reduce_sum(compute_kernel(tf.constant(codes[i : i + 1000]), tf.constant(codes))))
        for i in range(0, n, 1000)
    )
    squares = np.sum(codes.astype("float64") ** 2, axis=1)
    to_prior = (sigma2 / (sigma2 + 1)) ** (d / 2) * np.exp(-squares / (2 * (sigma2 + 1)))
    within_prior = (sigma2 / (sigma2 + 2)) ** (d / 2)
    return float((pairs - n) / (n * (n - 1)) - 2 * to_prior.mean() + within_prior)


def knn_accuracy(train_codes, train_labels, test_codes, test_labels, neighbors=15):
    """Share of test codes whose class a vote of the nearest training codes gets right, in [0, 1].

    Fit on training codes and scored on test codes, so that nothing is counted as its own neighbour.
    Chance is 0.1.
    """
    classifier = KNeighborsClassifier(neighbors).fit(train_codes, train_labels)
    return float(classifier.score(test_codes, test_labels))


def squared_error(model, images):
    """Mean over pixels and images of (x − x̂)², x̂ the reconstruction through the code's mean."""
    return float(np.mean((images - model.decode(model.encode(images))) ** 2))


def measure(model, data):
    """All of the above for one model, on the 10,000 test images of a data set: {name: number}."""
    train_codes, test_codes = model.encode(data.train_images), model.encode(data.test_images)
    mean, cov = code_mean_and_cov(test_codes)
    return {
        "code_mean": mean.tolist(),
        "code_cov": cov.tolist(),
        "mmd_to_prior": mmd_to_prior(test_codes),
        "knn_accuracy": knn_accuracy(train_codes, data.train_labels, test_codes, data.test_labels),
        "squared_error": squared_error(model, data.test_images),
    }

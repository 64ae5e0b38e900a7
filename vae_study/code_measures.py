"""Numbers about codes, on top of scikit-learn and SciPy: where they lie, what they know about classes."""

from functools import partial

import numpy as np
from scipy import integrate, stats
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score, silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_helpers.losses import imq_kernel
from vae_helpers.measures import (
    code_mean_and_cov,
    knn_accuracy,
    mmd_to_prior,
    unbiased_mmd_to_prior,
)


def centre_and_spread(codes):
    """How far mean and covariance of the codes are from the prior's, in three numbers.

    ``mean_norm``     ‖mean‖, at least 0, in units of the latent space; the prior has 0
    ``cov_distance``  ‖covariance − I‖, Frobenius norm, at least 0; the prior has 0
    ``cov_logdet``    log det covariance, any real number; the prior has 0. Minus is shrunken and
                      −∞ collapsed onto a line, plus is spread out

    Source: the definitions; the prior's moments are those of N(0, I).
    Pitfall: two moments are not a distribution; a ring can have the prior's mean and covariance. And
    spread alone rewards a small β, which pushes codes outwards whatever they are worth.
    Chapter 7 introduces it.
    """
    mean, cov = code_mean_and_cov(np.asarray(codes, "float64"))
    return {
        "mean_norm": float(np.linalg.norm(mean)),
        "cov_distance": float(np.linalg.norm(cov - np.eye(len(cov)))),
        "cov_logdet": float(np.linalg.slogdet(cov).logabsdet),
    }


def mmd_to_prior_imq(codes):
    """Squared MMD between codes and N(0, I) with the inverse multiquadratic kernel, unbiased.

    As ``mmd_to_prior``, with k(x, y) = C/(C + ‖x − y‖²), C = 2d, whose tails are heavy: it still
    tells codes that lie far away from codes that lie farther. The prior's part is a
    one-dimensional integral, computed to nine digits. Source: Tolstikhin et al. (2018), section 4.
    Pitfall: its values do not compare with those of a Gaussian kernel. Chapter 7 introduces it.

    Parameters
    ----------
    codes : [n, d], n at least 2

    Returns
    -------
    float, at most 2; scatters around 0 (also below it) for codes that follow the prior
    """
    codes = np.asarray(codes, "float64")
    d = codes.shape[1]
    squares = np.sum(codes**2, axis=1)
    within_prior = integrate.quad(lambda u: np.exp(-u) * (1 + 2 * u / d) ** (-d / 2), 0, np.inf)[0]
    kernel = partial(imq_kernel, scale=2 * d)
    return unbiased_mmd_to_prior(codes, kernel, imq_expectation(squares, d), within_prior)


def imq_expectation(squares, d, nodes=200):
    """E_y C/(C + ‖z − y‖²) over y ~ N(0, I) for points z with the given ‖z‖² [n], C = 2d.

    With 1/a = ∫₀^∞ exp(−a t) dt the expectation over y is a Gaussian integral,

    C ∫₀^∞ exp(−C t) (1 + 2t)^{−d/2} exp(−‖z‖² t/(1 + 2t)) dt,

    and s = t/(1 + 2t) brings the rest onto [0, ½], where Gauss–Legendre quadrature is exact to
    nine digits for ‖z‖ up to 60.
    """
    x, weights = np.polynomial.legendre.leggauss(nodes)
    s, weights = (x + 1) / 4, weights / 4
    t = s / (1 - 2 * s)
    rest = 2 * d * np.exp(-2 * d * t) * (1 - 2 * s) ** (d / 2 - 2)
    return np.exp(-np.multiply.outer(squares, s)) @ (rest * weights)


def sliced_wasserstein(codes, projections=64):
    """Sliced Wasserstein-2 distance between codes and N(0, I).

    √ mean_θ ∫₀¹ (F_θ⁻¹(u) − Φ⁻¹(u))² du

    over directions θ, F_θ the distribution of the codes' projections. Every projection of the prior
    is N(0, 1), and the integral over its quantile function Φ⁻¹ is exact: ∫ₐᵇ Φ⁻¹ = φ(Φ⁻¹(a)) −
    φ(Φ⁻¹(b)). The directions are fixed: evenly spaced in the plane, otherwise drawn once.
    In units of the latent space, at least 0. Source: Bonneel et al. (2015); Kolouri et al. (2019).
    Pitfall: it is never 0; 10,000 draws of the prior itself mostly read 0.014 to 0.025 in the
    plane.
    Chapter 7 introduces it.

    Parameters
    ----------
    codes : [n, d]
    projections : number of directions, at least 1
    """
    codes = np.asarray(codes, "float64")
    n, d = codes.shape
    if d == 2:
        angles = np.pi * np.arange(projections) / projections
        directions = np.stack([np.cos(angles), np.sin(angles)])
    else:
        directions = np.random.default_rng(0).standard_normal((d, projections))
        directions /= np.linalg.norm(directions, axis=0)
    projected = np.sort(codes @ directions, axis=0)
    density = stats.norm.pdf(stats.norm.ppf(np.arange(n + 1) / n))
    squared = np.mean(projected**2, axis=0) + 1 - 2 * (density[:-1] - density[1:]) @ projected
    return float(np.sqrt(max(squared.mean(), 0.0)))


def probe_accuracy(train_codes, train_labels, test_codes, test_labels):
    """Share of test codes whose class a logistic regression on the codes gets right, in [0, 1].

    Softmax regression on standardised codes, fit on training codes and scored on test codes: do
    straight lines part the classes? Chance is 0.1. Source: Alain & Bengio (2017).
    Pitfall: a class that lies around another is out of a line's reach, however clear its border.
    Chapter 7 introduces it.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(probe.fit(train_codes, train_labels).score(test_codes, test_labels))


def silhouette(codes, labels):
    """Mean silhouette of the classes in latent space, in [−1, 1].

    (b − a)/max(a, b) for each code, a its mean distance to its own class, b to the nearest other
    class. Source: Rousseeuw (1987). Pitfall: it favours round classes of one size; a class that is
    long, or in two parts, reads badly even where nothing else lies near. Chapter 7 introduces it.
    """
    return float(silhouette_score(codes, labels))


def kmeans_nmi(codes, labels, clusters=10, seed=0):
    """Normalised mutual information between classes and k-means clusters of the codes, in [0, 1].

    I(class; cluster) divided by the mean of both entropies; 0 for clusters that know nothing, 1 for
    clusters that are the classes. Best of ten starts. Source: Strehl & Ghosh (2002), who divide by
    the entropies' geometric mean.
    Pitfall: k-means cuts a crowded plane into round pieces of one size, whatever the classes do.
    Chapter 7 introduces it.
    """
    found = KMeans(clusters, n_init=10, random_state=seed).fit_predict(codes)
    return float(normalized_mutual_info_score(labels, found))


def active_units(z_mean, threshold=0.01):
    """How many latent dimensions are in use: those in which E[z|x] varies over images by > 0.01.

    A whole number from 0 to latent_dim. Source: Burda, Grosse & Salakhutdinov (2016), section 5.2.
    Pitfall: a dimension counts as soon as it moves, however little the decoder makes of it.
    Chapter 7 introduces it.
    """
    return int(np.sum(np.var(np.asarray(z_mean, "float64"), axis=0) > threshold))


def measure_codes(train_codes, train_labels, codes, labels, seed=0):
    """The part of ``study_measures`` that looks at codes only."""
    return {
        **centre_and_spread(codes),
        "mmd_to_prior": mmd_to_prior(codes),
        "mmd_narrow": mmd_to_prior(codes, sigma2=0.1),
        "mmd_wide": mmd_to_prior(codes, sigma2=20),
        "mmd_imq": mmd_to_prior_imq(codes),
        "sliced_wasserstein": sliced_wasserstein(codes),
        "knn_accuracy": knn_accuracy(train_codes, train_labels, codes, labels),
        "probe_accuracy": probe_accuracy(train_codes, train_labels, codes, labels),
        "silhouette": silhouette(codes, labels),
        "nmi": kmeans_nmi(codes, labels, seed=seed),
    }

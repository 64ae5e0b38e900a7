"""Numbers about a latent space, on top of scikit-learn and SciPy.

Where codes lie, how well they match the prior, what they know about classes. Numbers about pictures
are in ``picture_measures`` and ``recognition``, numbers about the fit in ``likelihood``.
Chapters 4 and 7 introduce them.
"""

from functools import partial

import numpy as np
import tensorflow as tf
from scipy import integrate, stats
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .checks import (
    check_array,
    check_codes,
    check_dataset,
    check_images,
    check_labels,
    check_number,
    check_parts,
)
from .likelihood import active_units, elbo, fit_measures, mutual_information, posterior
from .losses import gaussian_kernel, imq_kernel
from .picture_measures import (
    changes_per_path,
    largest_singular_values,
    pairs_of_different_classes,
    path_measures,
    sharpness_ratios,
    straight_paths,
)
from .recognition import filled, most_probable_class

# The square of the tutorial's picture of the latent plane, and the points along its side.
SQUARE, SQUARE_STEPS = 4.0, 16

# ---- where codes lie ------------------------------------------------------------------------


def code_mean_and_cov(codes):
    """Mean [d] and covariance [d, d] of codes [n, d], n at least 2; the prior N(0, I) has 0 and I."""
    codes = check_codes(codes, least=2)
    return codes.mean(axis=0), np.atleast_2d(np.cov(codes, rowvar=False))


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
    mean, cov = code_mean_and_cov(check_codes(codes).astype("float64"))
    return {
        "mean_norm": float(np.linalg.norm(mean)),
        "cov_distance": float(np.linalg.norm(cov - np.eye(len(cov)))),
        "cov_logdet": float(np.linalg.slogdet(cov).logabsdet),
    }


# ---- match to the prior ---------------------------------------------------------------------


def mmd_to_prior(codes, sigma2=None):
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
    codes = check_codes(codes, least=2).astype("float64")
    d = codes.shape[1]
    sigma2 = d**2 / 2 if sigma2 is None else check_number(sigma2, "sigma2", low=1e-6)
    squares = np.sum(codes**2, axis=1)
    to_prior = (sigma2 / (sigma2 + 1)) ** (d / 2) * np.exp(-squares / (2 * (sigma2 + 1)))
    within_prior = (sigma2 / (sigma2 + 2)) ** (d / 2)
    return _unbiased_mmd(codes, partial(gaussian_kernel, sigma2=sigma2), to_prior, within_prior)


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
    codes = check_codes(codes, least=2).astype("float64")
    d = codes.shape[1]
    squares = np.sum(codes**2, axis=1)
    within_prior = integrate.quad(lambda u: np.exp(-u) * (1 + 2 * u / d) ** (-d / 2), 0, np.inf)[0]
    kernel = partial(imq_kernel, scale=2 * d)
    return _unbiased_mmd(codes, kernel, imq_expectation(squares, d), within_prior)


def imq_expectation(squares, d, nodes=200):
    """E_y C/(C + ‖z − y‖²) over y ~ N(0, I) for points z with the given ‖z‖² [n], C = 2d.

    With 1/a = ∫₀^∞ exp(−a t) dt the expectation over y is a Gaussian integral,

    C ∫₀^∞ exp(−C t) (1 + 2t)^{−d/2} exp(−‖z‖² t/(1 + 2t)) dt,

    and s = t/(1 + 2t) brings the rest onto [0, ½], where Gauss–Legendre quadrature is exact to
    nine digits for ‖z‖ up to 60.
    """
    squares = check_array(squares, "squares", ("n",), low=0, high=np.finfo("float64").max)
    d = check_number(d, "d", low=1, whole=True)
    nodes = check_number(nodes, "nodes", low=2, whole=True)
    x, weights = np.polynomial.legendre.leggauss(nodes)
    s, weights = (x + 1) / 4, weights / 4
    t = s / (1 - 2 * s)
    rest = 2 * d * np.exp(-2 * d * t) * (1 - 2 * s) ** (d / 2 - 2)
    return np.exp(-np.multiply.outer(squares, s)) @ (rest * weights)


def _unbiased_mmd(codes, kernel, to_prior, within_prior):
    """The unbiased estimate from a kernel with k(x, x) = 1 and its expectations under the prior."""
    n = len(codes)
    pairs = sum(
        float(tf.reduce_sum(kernel(tf.constant(codes[i : i + 1000]), tf.constant(codes))))
        for i in range(0, n, 1000)
    )
    return float((pairs - n) / (n * (n - 1)) - 2 * to_prior.mean() + within_prior)


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
    projections = check_number(projections, "projections", low=1, whole=True)
    codes = check_codes(codes).astype("float64")
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


def in_hole(train_codes, test_codes, z):
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
    train_codes, d = _codes_and_width(train_codes)
    test_codes, z = check_codes(test_codes, "test_codes", d=d), check_codes(z, "z", d=d)
    nearest = NearestNeighbors(n_neighbors=1).fit(train_codes)
    usual = np.quantile(nearest.kneighbors(test_codes)[0], 0.99)
    return nearest.kneighbors(z)[0][:, 0] > usual


def _codes_and_width(train_codes):
    train_codes = check_codes(train_codes, "train_codes")
    return train_codes, train_codes.shape[1]


# ---- what codes know about classes ----------------------------------------------------------


def _check_split(train_codes, train_labels, codes, labels, *, classes=1, test="test_"):
    """Training codes with their labels, and test codes of the same width with theirs."""
    train_codes, d = _codes_and_width(train_codes)
    codes = check_codes(codes, f"{test}codes", d=d)
    return (
        train_codes,
        check_labels(train_labels, "train_labels", n=len(train_codes), classes=classes),
        codes,
        check_labels(labels, f"{test}labels", n=len(codes)),
    )


def knn_accuracy(train_codes, train_labels, test_codes, test_labels, neighbors=15):
    """Share of test codes whose class a vote of the nearest training codes gets right, in [0, 1].

    Fit on training codes and scored on test codes, so that nothing is counted as its own neighbour.
    Chance is 0.1. Source: Cover & Hart (1967).
    Pitfall: it asks about neighbours only; a class may lie in many pieces. Chapter 4 introduces it.
    """
    train_codes, train_labels, test_codes, test_labels = _check_split(
        train_codes, train_labels, test_codes, test_labels
    )
    neighbors = check_number(neighbors, "neighbors", low=1, high=len(train_codes), whole=True)
    classifier = KNeighborsClassifier(neighbors).fit(train_codes, train_labels)
    return float(classifier.score(test_codes, test_labels))


def probe_accuracy(train_codes, train_labels, test_codes, test_labels):
    """Share of test codes whose class a logistic regression on the codes gets right, in [0, 1].

    Softmax regression on standardised codes, fit on training codes and scored on test codes: do
    straight lines part the classes? Chance is 0.1. Source: Alain & Bengio (2017).
    Pitfall: a class that lies around another is out of a line's reach, however clear its border.
    Chapter 7 introduces it.
    """
    train_codes, train_labels, test_codes, test_labels = _check_split(
        train_codes, train_labels, test_codes, test_labels, classes=2
    )
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(probe.fit(train_codes, train_labels).score(test_codes, test_labels))


def silhouette(codes, labels):
    """Mean silhouette of the classes in latent space, in [−1, 1].

    (b − a)/max(a, b) for each code, a its mean distance to its own class, b to the nearest other
    class. Source: Rousseeuw (1987). Pitfall: it favours round classes of one size; a class that is
    long, or in two parts, reads badly even where nothing else lies near. Chapter 7 introduces it.
    """
    codes = check_codes(codes)
    labels = check_labels(labels, n=len(codes), classes=2)
    if len(np.unique(labels)) == len(labels):
        raise ValueError("labels must hold at least one class twice: single codes have no inside")
    return float(silhouette_score(codes, labels))


def kmeans_nmi(codes, labels, clusters=10, seed=0):
    """Normalised mutual information between classes and k-means clusters of the codes, in [0, 1].

    I(class; cluster) divided by the mean of both entropies; 0 for clusters that know nothing, 1 for
    clusters that are the classes. Best of ten starts. Source: Strehl & Ghosh (2002), who divide by
    the entropies' geometric mean.
    Pitfall: k-means cuts a crowded plane into round pieces of one size, whatever the classes do.
    Chapter 7 introduces it.
    """
    codes = check_codes(codes)
    labels = check_labels(labels, n=len(codes))
    clusters = check_number(clusters, "clusters", low=1, high=len(codes), whole=True)
    seed = check_number(seed, "seed", low=0, high=2**32 - 1, whole=True)
    found = KMeans(clusters, n_init=10, random_state=seed).fit_predict(codes)
    return float(normalized_mutual_info_score(labels, found))


# ---- all of it ------------------------------------------------------------------------------


# What ``check_parts`` asks of a model.
AUTOENCODER = (
    "an Autoencoder", "encode", "decode", "sample", "latent_dim", "encoder", "decoder", "to_pixels",
    "decoder_output", "learns_prior",
)  # fmt: skip


def squared_error(model, images):
    """Mean over pixels and images of (x − x̂)², x̂ the reconstruction through the code's mean.

    In squared grey values, in [0, 1]. Source: the definition; it is the MMD-VAE's reconstruction term.
    Pitfall: it rewards blur where the model is in doubt, and only some models were trained on it.
    Chapter 4 introduces it.
    """
    check_images(images)
    check_parts(model, "model", *AUTOENCODER[:3])
    return float(np.mean((images - model.decode(model.encode(images))) ** 2))


def measure(model, data):
    """The measures of chapter 4 for one model, on the 10,000 test images: {name: number}."""
    check_parts(model, "model", *AUTOENCODER[:3])
    check_dataset(data, least=2)
    train_codes, test_codes = model.encode(data.train_images), model.encode(data.test_images)
    mean, cov = code_mean_and_cov(test_codes)
    return {
        "code_mean": mean.tolist(),
        "code_cov": cov.tolist(),
        "mmd_to_prior": mmd_to_prior(test_codes),
        "knn_accuracy": knn_accuracy(train_codes, data.train_labels, test_codes, data.test_labels),
        "squared_error": squared_error(model, data.test_images),
    }


# What ``measure_all`` returns, in its order: name in records to name in tables, with the unit.
TITLES = {
    "mean_norm": "Mean code, distance from 0",
    "cov_distance": "Covariance of the codes, distance from I",
    "cov_logdet": "Covariance of the codes, log det",
    "mmd_to_prior": "MMD² to the prior, σ² = d²/2",
    "mmd_narrow": "MMD² to the prior, σ² = 0.1",
    "mmd_wide": "MMD² to the prior, σ² = 20",
    "mmd_imq": "MMD² to the prior, inverse multiquadratic kernel",
    "sliced_wasserstein": "Sliced Wasserstein-2 distance to the prior",
    "knn_accuracy": "15-NN accuracy",
    "probe_accuracy": "Logistic probe, accuracy",
    "silhouette": "Silhouette of the classes",
    "nmi": "k-means clusters and classes, normalised mutual information",
    "squared_error": "Squared error of a reconstruction, mean over pixels",
    "sample_sharpness": "Samples: gradient energy, ratio to real images",
    "sample_laplacian": "Samples: Laplacian variance, ratio to real images",
    "sample_blank": "Samples: share that is blank",
    "reconstruction_sharpness": "Reconstructions: gradient energy, ratio to real images",
    "reconstruction_laplacian": "Reconstructions: Laplacian variance, ratio to real images",
    "reconstruction_blank": "Reconstructions: share that is blank",
    "filled_prior": "Samples: share that shows something",
    "filled_square": "Grid over the square ±4: share that shows something",
    "filled_reconstructions": "Reconstructions: share that shows something",
    "step_variation": "Paths: variation of step sizes",
    "path_ratio": "Paths: length over distance of the ends",
    "class_changes": "Paths: class changes",
    "slope_median": "Largest singular value of the Jacobian, median (pixel distance per unit)",
    "slope_high": "Largest singular value of the Jacobian, 95 % quantile (pixel distance per unit)",
    "loglik": "log p(x), Gaussian pixels of one fitted variance (nats per image)",
    "loglik_sigma2": "Fitted variance σ² of a pixel",
    "loglik_halving": "log p(x), change at the last halving of the grid (nats per image)",
    "elbo": "ELBO at β = 1, cross-entropy pixels (nats per image)",
    "mutual_information": "Mutual information of image and code (nats)",
    "active_units": "Active latent dimensions",
}


def measure_all(model, data, classifier, seed=0):
    """Every measure of chapter 7 for one model: {name: number}; ``TITLES`` says what they are.

    On all 10,000 test images, on as many draws from the prior, on a 16×16 grid over the square ±4
    and on 200 straight paths; slopes and log-likelihood on the first 1,000 and 2,000 test images. A
    model without q(z|x) has no ``mutual_information`` and ``active_units``, one without logits no
    ``elbo``, nor has one that learns its prior; with other than two latent dimensions there is no
    ``filled_square`` and no ``loglik``. Codes are held against N(0, I), also those of a model that
    learns another prior. All draws follow from ``seed`` alone, so models measured with
    one seed are measured on the same draws.

    Parameters
    ----------
    model : Autoencoder
    data : ImageDataset
    classifier : from ``recognition.load_classifier``
    seed : whole number, at least 0
    """
    check_parts(model, "model", *AUTOENCODER)
    check_dataset(data, least=2)
    check_parts(classifier, "classifier", "a Classifier", "network", "nearest", "limit")
    check_number(seed, "seed", low=0, whole=True)
    images, labels = data.test_images, data.test_labels
    train_codes, codes = model.encode(data.train_images), model.encode(images)
    found = measure_codes(train_codes, data.train_labels, codes, labels, seed)
    found["squared_error"] = squared_error(model, images)
    found |= measure_pictures(model, images, codes, classifier, seed)
    found |= measure_paths(model, codes, labels, classifier, seed)
    if model.latent_dim == 2:
        found |= fit_measures(model, data)
    return found | measure_posterior(model, images, seed)


def measure_codes(train_codes, train_labels, codes, labels, seed=0):
    """The part of ``measure_all`` that looks at codes only."""
    seed = check_number(seed, "seed", low=0, high=2**32 - 1, whole=True)
    train_codes, train_labels, codes, labels = _check_split(
        train_codes, train_labels, codes, labels, classes=2, test=""
    )
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


def measure_pictures(model, images, codes, classifier, seed=0):
    """The part of ``measure_all`` that looks at samples, reconstructions and the square's grid."""
    check_parts(model, "model", *AUTOENCODER)
    check_images(images)
    codes = check_codes(codes, d=model.latent_dim)
    check_parts(classifier, "classifier", "a Classifier", "network", "nearest", "limit")
    seed = check_number(seed, "seed", low=0, whole=True)
    reconstructions = model.decode(codes)
    samples = model.sample(len(images), seed)
    found = {}
    for name, pictures in (("sample", samples), ("reconstruction", reconstructions)):
        ratios = sharpness_ratios(pictures, images)
        found[f"{name}_sharpness"] = ratios["gradient_energy"]
        found[f"{name}_laplacian"] = ratios["laplacian_variance"]
        found[f"{name}_blank"] = ratios["blank_share"]
    found["filled_prior"] = filled(classifier, samples)
    if model.latent_dim == 2:
        axis = np.linspace(-SQUARE, SQUARE, SQUARE_STEPS)
        square = model.decode(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
        found["filled_square"] = filled(classifier, square)
    return found | {"filled_reconstructions": filled(classifier, reconstructions)}


def measure_paths(model, codes, labels, classifier, seed=0):
    """The part of ``measure_all`` that looks at straight paths between test codes, and at slopes."""
    check_parts(model, "model", *AUTOENCODER)
    codes = check_codes(codes, d=model.latent_dim)
    labels = check_labels(labels, n=len(codes), classes=2)
    check_parts(classifier, "classifier", "a Classifier", "network", "nearest", "limit")
    pairs = pairs_of_different_classes(labels, seed=seed)
    paths = straight_paths(codes[pairs[:, 0]], codes[pairs[:, 1]])
    n, steps, _ = paths.shape
    pictures = model.decode(paths.reshape(n * steps, -1))
    classes = most_probable_class(classifier, pictures).reshape(n, steps)
    slopes = largest_singular_values(lambda z: model.to_pixels(model.decoder(z)), codes[:1000])
    return {
        **path_measures(pictures.reshape(n, steps, 28, 28, 1)),
        "class_changes": changes_per_path(classes),
        "slope_median": float(np.median(slopes)),
        "slope_high": float(np.quantile(slopes, 0.95)),
    }


def measure_posterior(model, images, seed=0):
    """The part of ``measure_all`` that looks at q(z|x); empty for a deterministic encoder."""
    seed = check_number(seed, "seed", low=0, whole=True)
    if (q := posterior(model, images)) is None:
        return {}
    z_mean, z_logvar = q
    found = {}
    if model.decoder_output == "logits" and not model.learns_prior:
        found["elbo"] = elbo(model, images, z_mean, z_logvar, seed=seed)
    return found | {
        "mutual_information": mutual_information(z_mean, z_logvar, seed=seed),
        "active_units": float(active_units(z_mean)),
    }

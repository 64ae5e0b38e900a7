"""Every measure of the study together."""

import numpy as np

from vae_helpers.measures import mutual_information, posterior, squared_error
from vae_helpers.plotting import latent_grid, straight_line

from .code_measures import active_units, measure_codes
from .likelihood import elbo, fit_measures
from .picture_measures import (
    changes_per_path,
    largest_singular_values,
    pairs_of_different_classes,
    path_measures,
    sharpness_ratios,
)
from .recognition import filled, most_probable_class

# What ``study_measures`` returns, in its order: name in records to name in tables, with the unit.
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


def study_measures(model, data, classifier, seed=0):
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
    classifier : from ``load_classifier``
    seed : whole number, at least 0
    """
    images, labels = data.test_images, data.test_labels
    train_codes, codes = model.encode(data.train_images), model.encode(images)
    found = measure_codes(train_codes, data.train_labels, codes, labels, seed)
    found["squared_error"] = squared_error(model, images)
    found |= measure_pictures(model, images, codes, classifier, seed)
    found |= measure_paths(model, codes, labels, classifier, seed)
    if model.latent_dim == 2:
        found |= fit_measures(model, data)
    return found | measure_posterior(model, images, seed)


def measure_pictures(model, images, codes, classifier, seed=0):
    """The part of ``study_measures`` that looks at samples, reconstructions and the square's grid."""
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
        found["filled_square"] = filled(classifier, model.decode(latent_grid()))
    return found | {"filled_reconstructions": filled(classifier, reconstructions)}


def measure_paths(model, codes, labels, classifier, seed=0):
    """The part of ``study_measures`` that looks at straight paths between test codes, and at slopes."""
    pairs = pairs_of_different_classes(labels, seed=seed)
    paths = straight_line(codes[pairs[:, 0]], codes[pairs[:, 1]], steps=33)
    n, steps, _ = paths.shape
    pictures = model.decode(paths.reshape(n * steps, -1))
    classes = most_probable_class(classifier, pictures).reshape(n, steps)
    slopes = largest_singular_values(lambda z: model.to_pixels(model.decoder(z)), codes[:1000])
    return {
        **path_measures(pictures.reshape(n, steps, *model.image_shape)),
        "class_changes": changes_per_path(classes),
        "slope_median": float(np.median(slopes)),
        "slope_high": float(np.quantile(slopes, 0.95)),
    }


def measure_posterior(model, images, seed=0):
    """The part of ``study_measures`` that looks at q(z|x); empty for a deterministic encoder."""
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

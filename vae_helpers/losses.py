"""The pieces that the cost functions are made of: pure functions on tensors.

Every log-likelihood is in nats and *per image*: summed over pixels or latent dimensions, not over
the batch. Averaging over the batch is left to the models, so that it happens in one place.
"""

import math

import numpy as np
import tensorflow as tf

from .checks import check_number

LOG_2PI = math.log(2.0 * math.pi)


def reparameterize(z_mean, z_logvar, noise):
    """Turn standard normal noise into a draw from q(z|x): z = mean + standard deviation · noise.

    Introduced in chapter 2. Source: Kingma & Welling (2014), section 2.4.

    Parameters
    ----------
    z_mean, z_logvar : [n, latent_dim], mean and log-variance of q(z|x) for each image; beyond a
        log-variance of 177 the standard deviation leaves float32
    noise : [n, latent_dim], draws from N(0, I)

    Returns
    -------
    z : [n, latent_dim]
    """
    return z_mean + tf.exp(0.5 * z_logvar) * noise


def normal_loglik(z, mean, logvar):
    """Log-density of z under a normal with independent dimensions, in nats per row.

    log N(z; mean, exp(logvar)) = −½ Σ_d [ log 2π + logvar + (z − mean)² / exp(logvar) ]

    One function serves log p(z) (mean = logvar = 0) and log q(z|x). Introduced in chapter 2.

    Parameters
    ----------
    z : [n, d]
    mean, logvar : [n, d], or anything that broadcasts to it; a logvar below −87 leaves float32,
        which gives −inf, and NaN where z = mean

    Returns
    -------
    [n], any real number
    """
    return -0.5 * tf.reduce_sum(LOG_2PI + logvar + (z - mean) ** 2 * tf.exp(-logvar), axis=-1)


def normal_kl(z_mean, z_logvar):
    """KL(q(z|x) ‖ N(0, I)) in closed form, in nats per image.

    ½ Σ_d [ mean² + exp(logvar) − 1 − logvar ]

    The mean over z ~ q(z|x) of log q(z|x) − log p(z). Introduced in chapter 2.
    Source: Kingma & Welling (2014), appendix B.

    Parameters
    ----------
    z_mean, z_logvar : [n, latent_dim]; a log-variance above 88 gives inf in float32

    Returns
    -------
    [n], at least 0 (up to rounding)
    """
    return 0.5 * tf.reduce_sum(z_mean**2 + tf.exp(z_logvar) - 1.0 - z_logvar, axis=-1)


def bernoulli_loglik(images, logits):
    """Log-probability of the pixels under independent Bernoulli distributions, in nats per image.

    Σ_pixels [ x · log p + (1 − x) · log(1 − p) ],  p = sigmoid(logits)

    For grey pixels (0 < x < 1) this is the negative cross-entropy, which is no likelihood of
    anything; chapter 2 says what that means. Introduced in chapter 2.

    Parameters
    ----------
    images : [n, height, width, channels] in [0, 1]
    logits : the same shape, any real number

    Returns
    -------
    [n], at most 0
    """
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return -tf.reduce_sum(cross_entropy, axis=[1, 2, 3])


def squared_distances(x, y):
    """Squared distance ‖x − y‖² between all rows of x and all rows of y.

    Introduced in chapter 3.

    Parameters
    ----------
    x : [n, d]
    y : [m, d]

    Returns
    -------
    [n, m], at least 0
    """
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"x and y must have as many columns: x has {x.shape[-1]}, y {y.shape[-1]}")
    # ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y keeps memory at n·m where differences would need n·m·d;
    # rounding can leave it a hair below zero, and in float32 tells nothing of rows that are near
    # each other and thousands away from 0.
    squares_x = tf.reduce_sum(x**2, axis=1)[:, None]
    squares_y = tf.reduce_sum(y**2, axis=1)[None, :]
    return tf.maximum(squares_x + squares_y - 2.0 * tf.matmul(x, y, transpose_b=True), 0.0)


def compute_kernel(x, y):
    """Gaussian kernel between all rows of x and all rows of y.

    k(x, y) = exp( −mean_d (x_d − y_d)² / d ) = exp( −‖x − y‖² / d² ),  d = latent_dim

    the kernel of the original MMD-VAE code: a Gaussian kernel with σ² = d²/2. Introduced in
    chapter 3. Source: Zhao, Song & Ermon (2019) and their published code.

    Parameters
    ----------
    x : [n, d]
    y : [m, d]

    Returns
    -------
    [n, m] in [0, 1]
    """
    return tf.exp(-squared_distances(x, y) / x.shape[-1] ** 2)


def compute_mmd(x, y):
    """Squared maximum mean discrepancy between two samples (the biased estimate).

    MMD²(x, y) = mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y)

    each mean over all pairs of rows, a row paired with itself included. Introduced in chapter 3.
    Source: Gretton et al. (2012), equation 5.

    Parameters
    ----------
    x : [n, d]
    y : [m, d]; the mean over no pair is NaN, so n and m are at least 1

    Returns
    -------
    scalar in [0, 2] (up to rounding)
    """
    return (
        tf.reduce_mean(compute_kernel(x, x))
        + tf.reduce_mean(compute_kernel(y, y))
        - 2.0 * tf.reduce_mean(compute_kernel(x, y))
    )


# ---- the rest of the family ------------------------------------------------------------------


def gaussian_kernel(x, y, sigma2):
    """Gaussian kernel of a given width, or the mean of several, between all rows of x and y.

    k(x, y) = mean over σ² of exp( −‖x − y‖² / (2σ²) )

    ``compute_kernel`` is the one with σ² = d²/2. Introduced in chapter 8. Source: Gretton et al.
    (2012); sums of widths: Li, Swersky & Zemel (2015).

    Parameters
    ----------
    x : [n, d]
    y : [m, d]
    sigma2 : σ², a number above 0 or several

    Returns
    -------
    [n, m] in [0, 1]
    """
    widths, distances = _widths(sigma2, "sigma2"), squared_distances(x, y)
    return tf.reduce_mean([tf.exp(-distances / (2.0 * width)) for width in widths], axis=0)


def imq_kernel(x, y, scale):
    """Inverse multiquadratic kernel, or the mean of several, between all rows of x and y.

    k(x, y) = mean over C of C / (C + ‖x − y‖²)

    Its tails are heavy: points far apart still feel each other. Introduced in chapter 8.
    Source: Tolstikhin et al. (2018), section 4, with C = 2d for the prior N(0, I).

    Parameters
    ----------
    x : [n, d]
    y : [m, d]
    scale : C, a number above 0 or several

    Returns
    -------
    [n, m] in [0, 1]
    """
    widths, distances = _widths(scale, "scale"), squared_distances(x, y)
    return tf.reduce_mean([width / (width + distances) for width in widths], axis=0)


def _widths(widths, name):
    widths = [widths] if np.ndim(widths) == 0 else list(widths)
    if not widths:
        raise ValueError(f"{name} must be a number above 0 or several, not none")
    return [check_number(width, name, low=1e-6) for width in widths]


def kernel_mmd(x, y, kernel=compute_kernel, unbiased=False):
    """Squared maximum mean discrepancy with any kernel, biased or not.

    biased     mean_{i,j} k(x_i, x_j) + mean_{i,j} k(y_i, y_j) − 2 mean_{i,j} k(x_i, y_j)
    unbiased   the same, but the first two means leave out i = j

    ``compute_mmd`` is the biased estimate with ``compute_kernel``. Introduced in chapter 8.
    Source: Gretton et al. (2012), equations 5 and 3.

    Parameters
    ----------
    x : [n, d]
    y : [m, d]; n and m at least 1, for the unbiased estimate 2
    kernel : function of two samples that gives [n, m], 1 on equal points
    unbiased : leave out each point's pair with itself

    Returns
    -------
    scalar; biased at least 0, unbiased scattering around 0 for samples of one distribution
    """

    def within(a, name):
        least, known = 2 if unbiased else 1, a.shape[0]
        if known is not None and known < least:  # inside a graph it may be unknown
            which = "unbiased" if unbiased else "biased"
            raise ValueError(
                f"the {which} estimate needs at least {least} points in {name}, not {known}"
            )
        if not unbiased:
            return tf.reduce_mean(kernel(a, a))
        n = tf.cast(tf.shape(a)[0], a.dtype)
        return (tf.reduce_sum(kernel(a, a)) - n) / (n * (n - 1))

    return within(x, "x") + within(y, "y") - 2.0 * tf.reduce_mean(kernel(x, y))


def mixture_loglik(z, means, logvars):
    """Log-density of z under an equal mixture of K normals with independent dimensions, in nats.

    log p(z) = log Σ_k exp( log N(z; mean_k, exp(logvar_k)) ) − log K

    Introduced in chapter 9. Source: Tomczak & Welling (2018), section 2.

    Parameters
    ----------
    z : [n, d]
    means, logvars : [K, d], K at least 1; log-variances as for ``normal_loglik``

    Returns
    -------
    [n], any real number
    """
    logs = normal_loglik(z[:, None], means[None], logvars[None])
    return tf.reduce_logsumexp(logs, axis=1) - math.log(means.shape[0])


def continuous_bernoulli_loglik(images, logits):
    """Log-density of grey pixels under continuous Bernoulli distributions, in nats per image.

    Σ_pixels [ x · log λ + (1 − x) · log(1 − λ) + log C(λ) ],  λ = sigmoid(logits)

    C(λ) = l / tanh(l/2), l the logit, makes the density of x in [0, 1] integrate to 1; it is what
    ``bernoulli_loglik`` lacks. Introduced in chapter 11. Source: Loaiza-Ganem & Cunningham (2019).

    Parameters
    ----------
    images : [n, height, width, channels] in [0, 1]
    logits : the same shape, any real number

    Returns
    -------
    [n], any real number
    """
    # C is even in l, and 0/0 at 0, where its Taylor series takes over. Both branches of a where are
    # differentiated, so the one that is not used gets a harmless argument.
    size = tf.abs(logits)
    small = size < 0.1
    safe = tf.where(small, 1.0, size)
    log_c = tf.where(
        small,
        math.log(2.0) + size**2 / 12.0 - 7.0 * size**4 / 1440.0,
        tf.math.log(safe) - tf.math.log(tf.tanh(0.5 * safe)),
    )
    return bernoulli_loglik(images, logits) + tf.reduce_sum(log_c, axis=[1, 2, 3])


def continuous_bernoulli_mean(logits):
    """The mean of the continuous Bernoulli distribution, which is not λ = sigmoid(logits).

    E[x] = 1 / (1 − exp(−l)) − 1 / l,  l the logit

    between ½ and λ, never as near to 0 or 1 as λ. Introduced in chapter 11.
    Source: Loaiza-Ganem & Cunningham (2019), section 3.

    Parameters
    ----------
    logits : any shape, any real number

    Returns
    -------
    the same shape, in (0, 1); float32 rounds to 1 beyond 3e7
    """
    small = tf.abs(logits) < 0.1
    safe = tf.where(small, 1.0, logits)
    return tf.where(
        small,
        0.5 + logits / 12.0 - logits**3 / 720.0,
        0.5 + 0.5 / tf.tanh(0.5 * safe) - 1.0 / safe,  # exp(−l) would overflow
    )


def gaussian_loglik(images, means, logvar):
    """Log-density of pixels under normals of one variance, in nats per image.

    −½ Σ_pixels [ log 2π + logvar + (x − mean)² / exp(logvar) ]

    Introduced in chapter 11. Source: Rybkin, Daniilidis & Levine (2021).

    Parameters
    ----------
    images, means : [n, height, width, channels]
    logvar : scalar, log σ²

    Returns
    -------
    [n], any real number: a density can exceed 1
    """
    logs = LOG_2PI + logvar + (images - means) ** 2 * tf.exp(-logvar)
    return -0.5 * tf.reduce_sum(logs, axis=[1, 2, 3])

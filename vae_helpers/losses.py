"""The pieces that the cost functions are made of: pure functions on tensors.

Every log-likelihood is in nats and *per image*: summed over pixels or latent dimensions, not over
the batch. Averaging over the batch is left to the models, so that it happens in one place.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

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

    The mean over z ~ q(z|x) of log q(z|x) − log p(z): [n], at least 0 (up to rounding), from z_mean
    and z_logvar [n, latent_dim]; a log-variance above 88 gives inf in float32. Introduced in
    chapter 2. Source: Kingma & Welling (2014), appendix B.
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


# ---- the MMD and its kernels ----------------------------------------------------------------


def squared_distances(x, y):
    """Squared distance ‖x − y‖² between all rows of x [n, d] and all rows of y [m, d]: [n, m].

    Introduced in chapter 3.
    """
    # ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y keeps memory at n·m where differences would need n·m·d;
    # rounding can leave it a hair below zero, and in float32 tells nothing of rows that are near
    # each other and thousands away from 0.
    squares_x = tf.reduce_sum(x**2, axis=1)[:, None]
    squares_y = tf.reduce_sum(y**2, axis=1)[None, :]
    products = tf.matmul(x, y, transpose_b=True)
    return tf.maximum(squares_x + squares_y - 2.0 * products, 0.0)


def compute_kernel(x, y):
    """The published Gaussian kernel between all rows of x and all rows of y: [n, m] in [0, 1].

    k(x, y) = exp( −‖x − y‖² / d² )

    Its width grows with d, so with many dimensions it goes flat and hardly sees where codes lie;
    ``imq_kernel`` does not. Introduced in chapter 3. Source: the 2018 tutorial, after Zhao, Song &
    Ermon (2019).
    """
    return tf.exp(-squared_distances(x, y) / x.shape[-1] ** 2)


def gaussian_kernel(x, y, sigma2):
    """Gaussian kernel of a given width, or the mean of several, between all rows of x and y.

    k(x, y) = mean over σ² of exp( −‖x − y‖² / (2σ²) ),  [n, m] in [0, 1]

    ``sigma2`` is σ², a number above 0 or several; ``compute_kernel`` is the one with σ² = d²/2.
    Introduced in chapter 8. Source: Gretton et al. (2012); several widths: Li, Swersky & Zemel (2015).
    """
    distances = squared_distances(x, y)
    widths = np.ravel(sigma2).tolist()
    return tf.reduce_mean([tf.exp(-distances / (2.0 * width)) for width in widths], axis=0)


def imq_kernel(x, y, scale=None):
    """Inverse multiquadratic kernel, or the mean of several, between all rows of x and y.

    k(x, y) = mean over C of C / (C + ‖x − y‖²),  [n, m] in [0, 1]

    Its tails are heavy: points far apart still feel each other. ``scale`` is C, a number above 0 or
    several; without one it is 2d, as its source has it for N(0, I). Introduced in chapter 8.
    Source: Tolstikhin et al. (2018), section 4.
    """
    scales, distances = 2.0 * x.shape[-1] if scale is None else scale, squared_distances(x, y)
    return tf.reduce_mean([c / (c + distances) for c in np.ravel(scales).tolist()], axis=0)


def kernel_named(kernel: str | float | tuple[float, ...]) -> Callable:
    """The kernel that a model's argument names: "published", "imq", or σ² of Gaussian ones."""
    if isinstance(kernel, str):
        return {"published": compute_kernel, "imq": imq_kernel}[kernel]
    return lambda x, y: gaussian_kernel(x, y, kernel)


def compute_mmd(x, y, kernel=compute_kernel):
    """Squared maximum mean discrepancy between two samples, the biased estimate: scalar in [0, 2].

    mean_{i,j} k(x_i, x_j) + mean_{i,j} k(y_i, y_j) − 2 mean_{i,j} k(x_i, y_j)

    Introduced in chapter 3. Source: Gretton et al. (2012), equation 5.

    Parameters
    ----------
    x : [n, d]
    y : [m, d]; the mean over no pair is NaN: n and m are at least 1
    kernel : function of two samples that gives [n, m], 1 on equal points
    """
    return (
        tf.reduce_mean(kernel(x, x))
        + tf.reduce_mean(kernel(y, y))
        - 2.0 * tf.reduce_mean(kernel(x, y))
    )


def unbiased_mmd(x, y, kernel=compute_kernel):
    """The unbiased estimate: ``compute_mmd`` without each point's pair with itself, n and m at least 2.

    A scalar that scatters around 0 for samples of one distribution. Introduced in chapter 8.
    Source: Gretton et al. (2012), equation 3.
    """

    def within(a):
        n = tf.cast(tf.shape(a)[0], a.dtype)
        return (tf.reduce_sum(kernel(a, a)) - n) / (n * (n - 1.0))

    return within(x) + within(y) - 2.0 * tf.reduce_mean(kernel(x, y))


# ---- the rest of the family: a prior that is learnt, pixels that are grey ----------------------


def mixture_loglik(z, means, logvars):
    """Log-density of z under an equal mixture of K normals with independent dimensions, in nats: [n].

    log p(z) = log Σ_k exp( log N(z; mean_k, exp(logvar_k)) ) − log K

    z is [n, d], means and logvars are [K, d], K at least 1. Introduced in chapter 9.
    Source: Tomczak & Welling (2018), section 2.
    """
    logs = normal_loglik(z[:, None], means[None], logvars[None])
    return tf.reduce_logsumexp(logs, axis=1) - math.log(means.shape[0])


def continuous_bernoulli_loglik(images, logits):
    """Log-density of grey pixels under continuous Bernoulli distributions, in nats per image: [n].

    Σ_pixels [ x · log λ + (1 − x) · log(1 − λ) + log C(λ) ],  λ = sigmoid(logits)

    C(λ) = l / tanh(l/2), l the logit, makes the density of x in [0, 1] integrate to 1; it is what
    ``bernoulli_loglik`` lacks, whose arguments these are. Introduced in chapter 11.
    Source: Loaiza-Ganem & Cunningham (2019).
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

    between ½ and λ, never as near to 0 or 1 as λ; in the logits' shape, in (0, 1), though float32
    rounds to 1 beyond 3e7. Introduced in chapter 11. Source: Loaiza-Ganem & Cunningham (2019),
    section 3.
    """
    small = tf.abs(logits) < 0.1
    safe = tf.where(small, 1.0, logits)
    return tf.where(
        small,
        0.5 + logits / 12.0 - logits**3 / 720.0,
        0.5 + 0.5 / tf.tanh(0.5 * safe) - 1.0 / safe,  # exp(−l) would overflow
    )


def gaussian_loglik(images, means, logvar):
    """Log-density of pixels under normals of one variance, in nats per image: [n], any real number.

    −½ Σ_pixels [ log 2π + logvar + (x − mean)² / exp(logvar) ]

    images and means are [n, height, width, channels], logvar is a scalar, log σ². Introduced in
    chapter 11. Source: Rybkin, Daniilidis & Levine (2021).
    """
    logs = LOG_2PI + logvar + (images - means) ** 2 * tf.exp(-logvar)
    return -0.5 * tf.reduce_sum(logs, axis=[1, 2, 3])


def normal_from_bits(shape, seed, alg):
    """``tf.random.stateless_normal`` up to rounding, under XLA too, which draws the same bits.

    TensorFlow's way from bits to numbers (Box & Muller 1958): 23 bits are the digits of a number from
    0 to 1, and two such numbers are the radius and the angle of a point.
    """
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform([(size + 1) // 2, 2], seed, None, None, tf.uint32, alg)
    uniform = tf.bitcast(bits & 0x7FFFFF | 0x3F800000, tf.float32) - 1.0
    radius, angle = tf.split(uniform, 2, axis=1)
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(radius, 1e-7)))
    points = radius * tf.concat([tf.sin(2 * np.pi * angle), tf.cos(2 * np.pi * angle)], axis=1)
    return tf.reshape(tf.reshape(points, [-1])[:size], shape)

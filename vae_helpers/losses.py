"""The pieces that the cost functions are made of: pure functions on tensors.

Every log-likelihood is in nats and *per image*: summed over pixels or latent dimensions, not over
the batch. Averaging over the batch is left to the models, so that it happens in one place.
"""

import math

import tensorflow as tf

LOG_2PI = math.log(2.0 * math.pi)


def reparameterize(z_mean, z_logvar, noise):
    """Turn standard normal noise into a draw from q(z|x): z = mean + standard deviation · noise.

    Introduced in chapter 2. Source: Kingma & Welling (2014), section 2.4.

    Parameters
    ----------
    z_mean, z_logvar : [n, latent_dim], mean and log-variance of q(z|x) for each image
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
    mean, logvar : [n, d], or anything that broadcasts to it

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
    z_mean, z_logvar : [n, latent_dim]

    Returns
    -------
    [n], at least 0
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
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"x and y must have as many columns: x has {x.shape[-1]}, y {y.shape[-1]}")
    # ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y keeps memory at n·m where differences would need n·m·d;
    # rounding can leave it a hair below zero.
    squares_x = tf.reduce_sum(x**2, axis=1)[:, None]
    squares_y = tf.reduce_sum(y**2, axis=1)[None, :]
    distances = tf.maximum(squares_x + squares_y - 2.0 * tf.matmul(x, y, transpose_b=True), 0.0)
    return tf.exp(-distances / x.shape[-1] ** 2)


def compute_mmd(x, y):
    """Squared maximum mean discrepancy between two samples (the biased estimate).

    MMD²(x, y) = mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y)

    each mean over all pairs of rows, a row paired with itself included. Introduced in chapter 3.
    Source: Gretton et al. (2012), equation 5.

    Parameters
    ----------
    x : [n, d]
    y : [m, d]

    Returns
    -------
    scalar in [0, 2]
    """
    return (
        tf.reduce_mean(compute_kernel(x, x))
        + tf.reduce_mean(compute_kernel(y, y))
        - 2.0 * tf.reduce_mean(compute_kernel(x, y))
    )

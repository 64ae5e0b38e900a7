"""The models. ``Autoencoder`` holds what they share; ``loss_terms`` is what tells them apart.

Lay ``VAE.loss_terms`` beside ``MMDVAE.loss_terms``: that is the whole difference between maximising
the ELBO and minimising reconstruction error plus MMD.
"""

import warnings
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from .autoencoder import Autoencoder
from .checks import check_known, check_number
from .losses import bernoulli_loglik, compute_mmd, kernel_named, normal_loglik, reparameterize


@keras.saving.register_keras_serializable("vae_helpers")
class VAE(Autoencoder):
    """The variational autoencoder: minimises the negative ELBO, estimated from one draw of z.

    Per image, −log p(x|z) + β · (log q(z|x) − log p(z)), averaged over the batch, in nats.
    ``beta=1`` is the ELBO (Kingma & Welling 2014), any other value the β-VAE (Higgins et al. 2017);
    ``beta=1/batch_size`` is what the 2018 tutorial's code minimised, see chapter 2.

    Parameters
    ----------
    latent_dim : whole number, at least 1
    beta : weight of the divergence, at least 0
    image_shape, encoder, decoder : as for ``Autoencoder``; the encoder gives 2 · latent_dim numbers,
        means first, and the decoder logits
    """

    outputs_per_dim = 2
    decoder_output = "logits"
    summands = ("reconstruction", "divergence")
    reported = ("logpx_z", "logpz", "logqz_x")

    def __init__(self, latent_dim: int = 2, beta: float = 1.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.beta = check_number(beta, "beta", low=0)

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        logits = self.decoder(z, training=training)

        logpx_z = bernoulli_loglik(images, logits)
        logpz = normal_loglik(z, 0.0, 0.0)
        logqz_x = normal_loglik(z, z_mean, z_logvar)
        return {
            "reconstruction": -tf.reduce_mean(logpx_z),
            "divergence": self.beta * tf.reduce_mean(logqz_x - logpz),
            "logpx_z": logpx_z,  # from here on only reported
            "logpz": logpz,
            "logqz_x": logqz_x,
        }

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable("vae_helpers")
class MMDVAE(Autoencoder):
    """The MMD-VAE: minimises squared pixel error plus the MMD between codes and prior.

    mean over pixels and batch of (x − x̂)² + mmd_weight · MMD²(codes, draws from N(0, I)),
    with as many draws as there are codes. The encoder is deterministic: one number per latent
    dimension. ``mmd_weight=0`` is a plain autoencoder. Source: Zhao, Song & Ermon (2019), the
    InfoVAE family at α = 1; introduced in chapter 3.

    Parameters
    ----------
    latent_dim : whole number, at least 1
    mmd_weight : at least 0
    kernel : "published" (the default) for exp(−‖x − y‖²/d²), which goes flat as d grows, so that
        codes shrink towards 0 and samples become noise: not for more than 8 dimensions, where it must
        be named, or a warning says so; "imq" for the inverse multiquadratic kernel
        C/(C + ‖x − y‖²), C = 2d, for many dimensions; or σ² of a Gaussian kernel, a number above 0 or
        several, whose kernels are averaged
    image_shape, encoder, decoder : as for ``Autoencoder``; the encoder gives latent_dim numbers, the
        decoder pixels
    """

    decoder_output = "pixels"
    summands = ("reconstruction", "mmd")

    def __init__(
        self,
        latent_dim: int = 2,
        mmd_weight: float = 1.0,
        kernel: str | float | Sequence[float] | None = None,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        self.mmd_weight = check_number(mmd_weight, "mmd_weight", low=0)
        self.kernel = check_kernel(kernel, self.latent_dim, self.mmd_weight)
        self.compute_kernel = kernel_named(self.kernel)

    def loss_terms(self, images, training=False):
        z = self.encoder(images, training=training)
        reconstructions = self.decoder(z, training=training)

        squared_error = tf.reduce_mean((images - reconstructions) ** 2)
        codes, prior = self.gather(z), self.gather(self.noise_like(z))
        mmd = compute_mmd(codes, prior, self.compute_kernel)
        return {"reconstruction": squared_error, "mmd": self.mmd_weight * mmd}

    def get_config(self):
        return {**super().get_config(), "mmd_weight": self.mmd_weight, "kernel": self.kernel}


@keras.saving.register_keras_serializable("vae_helpers")
class InfoVAE(Autoencoder):
    """The InfoVAE: both divergences at once, each image's KL and the population's MMD.

    reconstruction + (1 − α) · KL(q(z|x) ‖ p(z)) + (α + λ − 1) · MMD²(q(z), p(z))

    The encoder is stochastic, and the KL is estimated from one draw as in ``VAE``. α = 0, λ = 1 is the
    VAE; α + λ = 1 leaves the ELBO with its KL weighted by 1 − α; α = 1 is an MMD-VAE with a
    stochastic encoder, λ being the weight of its MMD. Source: Zhao, Song & Ermon (2019);
    introduced in chapter 8.

    Parameters
    ----------
    latent_dim : whole number, at least 1
    alpha : α, at most 1: beyond it a large KL would be rewarded
    lambda_ : λ, at least 1 − α: below it a large MMD would be rewarded
    likelihood : "bernoulli", −log p(x|z) in nats per image as in ``VAE``; or "squared_error", the
        mean over pixels as in ``MMDVAE``
    kernel : as for ``MMDVAE``
    image_shape, encoder, decoder : as for ``Autoencoder``; the encoder gives 2 · latent_dim numbers,
        means first, and the decoder logits or, for the squared error, pixels
    """

    outputs_per_dim = 2
    summands = ("reconstruction", "divergence", "mmd")

    def __init__(
        self,
        latent_dim: int = 2,
        alpha: float = 0.0,
        lambda_: float = 1.0,
        likelihood: str = "bernoulli",
        kernel: str | float | Sequence[float] | None = None,
        **kwargs,
    ):
        check_known(likelihood, "likelihood", ("bernoulli", "squared_error"))
        self.decoder_output = "logits" if likelihood == "bernoulli" else "pixels"
        super().__init__(latent_dim, **kwargs)
        self.likelihood = likelihood
        self.alpha = check_number(alpha, "alpha", high=1)
        self.lambda_ = check_number(lambda_, "lambda_")
        self.mmd_weight = self.alpha + self.lambda_ - 1.0
        if self.mmd_weight < -1e-9:  # 0.3 and 0.7 may miss 1 by a rounding
            raise ValueError(
                f"alpha + lambda_ must be at least 1, not {alpha} + {lambda_}: "
                "a negative weight of the MMD would push the codes away from the prior"
            )
        self.kernel = check_kernel(kernel, self.latent_dim, self.mmd_weight)
        self.compute_kernel = kernel_named(self.kernel)

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        decoded = self.decoder(z, training=training)

        if self.likelihood == "bernoulli":
            reconstruction = -tf.reduce_mean(bernoulli_loglik(images, decoded))
        else:
            reconstruction = tf.reduce_mean((images - decoded) ** 2)
        kl = tf.reduce_mean(normal_loglik(z, z_mean, z_logvar) - normal_loglik(z, 0.0, 0.0))
        codes, prior = self.gather(z), self.gather(self.noise_like(z))
        mmd = compute_mmd(codes, prior, self.compute_kernel)
        return {
            "reconstruction": reconstruction,
            "divergence": (1.0 - self.alpha) * kl,
            "mmd": self.mmd_weight * mmd,
        }

    def get_config(self):
        names = ("alpha", "lambda_", "likelihood", "kernel")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def check_kernel(kernel, latent_dim, mmd_weight):
    """Return a model's ``kernel`` if it is a name or widths that there are; refuse it otherwise."""
    if kernel is None:
        if latent_dim > 8 and mmd_weight > 0:
            warnings.warn(
                f"with the published kernel codes of {latent_dim} dimensions shrink, and samples become "
                'noise; take kernel="imq", or name kernel="published" if that is to be seen',
                stacklevel=3,
            )
        kernel = "published"
    if isinstance(kernel, str) and kernel in ("published", "imq"):
        return kernel
    if isinstance(kernel, str) or not np.size(kernel):
        known = "'published', 'imq', or σ², a number above 0 or several"
        raise ValueError(f"kernel must be {known}, not {kernel!r}")
    if np.ndim(kernel) == 0:
        return check_number(kernel, "kernel", low=1e-6)
    return tuple(check_number(width, "kernel", low=1e-6) for width in kernel)

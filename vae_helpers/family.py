"""The rest of the family: VAEs in each of which one thing is another.

Each ``loss_terms`` is written out in full, so that it can be laid beside ``VAE.loss_terms``; the line
that differs is marked.
"""

import keras
import numpy as np
import tensorflow as tf

from .checks import check_number
from .losses import (
    bernoulli_loglik,
    continuous_bernoulli_loglik,
    continuous_bernoulli_mean,
    gaussian_loglik,
    mixture_loglik,
    normal_kl,
    normal_loglik,
    reparameterize,
)
from .models import VAE


@keras.saving.register_keras_serializable("vae_helpers")
class CapacityVAE(VAE):
    """A VAE whose KL is held at a capacity that grows while it trains.

    −log p(x|z), averaged over the batch, + γ · | KL − C(t) |,  C(t) = capacity · min(t / steps, 1)

    KL is the batch's mean of KL(q(z|x) ‖ p(z)) in closed form, t the training steps so far.
    Source: Burgess et al. (2018), section 5; introduced in chapter 12.

    Parameters
    ----------
    latent_dim, image_shape, encoder, decoder : as for ``VAE``
    gamma : γ, at least 0
    capacity : the C that is reached in the end, in nats per image, at least 0
    steps : training steps until then, whole number, at least 1
    """

    reported = ("kl", "capacity")

    def __init__(self, latent_dim=2, gamma=100.0, capacity=10.0, steps=15_000, **kwargs):
        super().__init__(latent_dim, beta=1.0, **kwargs)  # so that beta=… is refused, not ignored
        self.gamma = check_number(gamma, "gamma", low=0)
        self.capacity = check_number(capacity, "capacity", low=0)
        self.steps = check_number(steps, "steps", low=1, whole=True)
        # A weight, so that a training that is interrupted goes on with the capacity it had.
        self.step = self.add_weight(name="step", initializer="zeros", trainable=False)

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        logits = self.decoder(z, training=training)

        logpx_z = bernoulli_loglik(images, logits)
        kl = tf.reduce_mean(self.gather(normal_kl(z_mean, z_logvar)))
        capacity = self.capacity * tf.minimum(self.step / self.steps, 1.0)
        return {
            "reconstruction": -tf.reduce_mean(logpx_z),
            "divergence": self.gamma * tf.abs(kl - capacity),  # not β · KL
            "kl": kl,  # from here on only reported
            "capacity": capacity,
        }

    def after_step(self):
        self.step.assign_add(1.0)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return {**config, "gamma": self.gamma, "capacity": self.capacity, "steps": self.steps}


@keras.saving.register_keras_serializable("vae_helpers")
class VampPriorVAE(VAE):
    """A VAE that learns its prior: the mixture of the clouds of K images, which are learnt too.

    −log p(x|z) + β · (log q(z|x) − log p(z)), averaged over the batch,  p(z) = (1/K) Σ_k q(z|u_k)

    The pseudo-inputs u_k are images made of weights; the encoder turns each into a cloud.
    Source: Tomczak & Welling (2018), section 2; introduced in chapter 9.

    Parameters
    ----------
    latent_dim, image_shape, encoder, decoder : as for ``VAE``
    pseudo_inputs : K, whole number, at least 1
    beta : weight of the divergence, at least 0
    """

    learns_prior = True

    def __init__(self, latent_dim=2, pseudo_inputs=100, beta=1.0, **kwargs):
        super().__init__(latent_dim, beta, **kwargs)
        check_number(pseudo_inputs, "pseudo_inputs", low=1, whole=True)
        self.pseudo_logits = self.add_weight(
            shape=(int(pseudo_inputs), *self.image_shape),
            initializer=keras.initializers.RandomNormal(mean=-1.0, stddev=1.0),
            name="pseudo_logits",
        )

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        logits = self.decoder(z, training=training)

        logpx_z = bernoulli_loglik(images, logits)
        logpz = self.log_prior(z)  # not normal_loglik(z, 0.0, 0.0)
        logqz_x = normal_loglik(z, z_mean, z_logvar)
        return {
            "reconstruction": -tf.reduce_mean(logpx_z),
            "divergence": self.beta * tf.reduce_mean(logqz_x - logpz),
            "logpx_z": logpx_z,  # from here on only reported
            "logpz": logpz,
            "logqz_x": logqz_x,
        }

    def log_prior(self, z):
        """log p(z) of points z [n, latent_dim] under the learned prior, in nats: [n]."""
        return mixture_loglik(z, *tf.split(self.encoder(self.pseudo_images()), 2, axis=1))

    def draw_prior(self, n, rng):
        """n draws of the learned prior, from a NumPy generator: an array [n, latent_dim]."""
        means, logvars = np.split(self.encoder(self.pseudo_images()).numpy(), 2, axis=1)
        chosen = rng.integers(len(means), size=n)
        noise = rng.standard_normal((n, self.latent_dim))
        return reparameterize(means[chosen], logvars[chosen], noise.astype("float32")).numpy()

    def pseudo_images(self):
        """The pseudo-inputs as they are now: a tensor [K, *image_shape] in [0, 1]."""
        return tf.sigmoid(self.pseudo_logits)

    def get_config(self):
        return {**super().get_config(), "pseudo_inputs": int(self.pseudo_logits.shape[0])}


@keras.saving.register_keras_serializable("vae_helpers")
class ContinuousBernoulliVAE(VAE):
    """A VAE with a true likelihood of grey pixels, the continuous Bernoulli distribution.

    Its pictures are that distribution's mean, which is not the sigmoid of the logits.
    Source: Loaiza-Ganem & Cunningham (2019); introduced in chapter 11. Parameters as ``VAE``.
    """

    decoder_output = "continuous_logits"

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        logits = self.decoder(z, training=training)

        logpx_z = continuous_bernoulli_loglik(images, logits)  # not bernoulli_loglik
        logpz = normal_loglik(z, 0.0, 0.0)
        logqz_x = normal_loglik(z, z_mean, z_logvar)
        return {
            "reconstruction": -tf.reduce_mean(logpx_z),
            "divergence": self.beta * tf.reduce_mean(logqz_x - logpz),
            "logpx_z": logpx_z,  # from here on only reported
            "logpz": logpz,
            "logqz_x": logqz_x,
        }

    def to_pixels(self, decoded):
        return continuous_bernoulli_mean(decoded)


@keras.saving.register_keras_serializable("vae_helpers")
class GaussianVAE(VAE):
    """A VAE whose decoder draws the mean of Gaussian pixels, of one variance that is learnt too.

    Its decoder gives pixels.

    Source: Rybkin, Daniilidis & Levine (2021); introduced in chapter 11. Parameters as ``VAE``.
    """

    decoder_output = "pixels"

    def __init__(self, latent_dim=2, beta=1.0, **kwargs):
        super().__init__(latent_dim, beta, **kwargs)
        # Adam moves log σ² by about its learning rate a step; from 0.05 it has not far to go.
        start = keras.initializers.Constant(np.log(0.05))
        self.pixel_logvar = self.add_weight(name="pixel_logvar", initializer=start)

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        means = self.decoder(z, training=training)

        logpx_z = gaussian_loglik(images, means, self.pixel_logvar)  # not bernoulli_loglik
        logpz = normal_loglik(z, 0.0, 0.0)
        logqz_x = normal_loglik(z, z_mean, z_logvar)
        return {
            "reconstruction": -tf.reduce_mean(logpx_z),
            "divergence": self.beta * tf.reduce_mean(logqz_x - logpz),
            "logpx_z": logpx_z,  # from here on only reported
            "logpz": logpz,
            "logqz_x": logqz_x,
        }

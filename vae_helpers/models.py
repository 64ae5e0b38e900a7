"""The models. ``Autoencoder`` holds what they share; ``loss_terms`` is what tells them apart.

Lay ``VAE.loss_terms`` beside ``MMDVAE.loss_terms``: that is the whole difference between maximising
the ELBO and minimising reconstruction error plus MMD.
"""

import keras
import numpy as np
import tensorflow as tf

from .checks import check_codes, check_element, check_images, check_number
from .losses import bernoulli_loglik, compute_mmd, normal_loglik, reparameterize
from .networks import build_decoder, build_encoder

# Codes and pictures for looking at are computed this many at a time.
PREDICT_BATCH = 1000


class StopWhenNotFinite(keras.callbacks.Callback):
    """End a training whose loss has become NaN or infinite, saying where and what to try."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"the loss became {float(logs['loss'])} in epoch {self.epoch + 1}, "
                f"batch {batch + 1}; try a smaller learning rate"
            )


class Autoencoder(keras.Model):
    """An encoder, a decoder and the training step that all models of this book share.

    A subclass says what is minimised: it writes ``loss_terms``, sets ``decoder_output`` to
    "logits" or "pixels" (another word needs a ``to_pixels`` of its own) and lists in ``reported``
    what training shows beside the loss: the summands, and whatever else it hands to ``observe``.
    One that learns its prior, as chapter 9's does, also says so in ``learns_prior`` and writes
    ``log_prior`` and ``draw_prior``.

    Use it as any Keras model: ``compile(optimizer)``, ``fit(images, epochs=…)``, ``evaluate``,
    ``predict``, ``save``. Images are float32, [n, 28, 28, 1], in [0, 1], which these check; labels
    and sample weights are ignored.
    Chapter 2 shows the training step in full.
    """

    decoder_output = "pixels"
    reported = ()
    learns_prior = False

    def __init__(self, latent_dim, outputs_per_dim, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = check_number(latent_dim, "latent_dim", low=1, whole=True)
        self.encoder = build_encoder(outputs_per_dim * self.latent_dim)
        activation = "sigmoid" if self.decoder_output == "pixels" else None
        self.decoder = build_decoder(self.latent_dim, activation)
        self.seed_generator = keras.random.SeedGenerator()
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", *self.reported)}
        self.built = True

    # ---- what a subclass writes -------------------------------------------------------------

    def loss_terms(self, images, training=False):
        """The summands of the loss, as they are added up: {name: scalar tensor}."""
        raise NotImplementedError("a subclass of Autoencoder must write loss_terms")

    # ---- training: the same for every model -------------------------------------------------

    def train_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            terms = self.loss_terms(images, training=True)
            loss = tf.add_n(list(terms.values()))
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return self.observe(images, loss=loss, **terms)

    def test_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        terms = self.loss_terms(images, training=False)
        return self.observe(images, loss=tf.add_n(list(terms.values())), **terms)

    def observe(self, images, **values):
        """Take a batch's values into the running means over images that ``fit`` reports."""
        for name, value in values.items():
            # Weighed by the batch's size, so that a smaller last batch does not count as a full one.
            self.trackers[name].update_state(tf.reduce_mean(value), tf.shape(images)[0])
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    @property
    def metrics(self):
        # Keras resets these between epochs; without this property it would add a loss of its own.
        return list(self.trackers.values())

    def noise_like(self, z):
        """Draws from N(0, I) in the shape of z, repeatable through ``keras.utils.set_random_seed``."""
        return keras.random.normal(tf.shape(z), seed=self.seed_generator)

    # ---- using a model ----------------------------------------------------------------------

    def call(self, images, training=False):
        """Reconstruction through the code's mean: [n, 28, 28, 1] in [0, 1]."""
        z_mean = self.encoder(images, training=training)[:, : self.latent_dim]
        return self.to_pixels(self.decoder(z_mean, training=training))

    def to_pixels(self, decoded):
        return tf.sigmoid(decoded) if self.decoder_output == "logits" else decoded

    def encode(self, images):
        """Where images lie in latent space: the means, an array [n, latent_dim]."""
        check_images(images)
        return self._in_batches(self.encoder, images)[:, : self.latent_dim]

    def decode(self, z):
        """The images at points of latent space: z [n, latent_dim] to an array [n, 28, 28, 1] in [0, 1]."""
        z = check_codes(z, "z", d=self.latent_dim).astype("float32")
        return self._in_batches(lambda part: self.to_pixels(self.decoder(part)), z)

    def sample(self, n, seed=None):
        """Images decoded from n draws of the prior: an array [n, 28, 28, 1] in [0, 1]."""
        n = check_number(n, "n", low=1, whole=True)
        if seed is not None:
            seed = check_number(seed, "seed", low=0, whole=True)
        return self.decode(self.draw_prior(n, np.random.default_rng(seed)))

    def draw_prior(self, n, rng):
        """n draws of the prior, N(0, I), from a NumPy generator: an array [n, latent_dim]."""
        return rng.standard_normal((n, self.latent_dim))

    def log_prior(self, z):
        """log p(z) of points z [n, latent_dim] under the prior, N(0, I), in nats: [n]."""
        return normal_loglik(z, 0.0, 0.0)

    @staticmethod
    def _in_batches(function, array):
        parts = range(0, len(array), PREDICT_BATCH)
        return np.concatenate([function(array[i : i + PREDICT_BATCH]).numpy() for i in parts])

    # ---- the doors: arrays are checked before they enter a graph -----------------------------

    def fit(self, x=None, *args, validation_data=None, callbacks=None, **kwargs):
        """``keras.Model.fit``; images are checked first, and a loss that is not finite ends it."""
        _check_input(x, "x", kwargs)
        if isinstance(validation_data, tuple) and validation_data:
            _check_input(validation_data[0], "validation_data")
        elif validation_data is not None:
            _check_input(validation_data, "validation_data")
            if not isinstance(validation_data, tf.data.Dataset):
                validation_data = (validation_data,)
        callbacks = [*keras.tree.flatten(callbacks or []), StopWhenNotFinite()]
        kwargs.setdefault("shuffle", not isinstance(x, tf.data.Dataset))
        return super().fit(x, *args, validation_data=validation_data, callbacks=callbacks, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        _check_input(x, "x", kwargs)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        _check_input(x, "x", kwargs)
        return super().predict(x, *args, **kwargs)


def _check_input(x, name, settings=()):
    for setting in {"batch_size", "epochs"}.intersection(settings):
        if settings[setting] is not None:
            settings[setting] = check_number(settings[setting], setting, low=1, whole=True)
    if isinstance(x, tf.data.Dataset):
        batch = x.element_spec[0] if isinstance(x.element_spec, tuple) else x.element_spec
        if not isinstance(batch, tf.TensorSpec):
            raise TypeError(f"{name}'s batches must be images, not a {type(batch).__name__}")
        if x.cardinality() == 0:
            raise ValueError(f"{name} has no batch")
        check_element(batch.shape, batch.dtype, f"{name}'s batches")
    else:
        check_images(x, name)


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
    """

    decoder_output = "logits"
    reported = ("reconstruction", "divergence", "logpx_z", "logpz", "logqz_x")

    def __init__(self, latent_dim=2, beta=1.0, **kwargs):
        super().__init__(latent_dim, outputs_per_dim=2, **kwargs)
        self.beta = check_number(beta, "beta", low=0)

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        logits = self.decoder(z, training=training)

        logpx_z = bernoulli_loglik(images, logits)
        logpz = normal_loglik(z, 0.0, 0.0)
        logqz_x = normal_loglik(z, z_mean, z_logvar)
        self.observe(images, logpx_z=logpx_z, logpz=logpz, logqz_x=logqz_x)
        return {
            "reconstruction": -tf.reduce_mean(logpx_z),
            "divergence": self.beta * tf.reduce_mean(logqz_x - logpz),
        }

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, "beta": self.beta}


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
    """

    decoder_output = "pixels"
    reported = ("reconstruction", "mmd")

    def __init__(self, latent_dim=2, mmd_weight=1.0, **kwargs):
        super().__init__(latent_dim, outputs_per_dim=1, **kwargs)
        self.mmd_weight = check_number(mmd_weight, "mmd_weight", low=0)

    def loss_terms(self, images, training=False):
        z = self.encoder(images, training=training)
        reconstructions = self.decoder(z, training=training)

        squared_error = tf.reduce_mean((images - reconstructions) ** 2)
        mmd = compute_mmd(z, self.noise_like(z))
        return {"reconstruction": squared_error, "mmd": self.mmd_weight * mmd}

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "mmd_weight": self.mmd_weight,
        }


@keras.saving.register_keras_serializable("vae_helpers")
class InfoVAE(Autoencoder):
    """The InfoVAE: both divergences at once, each image's KL and the population's MMD.

    reconstruction + (1 − α) · KL(q(z|x) ‖ p(z)) + (α + λ − 1) · MMD²(q(z), p(z))

    The encoder is stochastic, and the KL is estimated from one draw as in ``VAE``. α = 0, λ = 1 is the
    VAE; α + λ = 1 leaves the ELBO with its KL weighted by 1 − α; α = 1 is an MMD-VAE with a
    stochastic encoder, λ being the weight of its MMD. Source: Zhao, Song & Ermon (2019), equation 6;
    introduced in chapter 7.

    Parameters
    ----------
    latent_dim : whole number, at least 1
    alpha : α, at most 1: beyond it a large KL would be rewarded
    lambda_ : λ, at least 1 − α: below it a large MMD would be rewarded
    likelihood : "bernoulli", −log p(x|z) in nats per image as in ``VAE``; or "squared_error", the
        mean over pixels as in ``MMDVAE``
    """

    reported = ("reconstruction", "divergence", "mmd")

    def __init__(self, latent_dim=2, alpha=0.0, lambda_=1.0, likelihood="bernoulli", **kwargs):
        if likelihood not in ("bernoulli", "squared_error"):
            raise ValueError(
                f"likelihood must be 'bernoulli' or 'squared_error', not {likelihood!r}"
            )
        self.decoder_output = "logits" if likelihood == "bernoulli" else "pixels"
        super().__init__(latent_dim, outputs_per_dim=2, **kwargs)
        self.likelihood = likelihood
        self.alpha = check_number(alpha, "alpha", high=1)
        self.lambda_ = check_number(lambda_, "lambda_")
        self.mmd_weight = self.alpha + self.lambda_ - 1.0
        if self.mmd_weight < -1e-9:  # 0.3 and 0.7 may miss 1 by a rounding
            raise ValueError(
                f"alpha + lambda_ must be at least 1, not {alpha} + {lambda_}: "
                "a negative weight of the MMD would push the codes away from the prior"
            )

    def loss_terms(self, images, training=False):
        z_mean, z_logvar = tf.split(self.encoder(images, training=training), 2, axis=1)
        z = reparameterize(z_mean, z_logvar, self.noise_like(z_mean))
        decoded = self.decoder(z, training=training)

        if self.likelihood == "bernoulli":
            reconstruction = -tf.reduce_mean(bernoulli_loglik(images, decoded))
        else:
            reconstruction = tf.reduce_mean((images - decoded) ** 2)
        kl = tf.reduce_mean(normal_loglik(z, z_mean, z_logvar) - normal_loglik(z, 0.0, 0.0))
        mmd = compute_mmd(z, self.noise_like(z))
        return {
            "reconstruction": reconstruction,
            "divergence": (1.0 - self.alpha) * kl,
            "mmd": self.mmd_weight * mmd,
        }

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "alpha": self.alpha,
            "lambda_": self.lambda_,
            "likelihood": self.likelihood,
        }

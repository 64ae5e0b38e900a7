"""What all models of this book share: an encoder, a decoder, the training step."""

import keras
import numpy as np
import tensorflow as tf

from . import distributed
from .checks import check_codes, check_image_shape, check_images, check_keras, check_number
from .doors import Guarded
from .losses import normal_from_bits, normal_loglik
from .networks import build_decoder, build_encoder, check_network, check_pixels

# Codes and pictures for looking at are computed this many at a time.
PREDICT_BATCH = 1000


class Autoencoder(Guarded):
    """An encoder, a decoder and the training step that all models of this book share.

    A subclass writes ``loss_terms`` and names in ``summands`` which of its terms add up to the loss,
    in ``reported`` which are only shown. Its encoder gives ``outputs_per_dim`` numbers a dimension, its
    decoder "logits" or "pixels", as ``decoder_output`` says (another word needs a ``to_pixels``). One
    that learns its prior says so in ``learns_prior`` and writes ``log_prior`` and ``draw_prior``.

    Use it as any Keras model. Images are float32, [n, *image_shape], in [0, 1], which ``fit`` and its
    like check; labels are ignored. ``keras.saving.load_model`` knows a model that was saved once
    ``vae_helpers.family`` has been imported. Chapter 2 shows the training step in full.

    Parameters
    ----------
    latent_dim : whole number, at least 1
    image_shape : (height, width, channels)
    encoder : images [n, *image_shape] to [n, outputs_per_dim · latent_dim]; the published layers for
        that shape if it is None
    decoder : codes [n, latent_dim] to logits or pixels [n, *image_shape]; likewise
    """

    outputs_per_dim = 1
    decoder_output = "pixels"
    summands: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    learns_prior = False

    def __init__(self, latent_dim=2, image_shape=(28, 28, 1), encoder=None, decoder=None, **kwargs):
        super().__init__(**kwargs)
        check_keras(self.dtype_policy.name)
        self.latent_dim = check_number(latent_dim, "latent_dim", low=1, whole=True)
        self.image_shape = check_image_shape(image_shape)
        outputs = self.outputs_per_dim * self.latent_dim
        self.handed_in = ()  # which networks are not the published ones, so that a file keeps them
        if encoder is None:
            encoder = build_encoder(outputs, self.image_shape)
        else:
            check_network(encoder, "encoder", self.image_shape, (outputs,))
            self.handed_in += ("encoder",)
        if decoder is None:
            activation = "sigmoid" if self.decoder_output == "pixels" else None
            decoder = build_decoder(self.latent_dim, self.image_shape, activation=activation)
        else:
            check_network(decoder, "decoder", (self.latent_dim,), self.image_shape)
            check_pixels(decoder, self.latent_dim, self.decoder_output)
            self.handed_in += ("decoder",)
        self.encoder, self.decoder = encoder, decoder
        self.seed_generator = keras.random.SeedGenerator()
        names = ("loss", *self.summands, *self.reported)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.built = True

    def __setattr__(self, name, value):
        # Keras would keep the old network's weights beside the new one's, and save neither well.
        if name in ("encoder", "decoder") and hasattr(self, name):
            kind = type(self).__name__
            raise AttributeError(f"{name} is chosen when a model is made: {kind}({name}=…)")
        super().__setattr__(name, value)

    # ---- what a subclass writes -------------------------------------------------------------

    def loss_terms(self, images, training=False):
        """The terms of the loss, and what is shown beside them: {name: tensor}; changes nothing.

        The ``summands`` are scalars; the ``reported`` are scalars or have one value an image.
        """
        raise NotImplementedError("a subclass of Autoencoder must write loss_terms")

    def after_step(self):
        """What else a training step does, such as counting itself; nothing here."""

    # ---- training: the same for every model -------------------------------------------------

    def train_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        # On one device its share is the whole batch.
        with distributed.share_of_batch(images) as (images, share):
            with tf.GradientTape() as tape:
                terms = self.loss_terms(images, training=True)
                loss = self.total(terms)
                scaled = self.optimizer.scale_loss(share.weigh(loss))
            weights = self.trainable_weights
            self.optimizer.apply(tape.gradient(scaled, weights), weights)
            self.after_step()
            return self.report(share.count, loss=loss, **terms)

    def test_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with distributed.share_of_batch(images) as (images, share):
            terms = self.loss_terms(images, training=False)
            return self.report(share.count, loss=self.total(terms), **terms)

    def total(self, terms):
        """The loss: the summands, and what layers add to it, such as regularisers."""
        named = (*self.summands, *self.reported)
        if not self.summands or sorted(terms) != sorted(named):
            raise ValueError(
                f"{type(self).__name__}.loss_terms must return the summands and the reported terms, "
                f"{', '.join(named) or 'but none are named'}; it returns {', '.join(terms)}"
            )
        return tf.add_n([*(terms[name] for name in self.summands), *self.losses])

    def report(self, count, **values):
        """Take the values of ``count`` images into the running means that ``fit`` shows."""
        for name, value in values.items():
            # Weighed by the number, so that a smaller last batch does not count as a full one.
            self.trackers[name].update_state(tf.reduce_mean(value), count)
        results = {name: tracker.result() for name, tracker in self.trackers.items()}
        return {name: distributed.as_log(result) for name, result in results.items()}

    @property
    def metrics(self):  # without this property Keras would add a loss of its own
        return list(self.trackers.values())

    def noise_like(self, z):
        """Draws from N(0, I) in the shape of z, repeatable through ``keras.utils.set_random_seed``."""
        seed = tf.cast(self.seed_generator.next() % (tf.int32.max - 1), tf.int32)
        shape = distributed.shape_of_all(z)
        # What Keras draws on a CPU, or under XLA, which makes other numbers of the same bits, as good.
        draw = normal_from_bits if self.jit_compile else tf.random.stateless_normal
        noise = draw(shape, seed, alg="philox")
        return distributed.own_rows(noise, z)

    def gather(self, values):
        """The whole batch's rows [n, …]: ``values`` themselves, unless several devices share it."""
        return distributed.gather(values)

    # ---- using a model ----------------------------------------------------------------------

    def call(self, images, training=False):
        """Reconstruction through the code's mean: [n, *image_shape] in [0, 1]."""
        z_mean = self.encoder(images, training=training)[:, : self.latent_dim]
        return self.to_pixels(self.decoder(z_mean, training=training))

    def to_pixels(self, decoded):
        """What the decoder gives, as pixels in [0, 1]."""
        return tf.sigmoid(decoded) if self.decoder_output == "logits" else decoded

    def encode(self, images) -> np.ndarray:
        """Where images lie in latent space: the means, an array [n, latent_dim]."""
        check_images(images, image_shape=self.image_shape)
        return self._in_batches(self.encoder, images)[:, : self.latent_dim]

    def decode(self, z) -> np.ndarray:
        """The images at points z [n, latent_dim] of latent space: [n, *image_shape] in [0, 1]."""
        z = check_codes(z, "z", self.latent_dim).astype("float32")
        return self._in_batches(lambda part: self.to_pixels(self.decoder(part)), z)

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Images decoded from n draws of the prior: an array [n, *image_shape] in [0, 1]."""
        n = check_number(n, "n", low=1, whole=True)
        seed = seed and check_number(seed, "seed", low=0, whole=True)
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

    # ---- the doors --------------------------------------------------------------------------

    def _checked(self, method, settings):
        distributed.check_training_step(self, Autoencoder.train_step)
        return super()._checked(method, settings)

    # ---- files --------------------------------------------------------------------------------

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "image_shape": self.image_shape,
            **{
                name: keras.saving.serialize_keras_object(getattr(self, name))
                for name in self.handed_in
            },
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        networks = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("encoder", "decoder")
            if config.get(name)
        }
        return super().from_config({**config, **networks}, custom_objects)

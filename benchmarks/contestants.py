"""The same training as others write it: what ``training_speed.py`` lets compete, TensorFlow's part.

Each contestant is a function of training images [n, 28, 28, 1] that gives a function without
arguments: one pass over them. The PyTorch ones are in ``torch_vae.py``.
"""

import math

import keras
import tensorflow as tf
from keras import layers
from recording import untuned

from vae_helpers.checkpoints import PUBLISHED_BATCH_SIZE as BATCH
from vae_helpers.checkpoints import build
from vae_helpers.data import to_batches
from vae_helpers.networks import build_decoder, build_encoder

TUTORIAL_BATCH, KERAS_IO_BATCH = 32, 128


def book_fit(run):
    """This book's ``fit``, as its chapters call it."""

    def contestant(images):
        model = build(run)
        model.compile(keras.optimizers.Adam(1e-4), steps_per_execution=10)
        batches = to_batches(images, BATCH, seed=0)
        return lambda: model.fit(batches, verbose=0)

    return contestant


# ---- loops of our own --------------------------------------------------------------------------


def log_normal(z, mean, logvar):
    squares = (z - mean) ** 2 * tf.exp(-logvar)
    return tf.reduce_sum(-0.5 * (squares + logvar + math.log(2 * math.pi)), axis=1)


def loss_terms(encoder, decoder, images, noise):
    """log p(x|z), log p(z) and log q(z|x), each [n], for noise [n, latent_dim]."""
    mean, logvar = tf.split(encoder(images), 2, axis=1)
    z = mean + tf.exp(0.5 * logvar) * noise
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=decoder(z))
    logpx_z = -tf.reduce_sum(cross_entropy, axis=[1, 2, 3])
    return logpx_z, log_normal(z, 0.0, tf.zeros_like(z)), log_normal(z, mean, logvar)


def original_loss(encoder, decoder, images, noise):
    """The 2018 tutorial's: log p(x|z) summed over the batch, the other two averaged over it."""
    logpx_z, logpz, logqz_x = loss_terms(encoder, decoder, images, noise)
    return -(tf.reduce_sum(logpx_z) + tf.reduce_mean(logpz) - tf.reduce_mean(logqz_x))


def tutorial_loss(encoder, decoder, images, noise):
    """The CVAE tutorial's: all three averaged over the batch, the negative ELBO."""
    logpx_z, logpz, logqz_x = loss_terms(encoder, decoder, images, noise)
    return -tf.reduce_mean(logpx_z + logpz - logqz_x)


def original_manner(dtype):
    """As one wrote it in 2018: eager, one persistent tape for both networks."""

    def contestant(images):
        keras.config.set_dtype_policy(dtype)
        encoder, decoder = build_encoder(4), build_decoder(2)
        keras.config.set_dtype_policy("float32")
        optimizer = keras.optimizers.Adam(1e-4)
        weights = encoder.trainable_weights + decoder.trainable_weights
        optimizer.build(weights)
        dataset = tf.data.Dataset.from_tensor_slices(images.astype(dtype))
        batches = untuned(dataset.batch(BATCH))

        def epoch():
            for batch in batches:
                noise = tf.random.normal([len(batch), 2], dtype=dtype)
                with tf.GradientTape(persistent=True) as tape:
                    loss = original_loss(encoder, decoder, batch, noise)
                gradients = tape.gradient(loss, encoder.trainable_weights)
                gradients += tape.gradient(loss, decoder.trainable_weights)
                optimizer.apply(gradients, weights)

        return epoch

    return contestant


def cvae_tutorial(images):
    """The CVAE tutorial's loop: shuffled batches of 32, one call of a tf.function a step."""
    encoder, decoder = build_encoder(4), build_decoder(2)
    optimizer = keras.optimizers.Adam(1e-4)
    weights = encoder.trainable_weights + decoder.trainable_weights
    optimizer.build(weights)
    dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images))
    batches = untuned(dataset.batch(TUTORIAL_BATCH))

    @tf.function
    def train_step(batch):
        with tf.GradientTape() as tape:
            noise = tf.random.normal([tf.shape(batch)[0], 2])
            loss = tutorial_loss(encoder, decoder, batch, noise)
        optimizer.apply(tape.gradient(loss, weights), weights)

    def epoch():
        for batch in batches:
            train_step(batch)

    return epoch


# ---- the VAE of Keras's examples ---------------------------------------------------------------


class KerasExample(keras.Model):
    """The network and loss of keras.io's VAE example, written anew: wider, with a dense layer more."""

    def __init__(self):
        super().__init__()
        inputs = keras.Input((28, 28, 1))
        x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(inputs)
        x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
        self.encoder = keras.Model(inputs, [layers.Dense(2)(x), layers.Dense(2)(x)])
        self.decoder = keras.Sequential(
            [
                keras.Input((2,)),
                layers.Dense(7 * 7 * 64, activation="relu"),
                layers.Reshape((7, 7, 64)),
                layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
            ]
        )
        self.trackers = [keras.metrics.Mean(name=n) for n in ("loss", "reconstruction", "kl")]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, images):
        with tf.GradientTape() as tape:
            mean, logvar = self.encoder(images)
            z = mean + tf.exp(0.5 * logvar) * tf.random.normal(tf.shape(mean))
            cross_entropy = keras.losses.binary_crossentropy(images, self.decoder(z))
            reconstruction = tf.reduce_mean(tf.reduce_sum(cross_entropy, axis=[1, 2]))
            kl = -0.5 * (1 + logvar - mean**2 - tf.exp(logvar))
            kl = tf.reduce_mean(tf.reduce_sum(kl, axis=1))
            loss = reconstruction + kl
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        for tracker, value in zip(self.trackers, (loss, reconstruction, kl), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def keras_example(images):
    model = KerasExample()
    model.compile(keras.optimizers.Adam())
    dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images))
    batches = untuned(dataset.batch(KERAS_IO_BATCH))
    return lambda: model.fit(batches, shuffle=False, verbose=0)

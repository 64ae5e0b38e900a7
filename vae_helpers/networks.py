"""Encoder and decoder: the layers of the 2018 tutorial, as plain Keras models.

Chapter 2 builds both step by step.
"""

import keras
from keras import layers

from .checks import IMAGE_SHAPE


def build_encoder(outputs):
    """Images [n, 28, 28, 1] to ``outputs`` numbers an image.

    ``outputs`` is latent_dim for a deterministic encoder and 2 · latent_dim for one that gives a
    mean and a log-variance for each latent dimension. 28,036 parameters for 4 outputs, 23,426 for 2.
    """
    return keras.Sequential(
        [
            keras.Input(IMAGE_SHAPE),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Conv2D(64, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(outputs),
        ],
        name="encoder",
    )


def build_decoder(latent_dim, activation=None):
    """Codes [n, latent_dim] to images [n, 28, 28, 1].

    ``activation=None`` gives logits, ``"sigmoid"`` pixels in [0, 1]. 41,953 parameters for
    latent_dim = 2.
    """
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(7 * 7 * 32, activation="relu"),
            layers.Reshape((7, 7, 32)),
            layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 3, strides=1, padding="same", activation=activation),
        ],
        name="decoder",
    )

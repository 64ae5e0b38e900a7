"""Encoder and decoder: the layers of the 2018 tutorial, as plain Keras models.

Chapter 2 builds both step by step, for 28 × 28 × 1 pixels. Networks of your own go into a model as
``VAE(encoder=…, decoder=…)``.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from .checks import check_image_shape, check_keras


def build_encoder(
    outputs: int, image_shape: tuple[int, int, int] = (28, 28, 1), filters: Sequence[int] = (32, 64)
) -> keras.Sequential:
    """Images [n, height, width, channels] to ``outputs`` numbers an image.

    One convolution with stride 2 for each of ``filters``, then one dense layer. Introduced in
    chapter 2.

    Parameters
    ----------
    outputs : latent_dim for a deterministic encoder; 2 · latent_dim for one that gives a mean and a
        log-variance for each latent dimension
    image_shape : (height, width, channels); height and width can be halved as often as there are
        filters
    filters : of each convolution

    Raises
    ------
    ValueError
        Height or width cannot be halved so often.
    """
    small_map(image_shape, filters)
    side, convolutions = min(image_shape[:2]), []
    for count in filters:
        # The published convolutions do not pad; a map of 1 or 2 pixels leaves no other choice.
        padding = "valid" if side >= 3 else "same"
        side = (side - 1) // 2 if side >= 3 else 1
        convolutions.append(layers.Conv2D(count, 3, strides=2, padding=padding, activation="relu"))
    stack = [keras.Input(image_shape), *convolutions, layers.Flatten(), layers.Dense(outputs)]
    return keras.Sequential(stack, name="encoder")


def build_decoder(
    latent_dim: int, image_shape: tuple[int, int, int] = (28, 28, 1),
    filters: Sequence[int] = (32, 64), activation: str | None = None,
) -> keras.Sequential:  # fmt: skip
    """Codes [n, latent_dim] to images [n, height, width, channels].

    A dense layer makes a small map, one transposed convolution with stride 2 for each of ``filters``
    (the last first) doubles it, and one more draws the channels. Introduced in chapter 2.

    Parameters
    ----------
    latent_dim : whole number, at least 1
    image_shape, filters : as for ``build_encoder``
    activation : of the last layer; None gives logits, "sigmoid" pixels in [0, 1]

    Raises
    ------
    ValueError
        Height or width cannot be halved so often.
    """
    height, width = small_map(image_shape, filters)
    stack = [
        keras.Input((latent_dim,)),
        layers.Dense(height * width * filters[0], activation="relu"),
        layers.Reshape((height, width, filters[0])),
    ]
    for count in reversed(filters):
        stack.append(layers.Conv2DTranspose(count, 3, strides=2, padding="same", activation="relu"))
    stack.append(layers.Conv2DTranspose(image_shape[2], 3, padding="same", activation=activation))
    return keras.Sequential(stack, name="decoder")


def small_map(image_shape, filters):
    """Height and width, halved once for each filter: 28 × 28 and two filters give (7, 7)."""
    check_keras(keras.config.dtype_policy().name)
    height, width, _ = check_image_shape(image_shape)
    if not len(filters):
        raise ValueError("filters must be at least one, each the number of a convolution's filters")
    halved = 2 ** len(filters)
    if height % halved or width % halved:
        raise ValueError(
            f"image_shape must be {len(filters)} times divisible by 2, once for each of the filters, "
            f"not {height} × {width}: resize to multiples of {halved}, or choose fewer filters"
        )
    return height // halved, width // halved


def check_network(network, name, takes, gives):
    """Refuse a network that does not turn float32 [n, *takes] into [n, *gives]; build it if need be."""
    if not callable(network) or not hasattr(network, "trainable_weights"):
        raise TypeError(f"{name} must be a Keras model or layer, not a {type(network).__name__}")
    before, wanted = (f"[n, {', '.join(map(str, shape))}]" for shape in (takes, gives))
    try:
        given = network(keras.KerasTensor((None, *takes)))
    except Exception as error:  # whatever a reader's layers raise
        raise ValueError(f"{name} must take {before}: {error}") from error
    if tuple(given.shape[1:]) != tuple(gives):
        raise ValueError(f"{name} must turn {before} into {wanted}, not into {given.shape}")
    if given.dtype != "float32":
        raise ValueError(f"{name} must give float32, not {given.dtype}: set its last layer's dtype")


def check_pixels(decoder, latent_dim, decoder_output):
    """Refuse a decoder whose last layer does not fit what its model makes of it."""
    last = getattr(getattr(decoder, "layers", [decoder])[-1], "activation", None)
    if decoder_output == "logits" and last is keras.activations.sigmoid:
        raise ValueError("decoder must give logits: leave out its sigmoid, the model has one")
    z = 3 * np.random.default_rng(0).standard_normal((64, latent_dim)).astype("float32")
    if decoder_output == "pixels" and not (0 <= np.min(drawn := decoder(z)) <= np.max(drawn) <= 1):
        raise ValueError("decoder must give pixels in [0, 1]: end it with a sigmoid")

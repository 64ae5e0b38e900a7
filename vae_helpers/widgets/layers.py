"""A Keras network as plain data, for JavaScript to run: a list of layers and their weights in float16.

What JavaScript cannot run is refused here, with the layer's name, so that a wrong picture is never
drawn.
"""

from functools import reduce

import keras
import numpy as np
from keras import layers

ACTIVATIONS = {
    getattr(keras.activations, name): name
    for name in ("linear", "relu", "sigmoid", "tanh", "elu", "silu", "softplus")
}
KINDS = {
    layers.Dense: "dense", layers.Conv2D: "conv2d", layers.Conv2DTranspose: "conv2d_transpose",
    layers.BatchNormalization: "scale", layers.UpSampling2D: "upsample",
    layers.Activation: "activation", layers.ReLU: "activation", layers.LeakyReLU: "activation",
    layers.MaxPooling2D: "pool", layers.AveragePooling2D: "pool", layers.GlobalAveragePooling2D: "pool",
}  # fmt: skip
# JavaScript keeps every array flat, and noise is for training: these have nothing to do there.
NOTHING = (
    layers.Reshape, layers.Flatten, layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise,
    layers.GaussianDropout,
)  # fmt: skip
# What JavaScript knows of the options that some of these layers have; the first is the default.
OPTIONS = {
    "data_format": ("channels_last",), "groups": (1,), "dilation_rate": ((1, 1),), "output_padding": (None,),
    "interpolation": ("nearest",), "max_value": (None,), "threshold": (0,),
}  # fmt: skip


def describe(network, name):
    """What JavaScript needs to run ``network``: its layers in order and their weights.

    Parameters
    ----------
    network : a Keras model that is one chain of the layers in ``KINDS`` and ``NOTHING``
    name : what to call it in messages

    Returns
    -------
    dict: ``layers``, a list of dicts; ``input`` and ``output``, the network's own sizes without the
    batch's axis; ``weights``, bytes: the kernel and bias of each layer in turn, as float16. Kernels
    are laid out with the layer's outputs last.

    Raises
    ------
    TypeError   no Keras model
    ValueError  a layer that JavaScript cannot run, named; a network that is more than a chain;
                weights that float16 cannot hold
    """
    if not isinstance(network, keras.Model) or not network.built:
        raise TypeError(f"{name} must be a built Keras model, not a {type(network).__name__}")
    if None in network.input_shape[1:]:
        raise ValueError(f"{name} has no fixed size: it takes {list(network.input_shape[1:])}")
    chain = [layer for layer in network.layers if type(layer) is not layers.InputLayer]
    for layer in chain:
        _check(layer, f"{name}: layer '{layer.name}'")
    known = [layer for layer in chain if type(layer) in KINDS]
    weights = [np.ravel(part) for layer in known for part in _weights(layer)]
    described = {
        "layers": [_facts(layer) for layer in known],
        # Not those of the first and last layer above, beside which a Reshape may stand.
        "input": list(network.input_shape[1:]),
        "output": list(network.output_shape[1:]),
        "weights": as_halves(np.concatenate(weights), f"{name} has weights"),
    }
    # No skip connections and the like: the layers one after the other must be the network.
    inputs = np.random.default_rng(0).standard_normal((64, *described["input"]), "float32")
    values = reduce(lambda values, layer: layer(values), chain, inputs)
    if not np.allclose(values, network(inputs), rtol=1e-3, atol=1e-4):
        raise ValueError(f"{name} is not a plain chain: its layers in order do not give its output")
    return described


def as_halves(numbers, what):
    """Numbers as JavaScript reads them: the bytes of float16."""
    with np.errstate(over="ignore"):
        halves = np.asarray(numbers).astype("<f2")
    if not np.isfinite(halves).all():
        raise ValueError(f"{what} that are not finite, or too large for float16 (65,504)")
    return halves.tobytes()


def _check(layer, where):
    """Refuse a layer that JavaScript cannot run."""
    if type(layer) not in (*KINDS, *NOTHING):
        names = ", ".join(kind.__name__ for kind in (*KINDS, *NOTHING))
        raise ValueError(f"{where} is a {type(layer).__name__}; the explorer runs {names} only")
    axes = len(layer.input.shape) - 1
    if type(layer) is layers.Dense and axes != 1:
        raise ValueError(f"{where} works on {axes} axes; Flatten first")
    for option, known in {**OPTIONS, "axis": (-1, axes)}.items():
        if (found := getattr(layer, option, known[0])) not in known:
            raise ValueError(f"{where} has {option}={found!r}; the explorer runs {known[0]!r} only")
    activation = getattr(layer, "activation", keras.activations.linear)
    if activation not in ACTIVATIONS:
        other = getattr(activation, "__name__", type(activation).__name__)
        names = ", ".join(ACTIVATIONS.values())
        raise ValueError(f"{where} has the activation {other!r}; the explorer runs {names} only")


def _facts(layer):
    """What JavaScript needs to know of a layer beside its weights."""
    facts = {"kind": KINDS[type(layer)]}
    facts |= {"input": list(layer.input.shape[1:]), "output": list(layer.output.shape[1:])}
    if hasattr(layer, "activation"):
        facts["activation"] = ACTIVATIONS[layer.activation]
    if hasattr(layer, "negative_slope"):
        facts |= {"activation": "leaky_relu", "slope": float(layer.negative_slope)}
    if facts["kind"] == "upsample":
        facts["strides"] = list(layer.size)
    if facts["kind"] == "pool":
        facts["mean"] = type(layer) is not layers.MaxPooling2D
    if facts["kind"] in ("conv2d", "conv2d_transpose", "pool"):
        facts |= _window(layer)
    return facts


def _window(layer):
    """A kernel's or a pool's size, its steps, and how far the first hangs over top and left edge."""
    large, small = layer.input.shape[1:3], layer.output.shape[1:3]
    if type(layer) is layers.Conv2DTranspose:  # from few pixels to many
        large, small = small, large
    kernel = getattr(layer, "kernel_size", getattr(layer, "pool_size", large))
    strides, padding = getattr(layer, "strides", kernel), [0, 0]
    if getattr(layer, "padding", "valid") == "same":
        # TensorFlow pads no more than it needs, and the odd pixel goes to the end.
        padding = [
            max((after - 1) * stride + size - before, 0) // 2
            for size, stride, before, after in zip(kernel, strides, large, small, strict=True)
        ]
    return {"kernel": list(kernel), "strides": list(strides), "padding": padding}


def _weights(layer):
    """A layer's numbers in the order in which JavaScript reads them."""
    if type(layer) is layers.BatchNormalization:
        scale = 1 / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
        scale = scale * layer.gamma.numpy() if layer.scale else scale
        shift = layer.beta.numpy() if layer.center else 0.0
        return scale, shift - layer.moving_mean.numpy() * scale
    if not layer.weights:
        return ()
    kernel = layer.kernel.numpy()
    if type(layer) is layers.Conv2DTranspose:  # Keras has [height, width, outputs, inputs] here
        kernel = kernel.transpose(0, 1, 3, 2)
    return kernel, layer.bias.numpy() if layer.use_bias else np.zeros(kernel.shape[-1])

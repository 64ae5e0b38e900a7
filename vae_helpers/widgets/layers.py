"""A Keras network as plain data, for JavaScript to run: a list of layers and their weights in float16.

What JavaScript cannot run is refused here, with the layer's name, so that a wrong picture is never
drawn.
"""

import keras
import numpy as np
from keras import layers

from ._old_checks import check_parts

ACTIVATIONS = {getattr(keras.activations, name): name for name in ("linear", "relu", "sigmoid")}
SUPPORTED = "Dense, Reshape, Flatten, Conv2D and Conv2DTranspose"


def describe(network, name):
    """What JavaScript needs to run ``network``: its layers in order and their weights.

    Parameters
    ----------
    network : a Keras model that is one chain of Dense, Reshape, Flatten, Conv2D and
        Conv2DTranspose layers with relu, sigmoid or linear activations
    name : what to call it in messages

    Returns
    -------
    dict: ``layers``, a list of dicts; ``input`` and ``output``, the network's own sizes without the
    batch's axis; ``weights``, bytes: the kernel and bias of each layer in turn, as float16. Kernels
    are laid out with the layer's outputs last.

    Raises
    ------
    ValueError  a layer that JavaScript cannot run, named; a network that is more than a chain;
                weights that float16 cannot hold
    """
    check_parts(network, "network", "a Keras model", "layers", "input_shape")
    chain, weights = [], []
    for layer in network.layers:
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise ValueError(
                f"{name}: layer '{layer.name}' has data_format={layer.data_format!r}; "
                "use 'channels_last'"
            )
        if type(layer) in (layers.InputLayer, layers.Reshape, layers.Flatten):
            continue  # JavaScript keeps every array flat, so these have nothing to do there
        if type(layer) not in DESCRIBERS:
            raise ValueError(
                f"{name}: layer '{layer.name}' is a {type(layer).__name__}; "
                f"the explorer runs {SUPPORTED} only"
            )
        facts, kernel = DESCRIBERS[type(layer)](layer, f"{name}: layer '{layer.name}'")
        bias = layer.bias.numpy() if layer.use_bias else np.zeros(facts["output"][-1])
        chain.append(facts)
        weights += [kernel.ravel(), bias]
    if not chain:
        raise ValueError(f"{name} has no layer with weights")
    _check_chain(network, name)
    with np.errstate(over="ignore"):
        halves = np.concatenate(weights).astype("<f2")
    if not np.isfinite(halves).all():
        raise ValueError(
            f"{name} has weights that are not finite, or too large for float16 (65504)"
        )
    # Not those of the first and last layer in ``chain``, beside which a Reshape may have stood.
    sizes = {"input": list(network.input_shape[1:]), "output": list(network.output_shape[1:])}
    return {"layers": chain, **sizes, "weights": halves.tobytes()}


def _dense(layer, where):
    kernel = layer.kernel.numpy()
    if len(layer.input.shape) != 2:
        raise ValueError(f"{where} works on {len(layer.input.shape) - 1} axes; Flatten first")
    return _facts(layer, "dense", where), kernel


def _conv2d(layer, where):
    if layer.groups != 1:
        raise ValueError(f"{where} has groups={layer.groups}; the explorer runs groups=1 only")
    facts = _conv_facts(layer, "conv2d", where)
    if layer.padding == "same":
        # TensorFlow pads no more than it needs, and the odd pixel goes to the end.
        needed = (
            (out - 1) * stride + kernel - size
            for size, out, stride, kernel in zip(
                facts["input"], facts["output"], layer.strides, layer.kernel_size, strict=False
            )
        )
        facts["padding"] = [max(pixels, 0) // 2 for pixels in needed]
    return facts, layer.kernel.numpy()


def _conv2d_transpose(layer, where):
    if layer.output_padding is not None:
        raise ValueError(f"{where} has output_padding={layer.output_padding}; leave it at None")
    facts = _conv_facts(layer, "conv2d_transpose", where)
    if layer.padding == "same":
        facts["padding"] = [
            max(kernel - stride, 0) // 2
            for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True)
        ]
    # Keras has [height, width, outputs, inputs] here.
    return facts, layer.kernel.numpy().transpose(0, 1, 3, 2)


DESCRIBERS = {
    layers.Dense: _dense,
    layers.Conv2D: _conv2d,
    layers.Conv2DTranspose: _conv2d_transpose,
}


def _conv_facts(layer, kind, where):
    if tuple(layer.dilation_rate) != (1, 1):
        raise ValueError(f"{where} has dilation_rate={layer.dilation_rate}; leave it at 1")
    return {
        **_facts(layer, kind, where),
        "kernel": list(layer.kernel_size),
        "strides": list(layer.strides),
        "padding": [0, 0],  # how far the first kernel hangs over the top and the left edge
    }


def _facts(layer, kind, where):
    activation = ACTIVATIONS.get(layer.activation)
    if activation is None:
        name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
        raise ValueError(
            f"{where} has the activation {name!r}; "
            f"the explorer runs {', '.join(ACTIVATIONS.values())} only"
        )
    sizes = {"input": list(layer.input.shape[1:]), "output": list(layer.output.shape[1:])}
    if None in sizes["input"] + sizes["output"]:
        raise ValueError(f"{where} has no fixed size: {sizes}")
    return {"kind": kind, **sizes, "activation": activation}


def _check_chain(network, name):
    """Refuse skip connections and the like: the layers one after the other must be the network."""
    sizes = network.input_shape[1:]
    inputs = np.random.default_rng(0).standard_normal((64, *sizes), "float32")
    values = inputs
    for layer in network.layers:
        if type(layer) is not layers.InputLayer:
            values = layer(values)
    if not np.allclose(values, network(inputs), rtol=1e-3, atol=1e-4):
        raise ValueError(f"{name} is not a plain chain: its layers in order do not give its output")

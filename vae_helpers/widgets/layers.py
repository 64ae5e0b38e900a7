"""A Keras network as plain data, for JavaScript to run: a list of layers and their weights in float16.

What JavaScript cannot run is refused here, with the layer's name, so that a wrong picture is never
drawn.
"""

import keras
import numpy as np
from keras import layers

ACTIVATIONS = {
    getattr(keras.activations, name): name
    for name in ("linear", "relu", "sigmoid", "tanh", "elu", "silu", "softplus")
}
# JavaScript keeps every array flat, and noise is for training: these have nothing to do there.
NOTHING = (
    layers.InputLayer,
    layers.Reshape,
    layers.Flatten,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
)


def describe(network, name):
    """What JavaScript needs to run ``network``: its layers in order and their weights.

    Parameters
    ----------
    network : a Keras model that is one chain of the layers in ``DESCRIBERS`` and ``NOTHING``
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
    chain, weights = [], []
    for layer in network.layers:
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise ValueError(
                f"{name}: layer '{layer.name}' has data_format={layer.data_format!r}; "
                "use 'channels_last'"
            )
        if type(layer) in NOTHING:
            continue
        if type(layer) not in DESCRIBERS:
            known = ", ".join(kind.__name__ for kind in (*DESCRIBERS, *NOTHING[1:]))
            raise ValueError(
                f"{name}: layer '{layer.name}' is a {type(layer).__name__}; "
                f"the explorer runs {known} only"
            )
        where = f"{name}: layer '{layer.name}'"
        facts, numbers = DESCRIBERS[type(layer)](layer, where)
        sizes = {"input": list(layer.input.shape[1:]), "output": list(layer.output.shape[1:])}
        if None in sizes["input"] + sizes["output"]:
            raise ValueError(f"{where} has no fixed size: {sizes}")
        chain.append(facts | sizes)
        weights += [np.ravel(part) for part in numbers]
    if not weights:
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
    if len(layer.input.shape) != 2:
        raise ValueError(f"{where} works on {len(layer.input.shape) - 1} axes; Flatten first")
    kernel = layer.kernel.numpy()
    return {"kind": "dense", "strides": [1, 1], **_activation(layer, where)}, _with_bias(
        layer, kernel
    )


def _conv2d(layer, where):
    if layer.groups != 1:
        raise ValueError(f"{where} has groups={layer.groups}; the explorer runs groups=1 only")
    _check_holes(layer, where)
    facts = {"kind": "conv2d", **_window(layer, layer.kernel_size), **_activation(layer, where)}
    return facts, _with_bias(layer, layer.kernel.numpy())


def _conv2d_transpose(layer, where):
    if layer.output_padding is not None:
        raise ValueError(f"{where} has output_padding={layer.output_padding}; leave it at None")
    _check_holes(layer, where)
    padding = [0, 0]
    if layer.padding == "same":
        padding = [
            max(kernel - stride, 0) // 2
            for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True)
        ]
    facts = {
        "kind": "conv2d_transpose",
        "kernel": list(layer.kernel_size),
        "strides": list(layer.strides),
        "padding": padding,
        **_activation(layer, where),
    }
    # Keras has [height, width, outputs, inputs] here.
    return facts, _with_bias(layer, layer.kernel.numpy().transpose(0, 1, 3, 2))


def _batch_normalization(layer, where):
    if layer.axis not in (-1, len(layer.input.shape) - 1):
        raise ValueError(f"{where} has axis={layer.axis}; the explorer runs axis=-1 only")
    scale = 1 / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    scale = scale * layer.gamma.numpy() if layer.scale else scale
    shift = layer.beta.numpy() if layer.center else 0.0
    return {"kind": "scale"}, [scale, shift - layer.moving_mean.numpy() * scale]


def _activation_layer(layer, where):
    return {"kind": "activation", **_activation(layer, where)}, []


def _relu(layer, where):
    if getattr(layer, "max_value", None) is not None or getattr(layer, "threshold", 0):
        raise ValueError(f"{where} has a max_value or threshold; leave them at None and 0")
    slope = float(layer.negative_slope)
    return {"kind": "activation", "activation": "leaky_relu", "slope": slope}, []


def _upsampling(layer, where):
    if layer.interpolation != "nearest":
        raise ValueError(
            f"{where} has interpolation={layer.interpolation!r}; the explorer runs 'nearest' only"
        )
    return {"kind": "upsample", "strides": list(layer.size)}, []


def _pooling(layer, where):
    mean = not isinstance(layer, layers.MaxPooling2D)
    if isinstance(layer, layers.GlobalAveragePooling2D):
        whole = list(layer.input.shape[1:3])
        window = {"kernel": whole, "strides": whole, "padding": [0, 0]}
    else:
        window = _window(layer, layer.pool_size)
    return {"kind": "pool", "mean": mean, **window}, []


DESCRIBERS = {
    layers.Dense: _dense,
    layers.Conv2D: _conv2d,
    layers.Conv2DTranspose: _conv2d_transpose,
    layers.BatchNormalization: _batch_normalization,
    layers.Activation: _activation_layer,
    layers.ReLU: _relu,
    layers.LeakyReLU: _relu,
    layers.UpSampling2D: _upsampling,
    layers.MaxPooling2D: _pooling,
    layers.AveragePooling2D: _pooling,
    layers.GlobalAveragePooling2D: _pooling,
}


def _with_bias(layer, kernel):
    return [kernel, layer.bias.numpy() if layer.use_bias else np.zeros(kernel.shape[-1])]


def _check_holes(layer, where):
    if tuple(layer.dilation_rate) != (1, 1):
        raise ValueError(f"{where} has dilation_rate={layer.dilation_rate}; leave it at 1")


def _window(layer, kernel):
    """A kernel's or a pool's size, its steps, and how far the first hangs over top and left edge."""
    sizes = [kernel, layer.strides, layer.input.shape[1:3], layer.output.shape[1:3]]
    padding = [0, 0]
    if layer.padding == "same":
        # TensorFlow pads no more than it needs, and the odd pixel goes to the end.
        padding = [
            max((after - 1) * stride + size - before, 0) // 2
            for size, stride, before, after in zip(*sizes, strict=True)
        ]
    return {"kernel": list(kernel), "strides": list(layer.strides), "padding": padding}


def _activation(layer, where):
    name = ACTIVATIONS.get(layer.activation)
    if name is None:
        other = getattr(layer.activation, "__name__", type(layer.activation).__name__)
        raise ValueError(
            f"{where} has the activation {other!r}; "
            f"the explorer runs {', '.join(ACTIVATIONS.values())} only"
        )
    return {"activation": name}


def _check_chain(network, name):
    """Refuse skip connections and the like: the layers one after the other must be the network."""
    sizes = network.input_shape[1:]
    inputs = np.random.default_rng(0).standard_normal((64, *sizes), "float32")
    values = inputs
    for layer in network.layers:
        if type(layer) is not layers.InputLayer:
            values = layer(values, training=False) if type(layer) in TRAINED else layer(values)
    if not np.allclose(values, network(inputs, training=False), rtol=1e-3, atol=1e-4):
        raise ValueError(f"{name} is not a plain chain: its layers in order do not give its output")


TRAINED = (layers.BatchNormalization, *NOTHING[3:])  # these do something else in training

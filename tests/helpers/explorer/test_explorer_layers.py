"""Networks: what is refused by name, and that JavaScript gives what Keras gives, in both its engines."""

import base64
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from vae_helpers.widgets.layers import describe

JAVASCRIPT = Path(__file__).parents[3] / "vae_helpers" / "widgets" / "js"
NODE = shutil.which("node") or str(Path(sys.executable).parent / "node")
# Networks on standard input, each network's outputs in both engines on standard output.
RUN = """
import {{ openEngine }} from "{folder}/engine.js";
import {{ network, openShelf, roomFor }} from "{folder}/networks.js";
const text = await new Response(process.stdin).text();
const outputs = JSON.parse(text).map(({{ inputs, ...description }}) => {{
    const bytes = Uint8Array.from(atob(description.weights), (c) => c.charCodeAt(0));
    description.weights = new DataView(bytes.buffer);
    return [false, true].map((plain) => {{
        const engine = openEngine(roomFor(description), {{ plain }});
        if (engine.fast === plain) throw new Error("the wrong engine");
        const {{ run }} = network(description, engine, openShelf());
        return inputs.map((input) => [...run(Float32Array.from(input))]);
    }});
}});
console.log(JSON.stringify(outputs));
"""


def chain(*stack, inputs=(2,)):
    return keras.Sequential([keras.Input(inputs), *stack])


def refusal(network):
    with pytest.raises(ValueError, match="decoder") as caught:
        describe(network, "VAE's decoder")
    return str(caught.value)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (layers.LayerNormalization(name="norm_1"), "'norm_1' is a LayerNormalization"),
        (layers.Dense(4, activation="gelu", name="bent"), "'bent' has the activation 'gelu'"),
        (layers.Dense(4, activation=lambda x: x, name="odd"), "'odd' has the activation"),
        (layers.ReLU(max_value=6.0, name="capped"), "'capped' has max_value=6.0"),
    ],
)
def test_a_layer_that_the_browser_cannot_run_is_named(layer, complaint):
    assert complaint in refusal(chain(layer))


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (
            layers.Conv2DTranspose(2, 3, strides=2, output_padding=1, name="up"),
            "'up' has output_padding=",
        ),
        (layers.Conv2DTranspose(2, 3, dilation_rate=2, name="holes"), "'holes' has dilation_rate="),
        (layers.Conv2D(2, 3, dilation_rate=2, name="holes"), "'holes' has dilation_rate="),
        (layers.Conv2D(2, 3, groups=2, name="split"), "'split' has groups=2"),
        (layers.Dense(2, name="each"), "'each' works on 3 axes"),
        (layers.BatchNormalization(axis=1, name="rows"), "'rows' has axis=1"),
        (layers.UpSampling2D(interpolation="bilinear", name="soft"), "'soft' has interpolation="),
        (layers.Flatten("channels_first", name="first"), "data_format='channels_first'"),
    ],
)
def test_an_option_that_the_browser_does_not_know_is_named(layer, complaint):
    assert complaint in refusal(chain(layer, inputs=(8, 8, 2)))


def test_a_subclass_of_a_supported_layer_is_refused():
    class Twice(layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    assert "is a Twice" in refusal(chain(Twice(3)))


def test_a_skip_connection_is_refused():
    inputs = keras.Input((3,))
    hidden = layers.Dense(3, activation="relu")(inputs)
    network = keras.Model(inputs, layers.Dense(3)(hidden) + hidden)
    with pytest.raises(ValueError, match="decoder"):
        describe(network, "decoder")


def test_layers_that_are_used_twice_are_refused():
    inputs = keras.Input((3,))
    shared = layers.Dense(3, activation="sigmoid")
    assert "not a plain chain" in refusal(keras.Model(inputs, shared(shared(inputs))))


@pytest.mark.parametrize("value", [1e6, np.nan])
def test_weights_that_float16_cannot_hold_are_refused(value):
    network = chain(layers.Dense(3))
    network.layers[0].kernel.assign(np.full((2, 3), value, "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"float16|chain"):
            describe(network, "decoder")


def test_what_is_no_network_is_refused():
    for wrong in ("decoder", layers.Dense(3), keras.Sequential([layers.Dense(3)])):
        with pytest.raises(TypeError, match="decoder must be a built Keras model"):
            describe(wrong, "decoder")


# ---- the same numbers as Keras -------------------------------------------------------------------


def random_network(rng):
    """A chain as a decoder or an encoder may be, of sizes nobody chose."""

    def some(low, high):
        return int(rng.integers(low, high + 1))

    def options():
        return {
            "kernel_size": (some(1, 4), some(1, 4)),
            "strides": (some(1, 3), some(1, 3)),
            "padding": str(rng.choice(["same", "valid"])),
            "activation": str(rng.choice(["linear", "relu", "sigmoid", "tanh", "elu", "silu"])),
            "use_bias": bool(rng.integers(2)),
            "bias_initializer": "random_normal",
        }

    def filters():
        return int(rng.choice([1, 2, 3, 4, 5, 8, 32, 33, 70]))

    if rng.integers(2):
        height, width, channels = some(1, 5), some(1, 5), some(1, 5)
        return chain(
            layers.Dense(height * width * channels, "relu", bias_initializer="random_normal"),
            layers.Reshape((height, width, channels)),
            layers.Conv2DTranspose(filters(), **options()),
            layers.BatchNormalization(
                gamma_initializer="random_normal", beta_initializer="random_normal"
            ),
            layers.LeakyReLU(0.3),
            layers.Dropout(0.5),
            layers.UpSampling2D((some(1, 2), some(1, 3))),
            layers.Conv2DTranspose(filters(), **options()),
            inputs=(some(1, 4),),
        )
    pool = rng.choice([layers.MaxPooling2D, layers.AveragePooling2D])
    return chain(
        layers.Conv2D(filters(), **{**options(), "strides": 1}),
        layers.Activation("softplus"),
        pool(some(1, 3), strides=some(1, 3), padding=str(rng.choice(["same", "valid"]))),
        layers.Conv2D(filters(), **{**options(), "padding": "same"}),
        layers.GlobalAveragePooling2D() if rng.integers(2) else layers.Flatten(),
        layers.ReLU(),
        layers.Dense(some(1, 9)),
        inputs=(some(9, 14), some(9, 14), some(1, 3)),
    )


def test_networks_in_javascript_give_what_keras_gives():
    asked, expected, kinds = [], [], set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        keras.utils.set_random_seed(seed)
        network = random_network(rng)
        network.set_weights([w.astype("float16").astype("float32") for w in network.get_weights()])
        inputs = rng.normal(size=(2, *network.input_shape[1:])).astype("float32")
        description = describe(network, "network")
        kinds |= {layer["kind"] for layer in description["layers"]}
        description["weights"] = base64.b64encode(description["weights"]).decode()
        asked.append({**description, "inputs": inputs.reshape(2, -1).tolist()})
        expected.append(network(inputs, training=False).numpy().reshape(2, -1))
    assert kinds == {
        "dense", "conv2d", "conv2d_transpose", "scale", "activation", "upsample", "pool",
    }  # fmt: skip
    program = RUN.format(folder=JAVASCRIPT.as_uri())
    command = [NODE, "--input-type=module", "--eval", program]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    for given, wanted, network in zip(json.loads(done.stdout), expected, asked, strict=True):
        for engine, outputs in zip(("WebAssembly", "JavaScript"), given, strict=True):
            # float16 scales of BatchNormalization are not the network's own float32.
            np.testing.assert_allclose(
                outputs, wanted, rtol=2e-3, atol=2e-3, err_msg=f"{engine}: {network['layers']}"
            )


def test_javascript_s_own_tests_pass():
    tests = sorted(map(str, Path(__file__).parent.glob("*.test.js")))
    assert len(tests) == 2
    done = subprocess.run([NODE, "--test", *tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_types_and_lint_find_nothing_and_the_kernels_are_what_their_source_gives(tmp_path):
    """With the tools that package.json names, from npm."""
    from node import npm

    folder = tmp_path / "js"
    shutil.copytree(JAVASCRIPT, folder, ignore=shutil.ignore_patterns("node_modules"))
    shipped = (folder / "kernels.js").read_text()
    for command in (["install", "--silent", "--no-audit"], ["run", "check"], ["run", "build"]):
        done = subprocess.run(
            [npm(), *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "kernels.js").read_text() == shipped

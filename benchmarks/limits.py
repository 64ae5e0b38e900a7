"""How fast training could be at most, and where the rest of a step's time goes.

    python benchmarks/limits.py

The limit is the sum of the single kernels' times: every convolution and matrix product of one step
of the published VAE, forward, input gradient and filter gradient, each called alone in a tight
loop. From the chapters' ``fit`` down to it one thing after another is taken out; what each takes with
it is its share. Everything runs in one process with the same threads, in turns.
"""

from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from recording import conditions, in_turns, options, spread, untuned, write_section
from tensorflow import raw_ops

from vae_helpers.checkpoints import PUBLISHED_BATCH_SIZE as BATCH
from vae_helpers.data import load_images, to_batches
from vae_helpers.models import VAE

# ---- the limit ---------------------------------------------------------------------------------

# The layers of the published VAE: input and output side, channels in and out, stride, padding.
CONVOLUTIONS = {
    "encoder, convolution 1": (28, 13, 1, 32, 2, "VALID"),
    "encoder, convolution 2": (13, 6, 32, 64, 2, "VALID"),
    "decoder, transposed 1": (7, 14, 32, 64, 2, "SAME"),
    "decoder, transposed 2": (14, 28, 64, 32, 2, "SAME"),
    "decoder, transposed 3": (28, 28, 32, 1, 1, "SAME"),
}
DENSE = {"encoder, dense": (6 * 6 * 64, 4), "decoder, dense": (2, 7 * 7 * 32)}
NO_INPUT_GRADIENT = "encoder, convolution 1"  # nothing before it learns


def tensor(*shape):
    return tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)


def kernels(batch):
    """{(layer, what): function that runs this one kernel once}."""
    found = {}
    for name, (side_in, side_out, n_in, n_out, stride, padding) in CONVOLUTIONS.items():
        x, y = tensor(batch, side_in, side_in, n_in), tensor(batch, side_out, side_out, n_out)
        transposed = "transposed" in name
        # A transposed convolution is another's gradient: its output is that one's input.
        big, small = (y, x) if transposed else (x, y)
        weights = tensor(3, 3, big.shape[3], small.shape[3])
        settings = {"strides": [1, stride, stride, 1], "padding": padding}

        down = partial(raw_ops.Conv2D, input=big, filter=weights, **settings)
        up = partial(
            raw_ops.Conv2DBackpropInput,
            input_sizes=tf.shape(big), filter=weights, out_backprop=small, **settings,
        )  # fmt: skip
        filters = partial(
            raw_ops.Conv2DBackpropFilter,
            input=big, filter_sizes=tf.shape(weights), out_backprop=small, **settings,
        )  # fmt: skip
        found[name, "forward"] = up if transposed else down
        if name != NO_INPUT_GRADIENT:
            found[name, "input gradient"] = down if transposed else up
        found[name, "filter gradient"] = filters
    for name, (n_in, n_out) in DENSE.items():
        x, weights, y = tensor(batch, n_in), tensor(n_in, n_out), tensor(batch, n_out)
        found[name, "forward"] = partial(tf.matmul, x, weights)
        found[name, "input gradient"] = partial(tf.matmul, y, weights, transpose_b=True)
        found[name, "filter gradient"] = partial(tf.matmul, x, y, transpose_a=True)
    return found


def repeated(kernel, times):
    def loop():
        for _ in range(times):
            result = kernel()
        # A GPU is done when a number of the last result is here; what it ran before it, too.
        return float(tf.reshape(result, [-1])[0])

    return loop


# ---- the ladder: each model takes out one thing more -------------------------------------------


class WithoutTrackers(VAE):
    metrics = ()

    def observe(self, images, **values):
        return {name: value for name, value in values.items() if name == "loss"}


class WithoutLoss(WithoutTrackers):
    def loss_terms(self, images, training=False):
        mean, logvar = tf.split(self.encoder(images), 2, axis=1)
        return {"mean output": tf.reduce_mean(self.decoder(mean + logvar))}


class WithoutBiasesAndReLUs(WithoutLoss):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        plain = {"use_bias": False}
        up = {"padding": "same", **plain}
        self.encoder = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, strides=2, **plain),
                layers.Conv2D(64, 3, strides=2, **plain),
                layers.Flatten(),
                layers.Dense(4, **plain),
            ]
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((2,)),
                layers.Dense(7 * 7 * 32, **plain),
                layers.Reshape((7, 7, 32)),
                layers.Conv2DTranspose(64, 3, strides=2, **up),
                layers.Conv2DTranspose(32, 3, strides=2, **up),
                layers.Conv2DTranspose(1, 3, **up),
            ]
        )

    @property
    def trainable_weights(self):
        # Without those of the networks that stood here first, which Keras goes on counting.
        return self.encoder.trainable_weights + self.decoder.trainable_weights


def one_batch_again_and_again(images, batch_size, steps):
    """The same batch at every step, of a size that the graph does not know, as in ``to_batches``."""
    first = tf.data.Dataset.from_tensor_slices(images[:batch_size]).batch(batch_size)
    return untuned(first.cache().repeat(steps))


def batches_by_index(images, batch_size, seed):
    """As ``to_batches``, in the same order; but indices are shuffled, and images gathered by them."""
    order = int(np.random.SeedSequence([seed, 0]).generate_state(1)[0])
    images = tf.constant(images)
    indices = tf.data.Dataset.range(len(images)).shuffle(len(images), seed=order)
    batches = indices.batch(batch_size).map(lambda index: tf.gather(images, index))
    return untuned(batches.prefetch(2))


def fit(batches, model=VAE, optimizer=keras.optimizers.Adam, steps_per_execution=10):
    model = model(beta=1 / BATCH)
    model.compile(optimizer(1e-4), steps_per_execution=steps_per_execution)
    return lambda: model.fit(batches, verbose=0)


def ladder(images):
    """{what was taken out: fit without it and without what stands before it}."""
    steps = len(images) // BATCH
    chapters, same = (
        to_batches(images, BATCH, seed=0),
        one_batch_again_and_again(images, BATCH, steps),
    )
    at_once = {"steps_per_execution": min(50, steps)}
    sgd = {"optimizer": keras.optimizers.SGD, **at_once}
    return {
        "nothing: fit, as the chapters call it": fit(chapters),
        "input pipeline: one batch again and again": fit(same),
        "Python between calls: 50 steps in one": fit(same, **at_once),
        "metrics": fit(same, WithoutTrackers, **at_once),
        "Adam: plain gradient descent": fit(same, WithoutTrackers, **sgd),
        "noise and loss: the mean output": fit(same, WithoutLoss, **sgd),
        "biases and ReLUs": fit(same, WithoutBiasesAndReLUs, **sgd),
    }


def settings(images):
    """What a chapter could set otherwise with the same training step: {setting: fit with it}."""
    chapters, steps = to_batches(images, BATCH, seed=0), len(images) // BATCH
    by_index = batches_by_index(images, BATCH, seed=0)
    return {
        "steps_per_execution=1, Keras's default": fit(chapters, steps_per_execution=1),
        "steps_per_execution=50": fit(chapters, steps_per_execution=min(50, steps)),
        "shuffled indices, not images": fit(by_index),
    }


def shares(steps_ms, kernels_ms, whole_ms):
    """[(what, ms of it in a step, share of fit's step)] down the ladder; the ms sum to fit's."""
    names, values = list(steps_ms), [*steps_ms.values(), kernels_ms]
    rows = [(n, a - b) for n, a, b in zip(names[1:], values[:-2], values[1:-1], strict=True)]
    rows += [("between kernels", values[-2] - kernels_ms), ("the kernels alone", kernels_ms)]
    return [
        {"what": name, "ms": round(ms, 3), "share": round(ms / whole_ms, 3)} for name, ms in rows
    ]


def main():
    chosen = options(__doc__)
    where = conditions()
    rounds, steps, times = (1, 3, 1) if chosen.quick else (9, 80, 40)
    images = load_images("fashion_mnist").train_images[: steps * BATCH]

    loops = {name: repeated(kernel, times) for name, kernel in kernels(BATCH).items()}
    down, aside = ladder(images), settings(images)
    found = {}
    for name, seconds in in_turns({**loops, **down, **aside}, rounds).items():
        calls = times if name in loops else steps
        found[name] = [1000 * s / calls for s in seconds]
    sums = [sum(one) for one in zip(*(found[name] for name in loops), strict=True)]  # by round

    # What slows a round down, other work, only ever adds: so the fastest rounds are compared.
    steps_ms = {name: spread(found[name])["min"] for name in down}
    limit, whole = spread(sums), next(iter(steps_ms.values()))
    results = {
        "batch": BATCH,
        "kernels_ms": [
            {"layer": layer, "what": what, **spread(found[layer, what])} for layer, what in loops
        ],
        "limit_ms": limit,
        "ladder_ms": [{"without": name, **spread(found[name])} for name in down],
        "shares": shares(steps_ms, limit["min"], whole),
        "settings_ms": [{"setting": name, **spread(found[name])} for name in aside],
    }
    print(f"the kernels alone: {limit['min']:.2f} ms a step; fit: {whole:.2f} ms")
    for row in results["shares"]:
        print(f"{row['what']:45} {row['ms']:7.2f} ms {100 * row['share']:5.1f} %")
    for row in results["settings_ms"]:
        print(f"{row['setting']:45} {row['min']:7.2f} ms a step")
    write_section(chosen.record, "limits", where, results)


if __name__ == "__main__":
    main()

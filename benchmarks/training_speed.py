"""Images per second of this package's training step, and of an eager loop as one wrote it in 2018.

    python benchmarks/training_speed.py

Both train the same network on the same batches of 100 Fashion-MNIST images, in turns, so that a
machine that grows busy slows both. Figures are medians over the rounds.
"""

import argparse
import os
import platform
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.checkpoints import PUBLISHED_BATCH_SIZE as BATCH
from vae_helpers.checkpoints import build
from vae_helpers.data import load_images, to_batches
from vae_helpers.networks import build_decoder, build_encoder


def compiled_fit(images):
    """This package: ``fit`` with its compiled step, float32."""
    model = build("vae_published")
    model.compile(keras.optimizers.Adam(1e-4))
    batches = to_batches(images, BATCH, seed=0)
    return lambda: model.fit(batches, verbose=0)


def eager_loop(images):
    """In the manner of the 2018 tutorial: eager, float64, one persistent tape for both networks."""
    keras.config.set_dtype_policy("float64")
    encoder, decoder = build_encoder(4), build_decoder(2)
    keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.Adam(1e-4)
    weights = encoder.trainable_weights + decoder.trainable_weights
    optimizer.build(weights)
    batches = tf.data.Dataset.from_tensor_slices(images.astype("float64")).batch(BATCH)

    def log_normal(z, mean, logvar):
        squares = (z - mean) ** 2 * tf.exp(-logvar)
        return tf.reduce_sum(-0.5 * (squares + logvar + np.log(2 * np.pi)), axis=1)

    def epoch():
        for x in batches:
            with tf.GradientTape(persistent=True) as tape:
                mean, logvar = tf.split(encoder(x), 2, axis=1)
                z = mean + tf.exp(0.5 * logvar) * tf.random.normal(mean.shape, dtype=tf.float64)
                cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(x, decoder(z))
                logpx_z = -tf.reduce_sum(cross_entropy)
                logpz = tf.reduce_mean(log_normal(z, 0.0, tf.zeros_like(z)))
                logqz_x = tf.reduce_mean(log_normal(z, mean, logvar))
                loss = -(logpx_z + logpz - logqz_x)
            gradients = tape.gradient(loss, encoder.trainable_weights)
            gradients += tape.gradient(loss, decoder.trainable_weights)
            optimizer.apply(gradients, weights)

    return epoch


def speed(epoch, steps):
    start = time.perf_counter()
    epoch()
    return steps * BATCH / (time.perf_counter() - start)


def cpu_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300, help="of fit, in each round (up to 600)")
    parser.add_argument("--eager-steps", type=int, default=30, help="of the loop, in each round")
    options = parser.parse_args()

    images = load_images("fashion_mnist").train_images
    contestants = {
        "compiled fit, float32": (compiled_fit(images[: options.steps * BATCH]), options.steps),
        "eager loop, float64": (
            eager_loop(images[: options.eager_steps * BATCH]),
            options.eager_steps,
        ),
    }
    found = {name: [] for name in contestants}
    for epoch, _ in contestants.values():
        epoch()  # the first pass traces and warms up
    for _ in range(options.rounds):
        for name, (epoch, steps) in contestants.items():
            found[name].append(speed(epoch, steps))

    devices = ", ".join(d.device_type for d in tf.config.get_visible_devices())
    print(
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, Python "
        f"{platform.python_version()}, {os.cpu_count()} × {cpu_name()}, devices: {devices}"
    )
    for name, speeds in found.items():
        print(
            f"{name:22} {median(speeds):8,.0f} images/s ({min(speeds):,.0f} to {max(speeds):,.0f})"
        )
    ratios = [ours / eager for ours, eager in zip(*found.values(), strict=True)]
    print(f"{'ratio':22} {median(ratios):8.1f}          ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()

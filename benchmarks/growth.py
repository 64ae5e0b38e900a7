"""How speed and memory grow with the batch, the latent space, and the number of codes in an MMD.

    python benchmarks/growth.py

Memory is the most that a process held, less what it held after a first step on ten images (or an MMD of
ten codes), so each series has a process of its own and goes upwards. Images are noise, and one batch is
repeated: what is measured is the step, not the input.
"""

import resource
import sys
import time
from multiprocessing import get_context

import numpy as np
import psutil
from recording import conditions, options, spread, untuned, write_section

BATCHES, LATENTS, CODES, DIMENSIONS = (
    [100, 300, 1000, 3000, 10_000],
    [2, 8, 64],
    [100, 300, 1000, 3000, 10_000],
    [2, 8, 64, 256],
)
IMAGES_A_PASS = 3000  # or one batch, where that is more
FIRST = 10  # images or codes of the step that goes before


def held():
    """Bytes that this process holds now, and the most that it ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return psutil.Process().memory_info().rss, peak


def gpu_peak():
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None
    peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    tf.config.experimental.reset_memory_stats("GPU:0")
    return peak


def timed(call, rounds):
    call()  # traces and warms up
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


def memory(before):
    """What a row of results says about memory, in MB."""
    found = {"memory_mb": round(max(0, held()[1] - before) / 1e6)}
    if (peak := gpu_peak()) is not None:
        found["gpu_memory_mb"] = round(peak / 1e6)
    return found


def training(model, latent_dim, batches, rounds):
    """One row for each batch size, upwards."""
    import keras
    import tensorflow as tf

    from vae_helpers.models import MMDVAE, VAE

    pictures = np.random.default_rng(0).uniform(size=(max(batches), 28, 28, 1)).astype("float32")

    def fit(batch):
        built = {"VAE": VAE, "MMD-VAE": MMDVAE}[model](latent_dim=latent_dim)
        built.compile(keras.optimizers.Adam(1e-4))
        data = tf.data.Dataset.from_tensor_slices(pictures[:batch]).batch(batch).cache()
        data = untuned(data.repeat(max(1, IMAGES_A_PASS // batch) if batch > FIRST else 1))
        return lambda: built.fit(data, verbose=0)

    fit(FIRST)()  # what TensorFlow holds by itself is there from here on
    before, rows = held()[0], []
    for batch in batches:
        steps = max(1, IMAGES_A_PASS // batch)
        seconds = timed(fit(batch), rounds)
        speeds = spread([steps * batch / s for s in seconds])
        row = {
            "model": model,
            "latent_dim": latent_dim,
            "batch": batch,
            "images_per_second": speeds,
        }
        rows.append({**row, **memory(before)})
    return rows


def mmd(d, sizes, rounds):
    """One row for each number of codes, upwards."""
    import tensorflow as tf

    from vae_helpers.losses import compute_mmd

    rng = np.random.default_rng(0)
    compiled = tf.function(compute_mmd, reduce_retracing=True)

    def distance(n):
        x, y = (tf.constant(rng.standard_normal((n, d)), tf.float32) for _ in range(2))
        return lambda: compiled(x, y).numpy()

    distance(FIRST)()
    before, rows = held()[0], []
    for n in sizes:
        seconds = timed(distance(n), rounds)
        row = {"codes": n, "latent_dim": d, "ms": spread([1000 * s for s in seconds])}
        # What an [n, n, d] tensor of float32 would take alone.
        rows.append({**row, **memory(before), "n_m_d_mb": round(4 * n * n * d / 1e6)})
    return rows


def child(connection, function, arguments):
    try:
        connection.send(function(*arguments))
    finally:
        connection.close()


def apart(function, *arguments):
    """Call a function in a process of its own; None where that process died, such as for memory."""
    # This process must not import TensorFlow: a child's peak begins at what its parent holds.
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=child, args=(there, function, arguments), daemon=True)
    process.start()
    there.close()
    try:
        rows = here.recv()
    except EOFError:
        rows = None
    process.join()
    if rows is None:
        print(f"{function.__name__}{arguments}: skipped, its process ended", flush=True)
        return []
    for row in rows:
        print(row, flush=True)
    return rows


def main():
    chosen = options(__doc__)
    where = conditions()
    batches, codes, rounds = (BATCHES, CODES, 5) if not chosen.quick else ([100], [100, 300], 1)
    latents, dimensions = (LATENTS, DIMENSIONS) if not chosen.quick else ([2, 8], [2, 8])

    trainings, mmds = [], []
    for model in ("VAE", "MMD-VAE"):
        trainings += apart(training, model, latents[0], batches, rounds)
        for latent_dim in latents[1:]:
            trainings += apart(training, model, latent_dim, [100], rounds)
    mmds += apart(mmd, dimensions[0], codes, rounds)
    for d in dimensions[1:]:
        mmds += apart(mmd, d, codes[-1:], rounds)
    write_section(chosen.record, "growth", where, {"training": trainings, "mmd": mmds})


if __name__ == "__main__":
    main()

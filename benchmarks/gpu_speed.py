"""On a GPU: what several steps in one call, and XLA, give a training.

    python benchmarks/gpu_speed.py

Without a GPU it says so and records nothing.
"""

import itertools

import keras
from recording import conditions, gpu, in_turns, options, spread, write_section

from vae_helpers.checkpoints import build
from vae_helpers.data import load_images, to_batches

RUNS = {"VAE": "vae", "MMD-VAE": "mmd_vae"}


def main():
    chosen = options(__doc__)
    where = conditions()
    if gpu() is None:
        print("gpu_speed: there is no GPU; not measured")
        return
    count, rounds = (5_000, 1) if chosen.quick else (30_000, 5)
    images = load_images("fashion_mnist").train_images[:count]
    contestants = {}
    for key in itertools.product(RUNS, (100, 1000), (1, 10, 50), (False, True)):
        model, batch, steps, xla = key
        built = build(RUNS[model])
        built.compile(keras.optimizers.Adam(1e-4), steps_per_execution=steps, jit_compile=xla)
        batches = to_batches(images, batch, seed=0)
        contestants[key] = lambda m=built, b=batches: m.fit(b, verbose=0)
    results = []
    for (model, batch, steps, xla), seconds in in_turns(contestants, rounds).items():
        row = {"model": model, "batch": batch, "steps_per_execution": steps, "xla": xla}
        results.append({**row, "images_per_second": spread([count / s for s in seconds])})
        print(results[-1], flush=True)
    write_section(chosen.record, "gpu", where, results)


if __name__ == "__main__":
    main()

"""Images per second of a training step: this book's, and the same as others would write it.

    python benchmarks/training_speed.py

Each contestant has a process of its own, because two libraries' threads in one process get in each
other's way. All of them are started and warmed up first; then they take turns, one at a time, while
the others sleep. A figure is the median over the rounds.
"""

import importlib.util
import os
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from recording import conditions, options, spread, write_section

# Name: where it is made, the batch size, and images in a round, enough for about three seconds.
CONTESTANTS = {
    "this book's fit, VAE": ("book_fit", "vae_published", 100, 12_000),
    "this book's fit, MMD-VAE": ("book_fit", "mmd_vae", 100, 12_000),
    "the 2018 manner: eager, float64, persistent tape": ("original_manner", "float64", 100, 1_000),
    "the same in float32": ("original_manner", "float32", 100, 2_500),
    "TensorFlow's CVAE tutorial": ("cvae_tutorial", None, 32, 9_600),
    "PyTorch, eager": ("torch_loop", False, 100, 9_000),
    "PyTorch, torch.compile": ("torch_loop", True, 100, 9_000),
    "keras.io's VAE example (its own network)": ("keras_example", None, 128, 9_600),
}


def contestant(maker, setting):
    if maker == "torch_loop":
        import torch_vae as module
    else:
        import contestants as module
    function = getattr(module, maker)
    return function if setting is None else function(setting)


def child(connection, maker, setting, images_file):
    """Warm up, then run one pass for each message and answer with its seconds."""
    try:
        epoch = contestant(maker, setting)(np.load(images_file))
        epoch()
    except Exception as error:  # such as no compiler for torch.compile: the others go on
        connection.send(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        return
    connection.send(None)
    while connection.recv():
        start = time.perf_counter()
        epoch()
        connection.send(time.perf_counter() - start)


def measure(chosen, images, rounds):
    """{name: [images per second]} of the contestants ``chosen``, in turns."""
    context = get_context("spawn")
    started, running = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (maker, setting, _, count) in chosen.items():
            path = Path(folder, f"{len(started)}.npy")
            np.save(path, images[:count])
            here, there = context.Pipe()
            process = context.Process(target=child, args=(there, maker, setting, path), daemon=True)
            process.start()
            there.close()
            started[name] = here, process
        for name, (connection, process) in started.items():
            try:
                trouble = connection.recv()
            except EOFError:
                trouble = "its process ended"
            if trouble:
                print(f"{name}: skipped, {trouble}", flush=True)
            else:
                running[name] = connection, process
        speeds = {name: [] for name in running}
        for number in range(rounds):
            names = list(running)
            shift = number % len(names) if names else 0
            for name in names[shift:] + names[:shift]:
                connection, _ = running[name]
                time.sleep(0.3)  # threads of the one before spin a while before they sleep
                try:
                    connection.send(True)
                    seconds = connection.recv()
                except (EOFError, OSError):
                    print(f"{name}: given up, its process ended", flush=True)
                    del running[name], speeds[name]
                    continue
                speeds[name].append(min(chosen[name][3], len(images)) / seconds)
        for connection, process in running.values():
            connection.send(False)
            process.join()
    return speeds


def main():
    chosen = options(__doc__)
    where = conditions()
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several processes share a GPU
    from vae_helpers.data import load_images

    images = load_images("fashion_mnist").train_images[:12_000]
    takes_part = CONTESTANTS
    if importlib.util.find_spec("torch") is None:
        print("PyTorch: skipped, torch is not installed (benchmarks/README.md says how)")
        takes_part = {n: c for n, c in CONTESTANTS.items() if c[0] != "torch_loop"}
    if chosen.quick:
        images = images[:384]
    speeds = measure(takes_part, images, rounds=1 if chosen.quick else 5)
    if not speeds:
        sys.exit("training_speed: no contestant could be run")

    results = {}
    for name, values in speeds.items():
        results[name] = {"batch": CONTESTANTS[name][2], "images_per_second": spread(values)}
        print(f"{name:50} {spread(values)['median']:8,.0f} images/s", flush=True)
    write_section(chosen.record, "training", where, results)


if __name__ == "__main__":
    main()

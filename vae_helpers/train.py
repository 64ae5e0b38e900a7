"""Train one run of this book from the command line, and keep what it did.

    python -m vae_helpers.train mmd_vae fashion_mnist
    python -m vae_helpers.train mmd_vae path/to/pictures --latent-dim 16 --size 64 --kernel imq

The published settings are the defaults. State is saved after every epoch; started again, a training
that was interrupted goes on with the same weights, noise and batches as if nothing had happened.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf
from tqdm import tqdm

from . import distributed
from .autoencoder import Autoencoder
from .checkpoints import DATASETS, RUNS, Run, build
from .checks import check_images, check_number
from .data import DataError, ImageDataset, load_images, to_batches
from .faces import draw_faces
from .files import StreamedImages, written_whole
from .folders import load_folder
from .results import FOLDER, MEASURED_EPOCHS, SNAPSHOT_EPOCHS, digest_of_images, look, write_results
from .resuming import TrainingState


def train(
    run: str | Autoencoder,
    dataset: str | ImageDataset,
    *,
    epochs: int | None = None,
    seed: int = 0,
    batch_size: int = 100,
    learning_rate: float | None = None,
    train_images: int | None = None,
    out: str | Path | None = None,
    strategy: str | None = None,
) -> dict:
    """Train a run of this book, or a model of your own, and write weights, snapshots and a record.

    Parameters
    ----------
    run : a name from ``checkpoints.RUNS``, or a model, whose weights are trained in place
    dataset : "fashion_mnist", "mnist", "cifar10", "faces" (those of ``draw_faces()``), or an
        ImageDataset
    epochs : whole number, at least 1; by default as in the book, 50 for most runs and for a model
    seed : whole number, from 0 to 2³² − 1; decides initial weights (of a run), order of images, noise
    batch_size, learning_rate : of Adam; published 100 and 1e-4; 1e-3 for the runs that are called fast
    train_images : use only the first so many training images (a quick look), at least 15; all by
        default
    out : folder, by default runs/<run>-<dataset>-seed<seed>
    strategy : None; "mirrored": on all GPUs of this machine; "multi-worker": on all machines that
        ``TF_CONFIG`` names, where ``out`` is a folder that all of them see. Each device has its share of
        every batch. It changes the result by rounding only, so it is no part of the record's settings,
        and a training may go on with another number of devices. For a run; a model of your own is
        built in ``distributed.scope``.

    Returns
    -------
    The record, a dict; it also stands in ``out`` as JSON (None on the machines that do not write). The
    global seed is set, and TensorFlow's deterministic operations stay switched on for the rest of the
    process.

    Raises
    ------
    ValueError
        A setting out of its range, or ``out`` holds a training with other settings, more epochs, or
        damage.
    DataError
        The data cannot be had, see ``load_images``.
    OSError
        ``out`` cannot be written.
    ConnectionError
        Another machine has ended.
    FloatingPointError
        The loss became NaN or infinite.
    """
    scope = distributed.scope(strategy)  # first: machines meet before anything is computed
    own = isinstance(run, Autoencoder)
    usual = RUNS.get(run, Run(None))
    epochs = usual.epochs if epochs is None else epochs
    learning_rate = usual.learning_rate if learning_rate is None else learning_rate
    epochs = check_number(epochs, "epochs", low=1, whole=True)
    batch_size = check_number(batch_size, "batch_size", low=1, whole=True)
    seed = check_number(seed, "seed", low=0, high=2**32 - 1, whole=True)
    learning_rate = check_number(learning_rate, "learning_rate", low=1e-8)
    if train_images is not None:  # as many as the measures' 15 nearest neighbours need
        train_images = check_number(train_images, "train_images", low=15, whole=True)
    if not isinstance(data := dataset, ImageDataset):
        data = draw_faces().data if dataset == "faces" else load_images(dataset)
    if keras.config.max_epochs() or keras.config.max_steps_per_epoch():
        raise ValueError("KERAS_MAX_EPOCHS or KERAS_MAX_STEPS_PER_EPOCH would cut it short")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()

    with scope:
        model = run if own else build(run, data.image_shape)
        # Ten steps in each call: the same weights, bit for bit, and less Python in between. On several
        # replicas Keras (3.13, 3.15) ends such a call with an error.
        steps = 1 if strategy else 10
        model.compile(keras.optimizers.Adam(learning_rate), steps_per_execution=steps)
    settings = {
        "run": type(model).__name__ if own else run, "dataset": getattr(dataset, "name", dataset),
        "seed": seed, "batch_size": batch_size, "learning_rate": learning_rate,
        "train_images": train_images,
    }  # fmt: skip
    if isinstance(dataset, ImageDataset) or dataset == "faces":
        check_images(data.test_images, "test_images", model.image_shape)
        settings["data_sha256"] = digest_of_images(data.train_images)
    data = first_images(data, train_images)
    name = "{run}-{dataset}-seed{seed}".format(**settings)
    state = TrainingState(model, settings, Path(out or f"runs/{name}"))
    done, devices = len(state.history), model.distribute_strategy
    with distributed.saying_who_is_lost(devices):
        distributed.check_agreement(devices, done, f"the epochs in {state.out}")
        if done > epochs:
            raise ValueError(f"{state.out} holds {done} epochs already, more than {epochs}")
        if not done and state.writes:
            look(state, data, 0, measured=False)
        progress = tqdm(range(done, epochs), desc=name, unit="epoch", disable=not state.writes,
                        initial=done, total=epochs)  # fmt: skip
        for epoch in progress:
            start = time.perf_counter()
            batches = to_batches(data.train_images, batch_size, seed=seed, epoch=epoch)
            fit = model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, verbose=0)
            terms = {name: values[0] for name, values in fit.history.items()}
            seconds = time.perf_counter() - start
            progress.set_postfix(loss=f"{terms['loss']:.4g}")
            if epoch + 1 in SNAPSHOT_EPOCHS and state.writes:
                look(state, data, epoch + 1, epoch + 1 in MEASURED_EPOCHS)
            state.save({"epoch": epoch + 1, **terms, "seconds": round(seconds, 2)})
    return write_results(state, data) if state.writes else None


def first_images(data, n):
    """A data set with the first n training images only; with all of them, if n is None."""
    images, labels = data.train_images, data.train_labels
    streamed = isinstance(images, StreamedImages)
    images = images.first(n) if streamed else tf.constant(images[:n])
    return data._replace(train_images=images, train_labels=None if labels is None else labels[:n])


def train_on_folder(run, folder, reading, making, *, out=None, **settings):
    """Train a run's model on somebody's pictures; ``explore`` reads what is left beside the record."""
    if "kernel" in making and not run.startswith("mmd_vae"):
        raise ValueError(f"{run} has no kernel to choose; the MMD-VAEs have one")
    usual = {"epochs": RUNS[run].epochs, "learning_rate": RUNS[run].learning_rate}
    settings = {"seed": 0, **usual, **settings}
    scope = distributed.scope(settings.get("strategy"))
    data = load_folder(folder, **reading)
    keras.utils.set_random_seed(settings["seed"])
    with scope:
        model = RUNS[run].make(image_shape=data.image_shape, **making)
    out = Path(out or f"runs/{run}-{data.name}-seed{settings['seed']}")
    if (record := train(model, data, out=out, **settings)) is None:
        return
    with written_whole(out / FOLDER) as part:
        part.write_text(json.dumps({"path": str(Path(folder).resolve()), **reading}) + "\n")
    test = record["test"][str(record["epochs"])]
    print(
        f"{out}: {len(data.train_images)} pictures, {record['epochs']} epochs; squared error of a "
        f"reconstruction {test['squared_error']:.4f}.\n"
        f"See it:   python -m vae_helpers.explore {shlex.quote(str(out))} --open\n"
        f"Go on:    the same command with --epochs {2 * record['epochs']}"
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.train",
        description="Train one run of the book; started again, it goes on where it was.",
        argument_default=argparse.SUPPRESS,  # what is not given is left to train and load_folder
    )
    add = parser.add_argument
    add("run", choices=RUNS)
    add("dataset", help=(known := f"{', '.join(DATASETS)}, or a folder of pictures of your own"))
    add("--epochs", type=int, help="default: as in the book, 50 for most runs")
    add("--seed", type=int, help="default: 0")
    add("--batch-size", type=int, help="default: 100")
    add("--learning-rate", type=float, help="default: 1e-4 for most runs")
    add("--train-images", type=int, help="only the first so many, for a quick look")
    add("--out", help="folder (default: runs/RUN-DATASET-seedSEED)")
    several = "mirrored: all GPUs of this machine; multi-worker: all machines in TF_CONFIG"
    add("--strategy", choices=distributed.STRATEGIES, help=several)
    add = parser.add_argument_group("for a folder of pictures").add_argument
    add("--size", dest="image_size", type=int, help="their height and width (64)")
    add("--grey", action="store_true")
    add("--square", choices=("crop", "pad"), help="crop to the middle (default), or pad")
    add("--memory", type=float, help="GB; more is read from a file as needed (4)")
    add("--latent-dim", type=int, help="default: as the run has it")
    add("--kernel", choices=("published", "imq"), help="of an MMD-VAE's MMD")
    given = vars(parser.parse_args(arguments))
    run, dataset = given.pop("run"), given.pop("dataset")
    making = {name: given.pop(name) for name in ("latent_dim", "kernel") if name in given}
    reading = ("image_size", "grey", "square", "memory")
    reading = {name: given.pop(name) for name in reading if name in given}
    try:
        if dataset not in DATASETS:
            if not Path(dataset).exists():
                parser.error(f"no data set and no folder {dataset!r}; {known}")
            train_on_folder(run, dataset, reading, making, **given)
        elif reading or making:
            parser.error(f"{', '.join([*reading, *making])}: only for a folder of pictures")
        else:
            train(run, dataset, **given)
    except (DataError, ValueError, OSError, FloatingPointError, tf.errors.OpError) as error:
        sys.exit(f"train: {' '.join(str(error).split())}")  # HDF5's messages have lines
    except KeyboardInterrupt:
        sys.exit("train: stopped; the same command goes on after the last finished epoch")


if __name__ == "__main__":
    main()

"""Train one run of this book from the command line, and keep what it did.

    python -m vae_helpers.train mmd_vae fashion_mnist

The published settings are the defaults. State is saved after every epoch; started again, a training
that was interrupted goes on with the same weights, noise and batches as if nothing had happened.
"""

import argparse
import json
import sys
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from . import distributed
from .checkpoints import EPOCHS, RUNS, build, digest_of, save_weights
from .checks import check_known, check_number
from .data import DIGESTS, DataError, load_images, to_batches
from .files import sweep, written_whole
from .measures import measure

SNAPSHOT_EPOCHS = (0, 1, 10, 20, 30, 40, 50)
# For these two the decoder is kept as well, so that the latent grid can be drawn over time.
DECODERS_OVER_TIME = {("vae_published", "fashion_mnist"), ("mmd_vae", "fashion_mnist")}
MEASURED_EPOCHS = (1, 10, 50)
CODES_KEPT = 2000
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")


def train(
    run,
    dataset,
    *,
    epochs=None,
    seed=0,
    batch_size=100,
    learning_rate=1e-4,
    train_images=None,
    out=None,
    strategy=None,
):
    """Train ``run`` on ``dataset`` and write weights, snapshots and a record.

    Parameters
    ----------
    run : a name from ``checkpoints.RUNS``
    dataset : "fashion_mnist" or "mnist"
    epochs : whole number, at least 1; by default as in the book, 50 for most runs
    seed : whole number, from 0 to 2³² − 1; decides initial weights, order of images and noise
    batch_size, learning_rate : of Adam; published 100 and 1e-4
    train_images : use only the first so many training images (a quick look), 15 to 60,000; all by
        default
    out : folder, by default runs/<run>-<dataset>-seed<seed>
    strategy : None, or "mirrored": on all GPUs of this machine, each with its share of every batch.
        It changes the result by rounding only, so it is no part of the record's settings, and a
        training may go on with another number of GPUs.

    Returns
    -------
    The record, a dict; it also stands in ``out`` as JSON. The global seed is set, and TensorFlow's
    deterministic operations stay switched on for the rest of the process.

    Raises
    ------
    ValueError  a setting out of its range, or ``out`` holds a training with other settings, more
        epochs, or damage
    DataError   the data cannot be had, see ``load_images``
    OSError     ``out`` cannot be written
    FloatingPointError  the loss became NaN or infinite
    """
    check_known(run, "run", RUNS)
    epochs = check_number(EPOCHS[run] if epochs is None else epochs, "epochs", low=1, whole=True)
    batch_size = check_number(batch_size, "batch_size", low=1, whole=True)
    seed = check_number(seed, "seed", low=0, high=2**32 - 1, whole=True)
    learning_rate = check_number(learning_rate, "learning_rate", low=1e-8)
    if train_images is not None:  # as many as the measures' 15 nearest neighbours need
        train_images = check_number(train_images, "train_images", low=15, high=60_000, whole=True)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()

    with distributed.scope(strategy):
        model = distributed.mirrored(build(run))
        # Ten steps in each call: the same weights, bit for bit, and less Python in between. On several
        # replicas Keras (3.13, 3.15) ends such a call with an error.
        steps = 1 if strategy else 10
        model.compile(keras.optimizers.Adam(learning_rate), steps_per_execution=steps)
    settings = {
        "run": run, "dataset": dataset, "seed": seed, "batch_size": batch_size,
        "learning_rate": learning_rate, "train_images": train_images,
    }  # fmt: skip
    out = Path(out or f"runs/{run}-{dataset}-seed{seed}")
    data = load_images(dataset)
    data = data._replace(
        train_images=data.train_images[:train_images], train_labels=data.train_labels[:train_images]
    )
    images = tf.constant(data.train_images)
    state = TrainingState(model, settings, out / "state")
    if len(state.history) > epochs:
        raise ValueError(f"{out} holds {len(state.history)} epochs already, more than {epochs}")

    state.check_snapshots(out)
    sweep(out)
    sweep(out / "state", pattern="ckpt-*_temp")  # TensorFlow's own
    if not state.history:
        state.keep_snapshot(out / snapshot_name(0))
    progress = tqdm(range(len(state.history), epochs), desc=f"{run} {dataset}", unit="epoch",
                    initial=len(state.history), total=epochs)  # fmt: skip
    for epoch in progress:
        start = time.perf_counter()
        batches = to_batches(images, batch_size, seed=seed, epoch=epoch)
        fit = model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, verbose=0)
        terms = {name: values[0] for name, values in fit.history.items()}
        seconds = time.perf_counter() - start
        progress.set_postfix(loss=f"{terms['loss']:.4g}")
        if epoch + 1 in SNAPSHOT_EPOCHS or epoch + 1 == epochs:
            state.keep_snapshot(out / snapshot_name(epoch + 1))
        state.save({"epoch": epoch + 1, **terms, "seconds": round(seconds, 2)})

    return write_results(out, data, settings, state.history, state.versions)


@contextmanager
def refusing_damage(folder):
    """One error for all that TensorFlow raises over files that are not as it wrote them."""
    try:
        yield
    except (tf.errors.OpError, AssertionError, LookupError, TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"{folder} is damaged: a file in it was altered, cut short, swapped or removed ({reason}). "
            "Put it back, or delete the folder to start anew."
        ) from error


class TrainingState:
    """All that a training needs to go on: weights, optimizer, noise generator, epochs so far.

    All are saved together, in one ``tf.train.Checkpoint``: the newest complete one counts, so a kill
    at any moment loses at most the epoch that was running. The snapshots of weights are files of their
    own; their digests are saved here. ``versions`` are those of the packages that trained the last
    epoch.

    Raises
    ------
    ValueError  the folder holds the state of a training with other settings, or a damaged one
    """

    def __init__(self, model, settings, folder):
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)  # restore needs its variables to exist
        self.progress = tf.Variable("", dtype=tf.string)
        self.model, self.folder = model, Path(folder)
        self.settings, self.history, self.snapshots = settings, [], {}
        self.versions = _versions_here()
        self.arguments = _arguments(model)
        checkpoint = tf.train.Checkpoint(
            model=model,
            # Keras does not hand its seed generators to TensorFlow's checkpoints.
            noise=model.seed_generator.state.value,
            progress=self.progress,
        )
        with refusing_damage(folder):
            self.manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)
            latest, saved = self._newest()
        if latest:
            # The settings first: another model's weights would not fit, and say so less clearly.
            self._check_settings(saved["settings"], saved.get("arguments", self.arguments), folder)
            with refusing_damage(folder):
                checkpoint.restore(latest).assert_consumed()
            self.history, self.snapshots = saved["history"], saved.get("snapshots", {})
            self.versions = saved.get("versions", self.versions)

    def _newest(self):
        """Where the newest checkpoint is and what it says of itself; two times None if there is none."""
        latest = self.manager.latest_checkpoint
        if latest:
            reader = tf.train.load_checkpoint(latest)
            return latest, json.loads(reader.get_tensor("progress/.ATTRIBUTES/VARIABLE_VALUE"))
        # The first save writes ckpt-1, and only then the list of checkpoints.
        there = {path.name for path in self.folder.glob("ckpt-*.index")} - {"ckpt-1.index"}
        if there or (self.folder / "checkpoint").exists():
            raise ValueError("the list of checkpoints is missing, or cannot be read")
        return None, None

    def keep_snapshot(self, path):
        save_weights(self.model, path)
        self.snapshots[path.name] = digest_of(path)

    def check_snapshots(self, folder):
        """Refuse snapshots that are not as they were kept: HDF5 would read altered numbers."""
        for name, digest in self.snapshots.items():
            path = folder / name
            if not path.exists() or digest_of(path) != digest:
                raise ValueError(
                    f"{path} is not what this training wrote: it was altered, cut short, swapped or "
                    f"removed. Put it back, or delete {folder} to start anew."
                )

    def save(self, row):
        self.history.append(row)
        self.versions = _versions_here()
        progress = {
            "settings": self.settings, "history": self.history, "snapshots": self.snapshots,
            "versions": self.versions, "arguments": self.arguments,
        }  # fmt: skip
        self.progress.assign(json.dumps(progress))
        try:
            self.manager.save(checkpoint_number=len(self.history))
        except tf.errors.OpError as error:
            raise OSError(f"{self.folder} cannot be written: {error.message}") from error

    def _check_settings(self, saved, arguments, folder):
        # What a run's name stands for can have been changed since.
        saved, asked = {**saved, **arguments}, {**self.settings, **self.arguments}
        other = [
            f"{k} {saved.get(k)!r} (asked: {asked.get(k)!r})"
            for k in {**asked, **saved}
            if saved.get(k) != asked.get(k)
        ]
        if other:
            raise ValueError(
                f"{folder} holds a training with other settings: {', '.join(other)}. "
                "Choose another --out, or delete it to start anew."
            )


def _arguments(model):
    """What its class was called with, without what Keras adds."""
    added = {"name", "trainable", "dtype"}
    return {name: value for name, value in model.get_config().items() if name not in added}


def _versions_here():
    return {package: version(package) for package in PACKAGES}


def snapshot_name(epoch):
    return f"epoch-{epoch:03d}.weights.h5"


def write_results(out, data, settings, history, versions):
    """From a finished training's snapshots, make what can be shipped: weights, arrays, record."""
    name = f"{settings['run']}-{settings['dataset']}"
    epochs = [e for e in sorted({*SNAPSHOT_EPOCHS, len(history)}) if e <= len(history)]
    model = build(settings["run"])
    codes, decoders, measured = [], [], {}
    for epoch in epochs:
        model.load_weights(out / snapshot_name(epoch))
        codes.append(model.encode(data.test_images[:CODES_KEPT]).astype("float16"))
        decoders.append([w.astype("float16") for w in model.decoder.get_weights()])
        if epoch in MEASURED_EPOCHS or epoch == len(history):
            measured[str(epoch)] = {**test_terms(model, data, settings), **measure(model, data)}

    arrays = {"epochs": np.array(epochs), "codes": np.stack(codes)}
    if (settings["run"], settings["dataset"]) in DECODERS_OVER_TIME:
        arrays |= {f"decoder_{i}": np.stack(w) for i, w in enumerate(zip(*decoders, strict=True))}
    record = {
        "settings": settings,
        "epochs": len(history),
        "versions": versions,
        "data_sha256": DIGESTS[settings["dataset"]],
        "history": history,
        "test": measured,
    }
    save_weights(model, out / f"{name}.weights.h5")
    with written_whole(out / f"{name}.npz") as part:
        np.savez_compressed(part, **arrays)
    with written_whole(out / f"{name}.json") as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    return record


def test_terms(model, data, settings):
    """Loss terms on the 10,000 test images, with noise that is the same in each call."""
    keras.utils.set_random_seed(settings["seed"])
    fresh = build(settings["run"])
    fresh.set_weights(model.get_weights())
    fresh.compile()
    batches = to_batches(data.test_images, settings["batch_size"])
    return fresh.evaluate(batches, return_dict=True, verbose=0)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.train",
        description="Train one run of the book; started again, it goes on where it was.",
    )
    parser.add_argument("run", choices=RUNS)
    parser.add_argument("dataset", choices=DIGESTS)
    parser.add_argument("--epochs", type=int, help="default: as in the book, 50 for most runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--train-images", type=int, help="only the first so many, for a quick look")
    parser.add_argument("--out", help="folder (default: runs/RUN-DATASET-seedSEED)")
    parser.add_argument(
        "--strategy",
        choices=distributed.STRATEGIES,
        help="mirrored: all GPUs of this machine, each with its share of every batch",
    )
    settings = vars(parser.parse_args(arguments))
    try:
        train(**settings)
    except (DataError, ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"train: {' '.join(str(error).split())}")  # HDF5's messages have lines
    except KeyboardInterrupt:
        sys.exit("train: stopped; the same command goes on after the last finished epoch")


if __name__ == "__main__":
    main()

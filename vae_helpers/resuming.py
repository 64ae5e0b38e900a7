"""What a training needs to go on after an interruption, as if nothing had happened."""

import json
import re
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf

from .checkpoints import digest_of, save_weights
from .distributed import writes_results

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")


@contextmanager
def refusing_damage(folder):
    """One error for all that TensorFlow raises over files that are not as it wrote them.

    None of the reasons is so certain that deleting could be advised.
    """
    try:
        yield
    except (tf.errors.PermissionDeniedError, tf.errors.ResourceExhaustedError) as error:
        raise OSError(f"{folder} cannot be read: {error.message}") from error
    except (tf.errors.OpError, AssertionError, LookupError, TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"{folder} is damaged: a file in it was altered, cut short, swapped or removed ({reason}). "
            "Put it back, or choose another --out to start anew."
        ) from error


def plain_path(folder, owner):
    """A path of the folder without the signs that TensorFlow takes for a pattern's: a link, if need be."""
    if not re.search(r"[][*?\\]", str(folder.absolute())):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    link = _temporary(owner) / "state"
    link.symlink_to(folder.absolute(), target_is_directory=True)
    return link


def _temporary(owner):
    """A folder that lives as long as its owner."""
    place = Path(tempfile.mkdtemp(prefix="vae_helpers-"))
    weakref.finalize(owner, shutil.rmtree, place, ignore_errors=True)
    return place


class TrainingState:
    """All that a training needs to go on: weights, optimizer, noise generator, epochs so far.

    All are saved together, in one ``tf.train.Checkpoint``: the newest complete one counts, so a kill
    at any moment loses at most the epoch that was running. The snapshots of weights are files of their
    own; their digests are saved here. ``versions`` are those of the packages that trained the last
    epoch.

    Raises
    ------
    ValueError
        The folder holds the state of a training with other settings, or a damaged one.
    """

    def __init__(self, model, settings, folder):
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
            self.plain = plain_path(self.folder, self)
            # On several machines all must take part in saving, and one of them writes.
            mine = self.plain if writes_results(model) else _temporary(self)
            self.manager = tf.train.CheckpointManager(checkpoint, str(mine), max_to_keep=2)
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
        latest = tf.train.latest_checkpoint(self.plain)
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
                    "removed. Put it back, or choose another --out to start anew."
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
                "Choose another --out."
            )


def _arguments(model):
    """What its class was called with, as JSON gives it back, without what Keras adds.

    Networks of a reader's own are left out, since Keras numbers their layers anew in each process.
    """
    added = {"name", "trainable", "dtype", "encoder", "decoder"}
    own = {name: value for name, value in model.get_config().items() if name not in added}
    return json.loads(json.dumps(own))


def _versions_here():
    return {package: version(package) for package in PACKAGES}

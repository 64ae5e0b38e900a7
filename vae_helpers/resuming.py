"""What a training needs to go on after an interruption, as if nothing had happened."""

import io
import json
from importlib.metadata import version

import keras
import numpy as np

from .checkpoints import digest_of, save_weights
from .distributed import writes_results
from .files import sweep, written_whole

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")


def snapshot_name(epoch):
    return f"epoch-{epoch:03d}.weights.h5"


class TrainingState:
    """All that a training needs to go on: weights, optimizer, noise generators, epochs so far.

    All are in one file, ``state.npz``, which is written whole or not at all: a kill at any moment loses
    at most the epoch that was running. The snapshots of weights are files of their own; their digests
    are kept in it. ``versions`` are those of the packages that trained the last epoch.

    Raises
    ------
    ValueError
        The folder holds a training with other settings, or a file in it is not as it was written.
    """

    def __init__(self, model, settings, out):
        self.model, self.settings, self.out, self.file = model, settings, out, out / "state.npz"
        self.writes = writes_results(model)
        self.history, self.snapshots, self.versions = [], {}, {}
        # What a run's name stands for can have been changed since.
        self.asked = {**settings, **_arguments(model)}
        if self.file.exists():
            self._go_on()
        elif any(path.name > snapshot_name(1) for path in out.glob("epoch-*.weights.h5")):
            raise ValueError(_spoilt(self.file))  # of the first epoch there may be no state yet
        for name, digest in self.snapshots.items():
            # HDF5 would read altered numbers.
            if not (out / name).exists() or digest_of(out / name) != digest:
                raise ValueError(_spoilt(out / name))
        if self.writes:
            sweep(out)

    def _go_on(self):
        content = self.file.read_bytes()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                values = dict(file)
            saved = json.loads(str(values.pop("progress")))
        except Exception as error:  # whatever a damaged zip makes NumPy raise
            raise ValueError(_spoilt(self.file)) from error
        there, asked = saved["asked"], self.asked
        other = [
            f"{name} {there.get(name)!r} (asked: {asked.get(name)!r})"
            for name in {**asked, **there}
            if there.get(name) != asked.get(name)
        ]
        if other:
            raise ValueError(
                f"{self.out} holds a training with other settings: {', '.join(other)}. "
                "Choose another --out."
            )
        variables = self._variables()
        if [value.shape for value in values.values()] != [tuple(v.shape) for v in variables]:
            raise ValueError(_spoilt(self.file))
        for variable, value in zip(variables, values.values(), strict=True):
            variable.assign(value)
        self.history, self.snapshots = saved["history"], saved["snapshots"]
        self.versions = saved["versions"]

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def keep_snapshot(self, epoch):
        if self.writes:
            path = self.out / snapshot_name(epoch)
            save_weights(self.model, path)
            self.snapshots[path.name] = digest_of(path)

    def save(self, row):
        self.history.append(row)
        self.versions = {package: version(package) for package in PACKAGES}
        if self.writes:
            names = ("asked", "history", "snapshots", "versions")
            progress = json.dumps({name: getattr(self, name) for name in names})
            values = map(keras.ops.convert_to_numpy, self._variables())
            with written_whole(self.file) as part:
                np.savez(part, *values, progress=progress)


def _spoilt(path):
    # Nothing is so certain that deleting could be advised.
    return (
        f"{path} is not what this training wrote: it was altered, cut short, swapped or removed. "
        "Put it back, or choose another --out to start anew."
    )


def _arguments(model):
    """What its class was called with, as JSON gives it back, without what Keras adds.

    Networks of a reader's own are left out, since Keras numbers their layers anew in each process.
    """
    added = {"name", "trainable", "dtype", "encoder", "decoder"}
    own = {name: value for name, value in model.get_config().items() if name not in added}
    return json.loads(json.dumps(own))

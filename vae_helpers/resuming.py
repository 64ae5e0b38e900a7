"""What a training needs to go on after an interruption, as if nothing had happened."""

import io
import json
from importlib.metadata import version

import keras
import numpy as np

from .distributed import writes_results
from .files import sweep, written_whole

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")


class TrainingState:
    """All that a training needs to go on: weights, optimizer, noise generators, epochs so far.

    All are in one file, ``state.npz``, which is written whole or not at all: a kill at any moment loses
    at most the epoch that was running. ``arrays`` and ``test`` are what ``results.look`` has seen so
    far; ``versions`` are those of the packages that trained the last epoch.

    Raises
    ------
    ValueError
        The folder holds a training with other settings, or its state is not as it was written.
    """

    def __init__(self, model, settings, out):
        self.model, self.settings, self.out, self.file = model, settings, out, out / "state.npz"
        self.writes = writes_results(model)
        self.history, self.arrays, self.test, self.versions = [], {}, {}, {}
        # What a run's name stands for can have been changed since.
        self.asked = {**settings, **_arguments(model)}
        if self.file.exists():
            self._go_on()
        elif result_path(out, settings, "json").exists():
            raise ValueError(_spoilt(self.file))
        if self.writes:
            out.mkdir(parents=True, exist_ok=True)  # if it cannot be, said before an epoch
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
        for i, variable in enumerate(self._variables()):
            value = values.pop(f"arr_{i}", None)
            if value is None or value.shape != tuple(variable.shape):
                raise ValueError(_spoilt(self.file))
            variable.assign(value)
        self.history, self.arrays = saved["history"], values
        self.test, self.versions = saved["test"], saved["versions"]

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def save(self, row):
        self.history.append(row)
        self.versions = {package: version(package) for package in PACKAGES}
        if self.writes:
            names = ("asked", "history", "test", "versions")
            progress = json.dumps({name: getattr(self, name) for name in names})
            values = map(keras.ops.convert_to_numpy, self._variables())
            with written_whole(self.file) as part:
                np.savez(part, *values, **self.arrays, progress=progress)


def result_path(out, settings, kind):
    """One of the files that a finished training leaves."""
    return out / "{run}-{dataset}.{kind}".format(**settings, kind=kind)


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

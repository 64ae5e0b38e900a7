"""Trainings in processes that a test can stop and kill, for the tests of going on.

They are forked from a process that has imported everything and done nothing, so that a start takes
seconds; and they train on a small data set.
"""

import json
import multiprocessing
import os
import signal
import sys

import numpy as np

from vae_helpers import data, train

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["vae_helpers.train"])


def rows_saved(out):
    """The history, seconds and all, in a training's state, which may be replaced at any moment."""
    try:
        with np.load(out / "state.npz", allow_pickle=False) as state:
            return json.loads(str(state["progress"]))["history"]
    except FileNotFoundError:
        return []


def train_on(file, log, arguments):
    """What a process does: the training's command, its data set read from ``file``."""
    with open(log, "w") as said:  # noqa: PTH123
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    with np.load(file, allow_pickle=False) as arrays:
        small = data.ImageDataset(
            **arrays, class_names=data.CLASS_NAMES["fashion_mnist"], name="fashion_mnist"
        )
    train.load_images = lambda name: small
    train.main(arguments)
    sys.exit(0)


class Training:
    """One start of a training, as a process."""

    def __init__(self, file, log, *arguments):
        self.log = log
        self.process = PROCESSES.Process(target=train_on, args=(file, log, arguments))
        self.process.start()

    def runs(self):
        return self.process.is_alive()

    def stop(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        """True if the process was killed, False if it had ended by itself."""
        self.process.kill()
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL

    def finish(self):
        self.process.join()
        assert self.process.exitcode == 0, self.log.read_text()

"""Real pictures: do differences between cost functions grow on them? Rows, verdicts, and trainings.

    python -m vae_study.real_pictures                train what is missing, going on where it was
    python -m vae_study.real_pictures --list         say what is there and what is missing

One thread and one training at a time, in the order of their worth: if time runs out, the end of the
list is what is missing.
"""

import argparse
import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import stats

from .records import CONFIDENCE, RECORDS
from .samples import by_seed
from .weights import WEIGHTS, keep

ROWS = RECORDS / "real_pictures.csv"
TWO = ("vae_published", "vae", "mmd_vae")
DRAWN = ("fid", "precision", "coverage")  # measures of samples; the others are of codes
MANY = ("vae_{}d", "mmd_vae_{}d", "mmd_vae_imq_{}d")


def _at(d, data, seed):
    return [(run.format(d), data, seed) for run in MANY]


def _seed(seed):
    return [
        *[(run, "cifar10", seed) for run in TWO],
        *_at(32, "cifar10", seed),
        *_at(32, "fashion_mnist", seed),
    ]


# The verdict needs intervals, so two seeds at least; d = 64 shows most, d = 8 least.
QUEUE = [*_seed(0), *_seed(1), *_at(64, "cifar10", 0), *_seed(2), *_at(8, "cifar10", 0)]


def read_rows(path=ROWS):
    """The rows of ``real_pictures.csv``, a list of dicts; ``threshold`` is a float."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [{**row, "threshold": float(row["threshold"])} for row in csv.DictReader(file)]


def numbers(models, run, data, measure):
    """One measure of one run, seed by seed: {seed: number}, from ``samples.read_samples()["models"]``."""
    return {
        seed: (of["samples"]["learnt"] if measure in DRAWN else of["codes"])[measure]
        for seed, of in by_seed(models, run, data).items()
    }


def gaps(models, row, data):
    """How far the VAE is above the MMD-VAE on a data set: [n], seed by seed, in the row's scale.

    "difference" is the difference of the two, for what has the same range everywhere: shares, and
    distances to the one prior. "log ratio" is log(VAE / MMD-VAE), for what is measured in units of the
    data set: squared grey values, or features of a classifier of its own.
    """
    first, second = (numbers(models, row[run], data, row["measure"]) for run in ("vae", "mmd_vae"))
    pairs = [(first[seed], second[seed]) for seed in first if seed in second]
    if row["scale"] == "log ratio":
        return np.array([math.log(a / b) for a, b in pairs])
    return np.array([a - b for a, b in pairs])


def growth(row, models):
    """How much larger the gap is on ``data`` than on ``than``, whichever model is ahead.

    |mean gap on data| − |mean gap on than|, with Welch's 95 % t-interval.

    Returns
    -------
    number, interval : float and (low, high), or None and None where either has fewer than two seeds
    verdict : "holds" if the whole interval is above the row's threshold, "does not hold" if none of it
        is, "open" if it lies on both sides; "not tested" without an interval
    """
    both = [gaps(models, row, row[name]) for name in ("data", "than")]
    if min(map(len, both)) < 2:
        return None, None, "not tested"
    here, there = (np.sign(gap.mean()) * gap for gap in both)
    test = stats.ttest_ind(here, there, equal_var=False)
    number = float(here.mean() - there.mean())
    if np.ptp(here) == 0 and np.ptp(there) == 0:
        low = high = number
    else:
        low, high = map(float, test.confidence_interval(CONFIDENCE))
    threshold = row["threshold"]
    verdict = "holds" if low > threshold else "does not hold" if high <= threshold else "open"
    return number, (low, high), verdict


def finished(run, data, seed):
    """Whether the record of a training of the queue is kept (not of all of them the weights are)."""
    return (WEIGHTS / f"{run}-{data}-seed{seed}.json").exists()


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_study.real_pictures",
        description="Train what the chapter on real pictures compares; started again, it goes on.",
    )
    parser.add_argument("--list", action="store_true", help="say what is there and what is missing")
    parser.add_argument("--at-most", type=int, default=len(QUEUE), help="so many trainings now")
    asked = parser.parse_args(arguments)
    if asked.list:
        for training in QUEUE:
            print("done   " if finished(*training) else "missing", *training)
        return
    missing = [training for training in QUEUE if not finished(*training)][: asked.at_most]
    # One thread each, so that the machine stays of use, and a long queue disturbs nobody.
    threads = {"OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"}
    environment = {**os.environ, **dict.fromkeys(threads, "1")}
    try:
        for number, (run, data, seed) in enumerate(missing, 1):
            print(f"{number} of {len(missing)}: {run} {data} seed {seed}", flush=True)
            command = [sys.executable, "-m", "vae_helpers.train", run, data, "--seed", str(seed)]
            subprocess.run(command, check=True, env=environment)
            keep(f"runs/{run}-{data}-seed{seed}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"real_pictures: a training ended with status {error.returncode}; see above")
    except KeyboardInterrupt:
        sys.exit("real_pictures: stopped; the same command goes on after the last finished epoch")


if __name__ == "__main__":
    main()

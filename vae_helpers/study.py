"""The trainings behind the chapters on claims and on the family: their queue, what they say together.

    python -m vae_helpers.study                                   all of them, going on where it was
    python -m vae_helpers.study --run vae --dataset mnist --seed 1          one of them

How long a training takes is on the book's page Running the book. Records are written to
``vae_helpers/records``, one a training, as soon as it is measured. What has a record is passed
over, unless it is asked for alone.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import stats
from tqdm import tqdm

from .checkpoints import RUNS, SWEEP, build, restore, shipped_file
from .checks import check_array, check_known, check_number, check_parts
from .data import DIGESTS, DataError, load_images
from .files import written_whole
from .measures import measure_all
from .recognition import controls, load_classifier

RECORDS = Path(__file__).parent / "records"
CONFIDENCE = 0.95
VERDICTS = ("holds", "does not hold", "open", "not tested")

# In the order in which they are trained: if time runs out, the end of the list is what is missing.
STUDY = [
    *[
        (run, "fashion_mnist", seed)
        for seed in range(5)
        for run in ("vae_published", "vae", "mmd_vae")
    ],
    *[(run, "mnist", seed) for seed in range(3) for run in ("vae_published", "vae", "mmd_vae")],
    *[("autoencoder", "fashion_mnist", seed) for seed in range(3)],
    *[
        (run, "fashion_mnist", seed)
        for seed in range(3)
        for run in ("mmd_vae_stochastic", "mmd_vae_bernoulli")
    ],
]

# One training each, for the chapters on the family; the sweep over β is not measured further.
FAMILY = [
    (run, "fashion_mnist", 0)
    for run in (
        "vae_vamp_prior", "vae_continuous_bernoulli", "vae_gaussian", *SWEEP, "vae_capacity",
        "vae_8d", "mmd_vae_8d",
    )
]  # fmt: skip


# ---- making the records --------------------------------------------------------------------------


def make_record(run, dataset, seed, anew=False):
    """Train one run of the study, or go on with it, measure it and write its record.

    Seed 0 is not trained again where it is shipped: the shipped weights are measured. What has a
    record is left as it is, unless it is to be made ``anew``.

    Returns
    -------
    The record, a dict: what ``train`` writes, under "study" the values of ``measure_all``, and under
    "classifier" how far the classifier behind some of them can be trusted. The trainings of the sweep
    over β have only the first.
    """
    path = record_path(run, dataset, seed)
    if path.exists() and not anew:
        return _read_record(path)
    try:
        if seed != 0:
            raise FileNotFoundError
        shipped_file(run, dataset, "json")
    except FileNotFoundError:
        model, record = _train(run, dataset, seed)
    else:
        model, record = restore(run, dataset)

    if run not in SWEEP:
        data = load_images(dataset)
        classifier = load_classifier(data)
        record["study"] = measure_all(model, data, classifier, seed=seed)
        record["classifier"] = {
            "test_accuracy": classifier.test_accuracy,
            **controls(classifier, data),
        }
    with written_whole(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    return record


def _train(run, dataset, seed):
    """Train in a process of its own, which gives its memory back."""
    out = Path(f"runs/{run}-{dataset}-seed{seed}")
    command = [sys.executable, "-m", "vae_helpers.train", run, dataset, "--seed", str(seed)]
    subprocess.run([*command, "--out", str(out)], check=True)
    model = build(run)
    model.load_weights(out / f"{run}-{dataset}.weights.h5")
    return model, json.loads((out / f"{run}-{dataset}.json").read_text())


def record_path(run, dataset, seed):
    """Where the record of one training of the study is kept."""
    check_known(run, "run", RUNS)
    check_known(dataset, "data set", DIGESTS)
    seed = check_number(seed, "seed", low=0, high=2**32 - 1, whole=True)
    return RECORDS / f"{run}-{dataset}-seed{seed}.json"


def read_records(folder=RECORDS):
    """All records that there are: {(run, dataset): {seed: record}}."""
    records = {}
    for path in sorted(Path(folder).glob("*-seed*.json")):
        record = _read_record(path)
        settings = record["settings"]
        found = records.setdefault((settings["run"], settings["dataset"]), {})
        found[settings["seed"]] = record
    return records


def _read_record(path):
    """A record, if it is whole and of the training that its name says."""
    try:
        record = json.loads(path.read_text())
        name = "{run}-{dataset}-seed{seed:d}".format(**record["settings"])
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} is no record: it was altered or cut short ({error!r}). Delete it, and the study "
            "makes it again"
        ) from error
    if name != path.stem:
        raise ValueError(f"{path} is the record of {name}: it was swapped or renamed. Delete it")
    return record


# ---- reading them together -----------------------------------------------------------------------


def values(records, run, dataset, measure):
    """One measure of one run, seed by seed: {seed: number}; empty if the run has no such measure."""
    check_parts(records, "records", "what read_records returns", "get")
    found = sorted(records.get((run, dataset), {}).items())
    return {
        s: record["study"][measure] for s, record in found if measure in record.get("study", {})
    }


def differences(records, run, minus, dataset, measure):
    """``run`` minus ``minus``, paired by seed: {seed: number}, for the seeds that both have.

    Runs of one seed share the order of the images, and the draws that a measure is taken on.
    """
    first, second = (values(records, name, dataset, measure) for name in (run, minus))
    return {seed: first[seed] - second[seed] for seed in first if seed in second}


def t_interval(numbers):
    """The 95 % t-interval of the mean: (low, high); ``None`` for fewer than two numbers.

    mean ± t · s / √n, t the quantile of Student's distribution with n − 1 degrees of freedom.
    """
    check_parts(numbers, "numbers", "a list of numbers", "__iter__")
    numbers = list(numbers)
    if numbers:
        numbers = check_array(numbers, "numbers", ("n",)).astype("float64")
    if len(numbers) < 2:
        return None
    error = stats.sem(numbers)
    # No spread, or one whose square underflows: an interval of no width, for which SciPy has NaN.
    if np.ptp(numbers) == 0 or error == 0:
        return float(numbers[0]), float(numbers[0])
    low, high = stats.t.interval(CONFIDENCE, len(numbers) - 1, loc=numbers.mean(), scale=error)
    return float(low), float(high)


def read_claims(path=RECORDS / "claims.csv"):
    """The rows of ``claims.csv``: a list of dicts; ``threshold`` a float, or None."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            {**row, "threshold": float(row["threshold"]) if row["threshold"] else None}
            for row in rows
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} must have a column threshold of numbers: {error!r}") from error


def judge(row, records):
    """Hold one row of the table of claims against the records.

    Returns
    -------
    numbers : {seed: number}, the measure or the difference
    interval : (low, high), or None
    verdict : "holds", if the whole interval lies where the row expects it; "does not hold", if the
        whole interval lies elsewhere; "open", if it lies on both sides; "not tested"
    """
    check_parts(row, "row", "a row of claims.csv, a dict", "keys")
    if missing := {"data", "measure", "run", "minus", "expected", "threshold"} - row.keys():
        raise ValueError(f"row must be one of claims.csv; it has no {', '.join(sorted(missing))}")
    if not row["measure"]:
        return {}, None, "not tested"
    if row["expected"] not in ("above", "below", "within"):
        raise ValueError(f"row must expect above, below or within, not {row['expected']!r}")
    check_number(row["threshold"], "the threshold of row")
    if row["minus"]:
        numbers = differences(records, row["run"], row["minus"], row["data"], row["measure"])
    else:
        numbers = values(records, row["run"], row["data"], row["measure"])
    interval = t_interval(numbers.values())
    if interval is None:
        return numbers, None, "not tested"
    (low, high), threshold = interval, row["threshold"]
    inside, outside = {
        "above": (low > threshold, high <= threshold),
        "below": (high < threshold, low >= threshold),
        "within": (-threshold < low and high < threshold, low >= threshold or high <= -threshold),
    }[row["expected"]]
    return numbers, interval, "holds" if inside else "does not hold" if outside else "open"


def verdict(verdicts):
    """One word for a claim from the verdicts of its rows.

    What all of them say; "depends" if some hold and others do not; otherwise "open".
    """
    verdicts = list(verdicts)
    if not verdicts or any(one not in VERDICTS for one in verdicts):
        raise ValueError(f"verdicts must be some of {', '.join(VERDICTS)}, not {verdicts}")
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    return "depends" if {"holds", "does not hold"} <= kinds else "open"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.study",
        description="Make the records of the study; started again, it goes on where it was.",
    )
    parser.add_argument("--run", choices=RUNS)
    parser.add_argument("--dataset", choices=DIGESTS)
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args(arguments)
    one = (asked.run, asked.dataset, asked.seed)
    if any(part is not None for part in one) and None in one:
        parser.error("--run, --dataset and --seed go together; leave out all three for the study")
    if asked.seed is not None and asked.seed < 0:
        parser.error(f"--seed must be a whole number of at least 0, not {asked.seed}")
    alone = one != (None, None, None)
    try:
        queue = [one] if alone else [*STUDY, *FAMILY]
        for run, dataset, seed in (progress := tqdm(queue, unit="training")):
            progress.set_postfix_str(f"{run} {dataset} seed {seed}")
            make_record(run, dataset, seed, anew=alone)
    except subprocess.CalledProcessError as error:
        sys.exit(f"study: a training ended with status {error.returncode}; see above")
    except (DataError, ValueError, OSError) as error:
        sys.exit(f"study: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("study: stopped; the same command goes on after the last finished epoch")


if __name__ == "__main__":
    main()

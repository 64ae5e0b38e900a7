"""The study's records: one JSON file a training, and what they say together."""

import json
from pathlib import Path

import numpy as np
from scipy import stats

from vae_helpers.checkpoints import RUNS
from vae_helpers.checks import check_known, check_number
from vae_helpers.data import DIGESTS

RECORDS = Path(__file__).parent / "records"
CONFIDENCE = 0.95


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
        record = read_record(path)
        settings = record["settings"]
        found = records.setdefault((settings["run"], settings["dataset"]), {})
        found[settings["seed"]] = record
    return records


def rounded_json(values):
    """JSON of nested dicts and lists, floats with six digits, which is more than draws allow."""
    short = json.loads(json.dumps(values), parse_float=lambda text: float(f"{float(text):.6g}"))
    return json.dumps(short, indent=1) + "\n"


def read_record(path):
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


def values(records, run, dataset, measure):
    """One measure of one run, seed by seed: {seed: number}; empty if the run has no such measure."""
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
    numbers = np.asarray(list(numbers), "float64")
    if len(numbers) < 2:
        return None
    error = stats.sem(numbers)
    # No spread, or one whose square underflows: an interval of no width, for which SciPy has NaN.
    if np.ptp(numbers) == 0 or error == 0:
        return float(numbers[0]), float(numbers[0])
    low, high = stats.t.interval(CONFIDENCE, len(numbers) - 1, loc=numbers.mean(), scale=error)
    return float(low), float(high)

"""The trainings behind the chapters on claims and on the family: their queue.

    python -m vae_study                                                  all of them, going on where it was
    python -m vae_study --run vae --dataset mnist --seed 1               one of them, also again
    python -m vae_study --scheduler [ADDRESS]                            many at once, by Dask

How long a training takes is on the book's page Running the book. Records are written to
``vae_study/records``, one a training, as soon as it is measured. What has a record is passed
over, unless it is asked for alone.

A scheduler of ``dask.distributed`` (without an address one for this machine) hands the trainings to its
workers, on one machine or many. They share nothing, so a worker that is lost costs its one training:
another one goes on with it after its last epoch, if both see the same folder ``runs``, and else begins
it again.
"""

import argparse
import json
import subprocess
import sys

from tqdm import tqdm

from vae_helpers.checkpoints import RUNS, SWEEP
from vae_helpers.data import DIGESTS, DataError, load_images
from vae_helpers.files import written_whole

from .all_measures import study_measures
from .recognition import controls, load_classifier
from .records import read_record, record_path
from .weights import keep, restore_training

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

# One setting changed, or one more number in the code: what the chapters' single trainings hang on.
VARIATIONS = [
    *[
        (run, "fashion_mnist", seed)
        for seed in range(3)
        for run in ("vae_published_fast", "vae_fast")
    ],
    *[(run, "fashion_mnist", seed) for seed in (1, 2) for run in ("vae_8d", "mmd_vae_8d")],
    *[("mmd_vae_imq_8d", "fashion_mnist", seed) for seed in range(3)],
    *[
        (run, "fashion_mnist", 0)
        for run in ("mmd_vae_bernoulli_weak", "mmd_vae_bernoulli_strong", "mmd_vae_imq")
    ],
]


def make_record(run, dataset, seed, anew=False):
    """Train one run of the study, or go on with it, measure it and write its record.

    What is kept or shipped is not trained again: its weights are measured. What has a record is left
    as it is, unless it is to be made ``anew``.

    Returns
    -------
    The record, a dict: what ``train`` writes, under "study" the values of ``study_measures``, and under
    "classifier" how far the classifier behind some of them can be trusted. The trainings of the sweep
    over β have only the first.
    """
    path = record_path(run, dataset, seed)
    if path.exists() and not anew:
        return read_record(path)
    try:
        model, record = restore_training(run, dataset, seed)
    except FileNotFoundError:
        model, record = _train(run, dataset, seed)

    if run not in SWEEP:
        data = load_images(dataset)
        classifier = load_classifier(data)
        record["study"] = study_measures(model, data, classifier, seed=seed)
        record["classifier"] = {
            "test_accuracy": classifier.test_accuracy,
            **controls(classifier, data),
        }
    _write(path, record)
    return record


def _write(path, record):
    with written_whole(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")


def _train(run, dataset, seed):
    """Train in a process of its own, which gives its memory back, and keep the weights."""
    out = f"runs/{run}-{dataset}-seed{seed}"
    code = "from vae_helpers.train import main; main()"
    in_another_process(code, run, dataset, "--seed", str(seed), "--out", out)
    keep(out)
    return restore_training(run, dataset, seed)  # what is measured is what is kept


def in_another_process(code, *arguments):
    """Run Python code in a process that ends when this one is killed: then its input ends, too."""
    watch = (
        "import os, sys, threading\n"
        "end = lambda: (sys.stdin.read(), os._exit(1))\n"
        "threading.Thread(target=end, daemon=True).start()\n"
    )
    command = [sys.executable, "-c", watch + code, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            status = process.wait()
        except BaseException:
            process.kill()
            raise
    if status:
        raise subprocess.CalledProcessError(status, command)


def work_on(run, dataset, seed):
    """What a worker does: all of one record in a process of its own, as without Dask."""
    code = "from vae_study.queue import main; main()"
    in_another_process(code, "--run", run, "--dataset", dataset, "--seed", str(seed))
    return read_record(record_path(run, dataset, seed))


def hand_out(client, queue, work=work_on):
    """Let the workers of a Dask client make the records of a queue, and write them here as they come."""
    from distributed import as_completed  # an extra, which the study does without

    futures = {
        client.submit(work, *row, key="{} {} seed {}".format(*row), pure=False): row
        for row in queue
    }
    progress = tqdm(as_completed(futures, with_results=True), total=len(futures), unit="training")
    for future, record in progress:
        _write(record_path(*futures[future]), record)
        progress.set_postfix_str(
            "; ".join(
                f"{worker.rpartition('/')[2]}: {', '.join(map(str, keys))}"
                for worker, keys in client.processing().items()
                if keys
            )
        )


def _dask_client(address):
    """A client of the scheduler with that address, or of a cluster on this machine."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise ValueError("--scheduler needs Dask: pip install 'vae-helpers[many]'") from None
    return Client(address or LocalCluster(threads_per_worker=1, dashboard_address=None))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_study",
        description="Make the records of the study; started again, it goes on where it was.",
    )
    parser.add_argument("--run", choices=RUNS)
    parser.add_argument("--dataset", choices=DIGESTS)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--scheduler", nargs="?", const="", metavar="ADDRESS", help="of Dask")
    asked = parser.parse_args(arguments)
    one = (asked.run, asked.dataset, asked.seed)
    if any(part is not None for part in one) and None in one:
        parser.error("--run, --dataset and --seed go together; leave out all three for the study")
    if asked.seed is not None and asked.seed < 0:
        parser.error(f"--seed must be a whole number of at least 0, not {asked.seed}")
    alone = one != (None, None, None)
    try:
        queue = [one] if alone else [*STUDY, *FAMILY, *VARIATIONS]
        if asked.scheduler is not None:
            with _dask_client(asked.scheduler) as client:
                missing = [row for row in queue if alone or not record_path(*row).exists()]
                return hand_out(client, missing)
        for run, dataset, seed in (progress := tqdm(queue, unit="training")):
            progress.set_postfix_str(f"{run} {dataset} seed {seed}")
            make_record(run, dataset, seed, anew=alone)
    except subprocess.CalledProcessError as error:
        sys.exit(f"study: a training ended with status {error.returncode}; see above")
    except (DataError, ValueError, OSError) as error:
        sys.exit(f"study: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("study: stopped; the same command goes on after the last finished epoch")

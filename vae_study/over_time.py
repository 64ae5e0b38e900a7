"""How many draws from the prior fall in holes while a model is trained: is it β, or time?

    python -m vae_study.over_time runs/vae_fast-fashion_mnist-seed0/*.npz …    what trainings have left

Of each epoch a training keeps the codes of 2,000 test images, not the model. So a hole is defined by
these: half of them stand for the training codes, the other half say how far from them is usual.
"""

import json
import sys
from pathlib import Path

import numpy as np

from vae_helpers.files import written_whole
from vae_helpers.measures import in_hole

from .records import RECORDS

OVER_TIME = RECORDS / "over_time.json"
N = 10_000  # draws from the prior


def read_over_time(path=OVER_TIME):
    """What was measured: {"run-dataset-seed0": {epoch: share of draws in holes}}."""
    found = json.loads(path.read_text())
    return {name: {int(e): share for e, share in by.items()} for name, by in found.items()}


def holes_over_time(arrays, seed=0):
    """Share of draws from N(0, I) in holes, for each epoch: {epoch: share}.

    Parameters
    ----------
    arrays : as from ``vae_helpers.checkpoints.snapshots``
    seed : of the draws, which are the same at each epoch
    """
    found, (_, n, d) = {}, arrays["codes"].shape
    z = np.random.default_rng(seed).standard_normal((N, d))
    for epoch, codes in zip(arrays["epochs"].tolist(), arrays["codes"], strict=True):
        known, usual = codes[: n // 2].astype("float64"), codes[n // 2 :].astype("float64")
        found[epoch] = float(in_hole(known, usual, z).mean())
    return found


def main(files):
    found = read_over_time() if OVER_TIME.exists() else {}
    for file in map(Path, files):
        settings = json.loads(file.with_suffix(".json").read_text())["settings"]
        with np.load(file, allow_pickle=False) as arrays:
            found["{run}-{dataset}-seed{seed}".format(**settings)] = holes_over_time(arrays)
    with written_whole(OVER_TIME) as part:
        part.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

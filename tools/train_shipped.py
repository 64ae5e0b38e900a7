"""Train what the package ships, one after the other, and put the results into the package."""

import shutil
from pathlib import Path

from vae_helpers.checkpoints import SHIPPED, SWEEP
from vae_helpers.study import FAMILY, STUDY
from vae_helpers.train import train

# One training of each model: the first of the study's, and the family's.
RUNS = [(run, data) for run, data, seed in [*STUDY, *FAMILY] if seed == 0 and run not in SWEEP]


def ship(run, dataset, out):
    """Copy the three files of a finished training into the package."""
    SHIPPED.mkdir(exist_ok=True)
    for kind in ("weights.h5", "npz", "json"):
        shutil.copy(Path(out) / f"{run}-{dataset}.{kind}", SHIPPED)


def main():
    for run, dataset in RUNS:
        out = Path("runs") / f"{run}-{dataset}-seed0"
        train(run, dataset, out=out)
        ship(run, dataset, out)


if __name__ == "__main__":
    main()

"""Train what the package ships, one after the other, and put the results into the package.

    python tools/train_shipped.py [vae_vamp_prior …]
    python tools/train_shipped.py classifier

What is finished in runs/ is only measured again and put there. The classifier that judges pictures is
trained only if it is asked for: every record of the study that it judged must be made again then.
"""

import shutil
import sys
from pathlib import Path

from vae_helpers.checkpoints import SHIPPED, SWEEP, digest_of
from vae_helpers.data import DIGESTS, DataError, load_images
from vae_helpers.files import written_whole
from vae_helpers.train import train
from vae_study.queue import FAMILY, STUDY
from vae_study.recognition import JUDGE, train_network

# One training of each model: the first of the study's, and the family's.
RUNS = [(run, data) for run, data, seed in [*STUDY, *FAMILY] if seed == 0 and run not in SWEEP]


def ship(run, dataset, out):
    """Copy the three files of a finished training into the package."""
    SHIPPED.mkdir(exist_ok=True)
    for kind in ("weights.h5", "npz", "json"):
        shutil.copy(Path(out) / f"{run}-{dataset}.{kind}", SHIPPED)
    write_digests()


def ship_classifier(dataset):
    """Train the classifier for a data set and put its weights into the package."""
    network = train_network(load_images(dataset))
    with written_whole(JUDGE / f"classifier-{dataset}.weights.h5") as part:
        network.save_weights(part)
    write_digests(JUDGE)


def write_digests(folder=SHIPPED):
    files = sorted(path for path in folder.glob("[!.]*") if path.name != "SHA256SUMS")
    lines = [f"{digest_of(path)}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def main(names):
    if unknown := set(names) - {run for run, _ in RUNS} - {"classifier"}:
        sys.exit(f"no such run: {', '.join(sorted(unknown))}")
    wanted = [("classifier", dataset) for dataset in DIGESTS if "classifier" in names]
    wanted += [(run, dataset) for run, dataset in RUNS if not names or run in names]
    for run, dataset in wanted:
        try:
            if run == "classifier":
                ship_classifier(dataset)
                continue
            out = Path("runs") / f"{run}-{dataset}-seed0"
            train(run, dataset, out=out)
            ship(run, dataset, out)
        except (DataError, ValueError, OSError, FloatingPointError) as error:
            sys.exit(f"train_shipped: {run} on {dataset}: {' '.join(str(error).split())}")
        except KeyboardInterrupt:
            sys.exit("train_shipped: stopped; the same command goes on after the last epoch")


if __name__ == "__main__":
    main(sys.argv[1:])

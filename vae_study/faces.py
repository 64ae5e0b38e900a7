"""The trainings behind the chapter on the map of faces: what they are measured by, and their queue.

    python -m vae_study.faces                    all of them, going on where it was
    python -m vae_study.faces --until 14:00      start none that would hardly end before that

A record goes to ``vae_study/records/faces``, one a training, as soon as it is measured. What has one is
passed over.
"""

import argparse
import json
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import mutual_info_score, r2_score
from sklearn.neighbors import KNeighborsRegressor

from vae_helpers.checkpoints import build
from vae_helpers.faces import NUISANCES, draw_faces
from vae_helpers.files import written_whole
from vae_helpers.models import MMDVAE, VAE
from vae_helpers.train import train

RECORDS = Path(__file__).parent / "records" / "faces"
EXPRESSION = ("valence", "arousal")
TITLES = {"vae": "VAE", "mmd_vae": "MMD-VAE", "vae_published": "VAE, β = 1/100"}
STRENGTHS = (0.25, 0.5, 1.0)
LEARNING_RATE = 1e-3
FEW = (20, 100, 500)


class Training(NamedTuple):
    """One training: a run of the book, the nuisances in its faces, how strong, how many numbers."""

    run: str
    seed: int = 0
    nuisances: tuple[str, ...] = ()
    strength: float = 1.0
    latent_dim: int = 2
    epochs: int = 15

    @property
    def faces(self):
        """What its faces are called: "plain", "all", or such as "tilt_0.25"."""
        if self.nuisances in ((), NUISANCES):
            return "all" if self.nuisances else "plain"
        return f"{'_'.join(self.nuisances)}_{self.strength:g}"

    @property
    def name(self):
        return f"{self.run}-{self.faces}-{self.latent_dim}d-seed{self.seed}"


def queue():
    """All trainings, in the order of what they are worth: if time runs out, the end is missing."""
    plain = {run: [Training(run, seed) for seed in range(5)] for run in TITLES}
    varied = {run: [t._replace(nuisances=NUISANCES) for t in plain[run]] for run in TITLES}
    one = {
        (strength, seed): [Training("vae", seed, (n,), strength, epochs=5) for n in NUISANCES]
        for strength in STRENGTHS
        for seed in (0, 1)
    }
    wider = [
        [Training("vae", seed, NUISANCES, latent_dim=d) for d in (8, 4, 16)] for seed in (0, 1)
    ]
    both = ("vae", "mmd_vae")
    ordered = [
        *(plain[run][0] for run in TITLES),
        *(varied[run][0] for run in both),
        *(plain[run][1] for run in both),
        *one[1.0, 0],
        wider[0][0],
        *(plain[run][2] for run in both),
        *one[0.25, 0],
        *(varied[run][1] for run in both),
        *wider[0][1:],
        *one[0.5, 0],
        *(part[run][seed] for part in (plain, varied) for seed in range(5) for run in TITLES),
        *wider[1],
        *(t for strength in STRENGTHS for t in one[strength, 1]),
    ]
    return list(dict.fromkeys(ordered))


# ---- measures --------------------------------------------------------------------------------


def measure_faces(train_codes, train, codes, coordinates, seed=0):
    """How far codes say the coordinates that faces were drawn from. Chapter 14 introduces it.

    Fit on the training faces and scored on others.

    Parameters
    ----------
    train_codes, codes : [n, d] and [m, d], of training and of other faces
    train, coordinates : dict, coordinate → [n] and [m], as in ``Faces``; those that are constant have
        no R² and must be left out

    Returns
    -------
    dict of
    ``linear``  R² of a linear map from the code, for each coordinate: 1 is exact, 0 no better than
        the mean. Pitfall: a bent map reads badly.
    ``neighbours``  R² of the mean of the 15 nearest training codes, for each coordinate. Pitfall: about
        −0.07, not 0, where the code says nothing
    ``axes``  squared correlation with each code dimension by itself, for each coordinate [d]
    ``mig``  mutual information gap, ``mig``, of valence and arousal
    ``dci``  disentanglement, ``dci_disentanglement``, with regard to all coordinates
    ``few``  {labelled faces: mean R² of a linear map, over both expressions and 20 draws}
    ``turn``  for two dimensions, where valence points: degrees in the plane, counterclockwise from
        z₁, of the rotation (and mirror) that fits best; ``mirrored`` whether there is a mirror
    """
    linear, neighbours, axes = {}, {}, {}
    near = KNeighborsRegressor(15).fit(train_codes, np.stack([*train.values()], axis=1))
    guessed = near.predict(codes)
    for column, (name, values) in enumerate(coordinates.items()):
        probe = LinearRegression().fit(train_codes, train[name])
        linear[name] = float(r2_score(values, probe.predict(codes)))
        neighbours[name] = float(r2_score(values, guessed[:, column]))
        axes[name] = [float(np.corrcoef(values, z)[0, 1] ** 2) for z in codes.T]
    found = {
        "linear": linear,
        "neighbours": neighbours,
        "axes": axes,
        "mig": mig(codes, {name: coordinates[name] for name in EXPRESSION}),
        "dci": dci_disentanglement(codes, coordinates, seed),
        "few": {str(n): few_labels(train_codes, train, codes, coordinates, n) for n in FEW},
    }
    if codes.shape[1] == 2:
        found |= turn(codes, coordinates)
    return found


def mig(codes, coordinates, bins=20):
    """Mutual information gap, in [0, 1]: is each coordinate said by one dimension alone?

    mean over coordinates of (I(first dimension; coordinate) − I(second; coordinate)) / H(coordinate),
    the two dimensions that know most of it, all cut into 20 bins of equal width. Source: Chen et al.
    (2018), section 4.1. Pitfall: a perfect map that is turned by 45° reads 0.
    """
    gaps = []
    cut = [np.digitize(z, np.histogram_bin_edges(z, bins)[1:-1]) for z in codes.T]
    for values in coordinates.values():
        binned = np.digitize(values, np.histogram_bin_edges(values, bins)[1:-1])
        known = sorted(mutual_info_score(binned, z) for z in cut)
        gaps.append((known[-1] - known[-2]) / mutual_info_score(binned, binned))
    return float(np.mean(gaps))


def dci_disentanglement(codes, coordinates, seed=0):
    """Disentanglement, in [0, 1]: does each dimension say one coordinate alone?

    1 − entropy of a dimension's importances for the coordinates, divided by log of their number, as
    a mean over dimensions weighted by importance; importances are those of a random forest for
    each coordinate. Source: Eastwood & Williams (2018). Pitfall: it depends on the forest, and says
    nothing of how well the coordinates are known.
    """
    forest = RandomForestRegressor(30, max_depth=8, random_state=seed)
    importance = np.stack(
        [forest.fit(codes, v).feature_importances_ for v in coordinates.values()], axis=1
    )
    share = importance / np.maximum(importance.sum(axis=1, keepdims=True), 1e-12)
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-12)), axis=1) / np.log(len(coordinates))
    return float(np.average(1 - entropy, weights=importance.sum(axis=1)))


def few_labels(train_codes, train, codes, coordinates, n, draws=20):
    """Mean R² of valence and arousal, read out linearly (ridge) from codes with n labelled faces."""
    known, asked = (np.stack([c[k] for k in EXPRESSION], axis=1) for c in (train, coordinates))
    found = []
    for draw in range(draws):
        chosen = np.random.default_rng([n, draw]).choice(len(known), n, replace=False)
        probe = RidgeCV(np.logspace(-3, 3, 7)).fit(train_codes[chosen], known[chosen])
        found.append(r2_score(asked, probe.predict(codes)))
    return float(np.mean(found))


def turn(codes, coordinates):
    """The rotation or reflection that comes nearest to laying (valence, arousal) on the codes."""
    known = np.stack([coordinates[k] for k in EXPRESSION], axis=1)
    map_ = np.linalg.lstsq(known - known.mean(axis=0), codes - codes.mean(axis=0), rcond=None)[0].T
    left, _, right = np.linalg.svd(map_)
    rotation = left @ right
    angle = np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0]))
    return {"turn": float(angle), "mirrored": bool(np.linalg.det(rotation) < 0)}


# ---- records ---------------------------------------------------------------------------------


def make_record(training):
    """Train, or go on with it, measure and write the record; {} is never written.

    The 20,000 training faces and the 3,000 others are the same for every model and every seed but for
    what varies in them: ``draw_faces`` with its seed 0.
    """
    path = RECORDS / f"{training.name}.json"
    if path.exists():
        return json.loads(path.read_text())
    faces = draw_faces(vary=(*EXPRESSION, *training.nuisances), strength=training.strength)
    keras.utils.set_random_seed(training.seed)
    # The book's runs have two dimensions; for others the same models are built here.
    run = training.run
    if training.latent_dim != 2:
        run = {"vae": VAE, "mmd_vae": MMDVAE}[run](training.latent_dim)
    out = Path("runs/faces") / training.name
    done = train(
        run, faces.data, epochs=training.epochs, seed=training.seed, learning_rate=LEARNING_RATE,
        out=out,
    )  # fmt: skip
    model = build(run) if run == training.run else run
    model.load_weights(next(out.glob("*-faces.weights.h5")))
    codes = [model.encode(x) for x in (faces.data.train_images, faces.data.test_images)]
    record = {
        "settings": {**training._asdict(), "faces": training.faces,
                     "learning_rate": LEARNING_RATE, "batch_size": 100, "train_faces": 20_000},
        "versions": done["versions"],
        "seconds": round(sum(row["seconds"] for row in done["history"])),
        "loss": [row["loss"] for row in done["history"]],
        "test": done["test"][str(training.epochs)],
        "measures": measure_faces(codes[0], faces.train, codes[1], faces.test),
    }  # fmt: skip
    RECORDS.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    return record


def read_records(folder=RECORDS):
    """All records that there are: {(run, faces, latent_dim): {seed: record}}."""
    found = {}
    for path in sorted(Path(folder).glob("*.json")):
        record = json.loads(path.read_text())
        said = record["settings"]
        key = said["run"], said["faces"], said["latent_dim"]
        if path.stem != "{}-{}-{}d-seed{}".format(*key, said["seed"]):
            raise ValueError(f"{path} is the record of another training: it was renamed. Delete it")
        found.setdefault(key, {})[said["seed"]] = record
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m vae_study.faces", description=__doc__)
    parser.add_argument(
        "--until", help="HH:MM; start no training that would hardly end before that"
    )
    until = parser.parse_args(arguments).until
    longest = 0.0
    for training in queue():
        if (RECORDS / f"{training.name}.json").exists():
            continue
        if until:
            hour, minute = map(int, until.split(":"))
            end = datetime.now().replace(hour=hour, minute=minute, second=0)
            if time.time() + longest > end.timestamp():
                print(f"no time for {training.name}", flush=True)
                break
        start = time.time()
        make_record(training)
        keras.backend.clear_session()
        longest = max(longest, time.time() - start)
        print(f"{datetime.now():%H:%M:%S} {training.name} {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()

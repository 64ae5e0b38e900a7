"""Samples of every training whose weights there are, measured in two kinds of features.

    python -m vae_study.samples                  measure what ``records/samples.json`` does not have yet
    python -m vae_study.samples fashion_mnist    of one data set

Their weights are what ``vae_study/weights`` keeps, or what the book ships.
Chapter 7 shows the controls, chapters 13 and 15 the models.
"""

import json
import sys

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from tqdm import tqdm

from vae_helpers.checkpoints import SHIPPED, SWEEP
from vae_helpers.data import load_images
from vae_helpers.files import written_whole
from vae_helpers.measures import in_hole, squared_error

from .code_measures import measure_codes
from .features import DATASETS, feature_spaces, frechet_distance, neighbourhoods
from .recognition import of_another_class
from .records import RECORDS, rounded_json
from .weights import WEIGHTS, restore_training

SAMPLES = RECORDS / "samples.json"
N = 10_000  # of everything that is compared by FID, for that depends on how many
NEAR = 3_000  # of these for precision, recall, density and coverage, which compare all pairs
PARTS = 30  # of the mixture that is fitted to codes
MANY = 300  # so many draws in holes are needed before they are measured by themselves
COMPARED = ("vae_published", "vae", "mmd_vae")  # what chapter 7 compares in more detail
HOLES = (0.95, 0.98, 0.99, 0.995, 0.999)  # quantiles that may define a hole


def read_samples(path=SAMPLES):
    """What was measured: {"controls": {data set: …}, "models": {"run-dataset-seed0": …}}.

    A control has, for each kind of features, ``fid``, ``precision``, ``recall``, ``density`` and
    ``coverage``. A model has such a dict for each kind of its pictures: ``samples`` (of its own prior),
    ``reconstructions`` (of training images), ``mixture`` (draws of a mixture fitted to its training
    codes). The models of ``COMPARED`` also have ``square`` (over ±4); and ``among`` and ``holes``,
    precision and density alone, of the samples that fall among codes and in holes. All are beside
    the test images, 10,000 of both for FID, 3,000 of both for the others. ``in_hole`` says how many
    samples fall in a hole, for each quantile that may define one, and ``codes`` what is measured of
    the test images' codes and reconstructions.
    """
    return json.loads(path.read_text())


def by_seed(models, run, dataset):
    """What was measured of each training of one run: {seed: …}, from ``read_samples()["models"]``."""
    named = {tuple(name.rsplit("-", 2)): found for name, found in models.items()}
    return {
        int(seed.removeprefix("seed")): found
        for (*of, seed), found in sorted(named.items())
        if of == [run, dataset]
    }


# ---- one set of pictures ----------------------------------------------------------------------


def measure_samples(spaces, real, pictures):
    """FID and neighbourhoods of pictures beside real ones, in every kind of features.

    Parameters
    ----------
    spaces : {name: function}, from ``feature_spaces``
    real : {name: [n, k]}, the features of real images
    pictures : float32, [m, height, width, channels], in [0, 1]
    """
    found = {}
    for name, features in spaces.items():
        drawn = features(pictures)
        found[name] = {
            "fid": frechet_distance(real[name], drawn),
            **neighbourhoods(real[name][:NEAR], drawn[:NEAR]),
        }
    return found


def controls(data, seed=0):
    """Pictures whose answer is known, made of 10,000 training images: {name: pictures}.

    ``training_images``  as they are: as good as samples can be, the floor
    ``blurred_1``, ``blurred_2``   under a Gaussian blur of so many pixels
    ``averages``         means of two images of different classes
    ``dropped_3``        three of the ten classes are missing, others stand in their place
    ``noise_1``, ``noise_10``      a hundredth, a tenth of them replaced by uniform noise
    ``class_means``      each replaced by its class's mean
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data.train_images))
    images, labels = data.train_images[order[:N]], data.train_labels[order[:N]]
    others = order[data.train_labels[order] >= 3][:N]
    noise = rng.uniform(size=images.shape).astype("float32")
    means = np.stack([images[labels == k].mean(axis=0) for k in range(10)])

    def noisy(share):
        which = rng.permutation(len(images)) < share * len(images)
        return np.where(which[:, None, None, None], noise, images)

    return {
        "training_images": images,
        "blurred_1": gaussian_filter(images, (0, 1, 1, 0)),
        "blurred_2": gaussian_filter(images, (0, 2, 2, 0)),
        "averages": (images + images[of_another_class(labels, rng)]) / 2,
        "dropped_3": data.train_images[others],
        "noise_1": noisy(0.01),
        "noise_10": noisy(0.1),
        "class_means": means[labels],
    }


# ---- one model --------------------------------------------------------------------------------


def fit_mixture(codes, parts=PARTS, seed=0):
    """A mixture of normal distributions fitted to every third of codes [n, d], as in chapter 10.

    Source: Ghosh et al. (2020), who fit one after the training. Chapter 13 introduces it.
    """
    return GaussianMixture(parts, random_state=seed).fit(codes[::3].astype("float64"))


def pictures_of(model, train_codes, square=False, seed=0):
    """The pictures of a model that are measured, 10,000 of each kind: {name: pictures}."""
    rng = np.random.default_rng(seed)
    mixture = fit_mixture(train_codes, seed=seed)
    some = rng.choice(len(train_codes), N, replace=False)
    pictures = {
        "samples": model.sample(N, seed),
        "reconstructions": model.decode(train_codes[some]),
        # scikit-learn sorts its draws by part, and only the first are compared by their neighbours
        "mixture": model.decode(rng.permutation(mixture.sample(N)[0]).astype("float32")),
    }
    if square:
        points = rng.uniform(-4, 4, (N, 2)).astype("float32")
        pictures["square"] = model.decode(points)
    return pictures


def holes_by_quantile(train_codes, test_codes, z):
    """Share of points z in a hole, for each quantile of ``HOLES``: {quantile: share}."""
    nearest = NearestNeighbors(n_neighbors=1).fit(train_codes)
    usual, found = (nearest.kneighbors(codes)[0][:, 0] for codes in (test_codes, z))
    return {str(q): float((found > np.quantile(usual, q)).mean()) for q in HOLES}


def codes_of(model, data):
    """What is measured of a model's codes of the test images, and their squared error."""
    train_codes, codes = model.encode(data.train_images), model.encode(data.test_images)
    found = measure_codes(train_codes, data.train_labels, codes, data.test_labels)
    return found | {"squared_error": squared_error(model, data.test_images)}


def measure_model(model, data, spaces, real, compared=False, seed=0):
    """All of one model, as ``read_samples`` says; ``seed`` is that of the draws."""
    train_codes, test_codes = model.encode(data.train_images), model.encode(data.test_images)
    found = {
        name: measure_samples(spaces, real, pictures)
        for name, pictures in pictures_of(model, train_codes, compared, seed).items()
    }
    z = model.draw_prior(N, np.random.default_rng(seed))
    found["in_hole"] = holes_by_quantile(train_codes, test_codes, z)
    if compared:
        holes = in_hole(train_codes, test_codes, z)
        for name, part in (("among", z[~holes][:NEAR]), ("holes", z[holes][:NEAR])):
            if len(part) < MANY:
                continue
            drawn = {space: of(model.decode(part)) for space, of in spaces.items()}
            near = {space: neighbourhoods(real[space][:NEAR], drawn[space]) for space in spaces}
            found[name] = {
                space: {k: near[space][k] for k in ("precision", "density")} for space in spaces
            }
    return found


# ---- all of them ------------------------------------------------------------------------------


def trainings():
    """Every training whose weights there are, but for the sweep over β: (run, dataset, seed)."""
    shipped = [(*path.stem.rsplit("-", 1), 0) for path in SHIPPED.glob("*.json")]
    kept = [path.stem.rsplit("-", 2) for path in WEIGHTS.glob("*.npz")]
    kept = [(run, dataset, int(seed.removeprefix("seed"))) for run, dataset, seed in kept]
    there = [t for t in {*shipped, *kept} if t[1] in DATASETS and t[0] not in SWEEP]
    return sorted(there, key=lambda t: (t[0] not in COMPARED, t))  # these first


def main(datasets=DATASETS):
    done = read_samples() if SAMPLES.exists() else {"controls": {}, "models": {}}
    for dataset in datasets:
        missing = [
            t for t in trainings()
            if t[1] == dataset and "codes" not in done["models"].get("{}-{}-seed{}".format(*t), {})
        ]  # fmt: skip
        if dataset in done["controls"] and not missing:
            continue
        data, spaces = load_images(dataset), feature_spaces(dataset)
        real = {name: features(data.test_images) for name, features in spaces.items()}
        if dataset not in done["controls"]:
            done["controls"][dataset] = {
                name: measure_samples(spaces, real, pictures)
                for name, pictures in controls(data).items()
            }
            write(done)
        for training in tqdm(missing):
            model, _ = restore_training(*training)
            name = "{}-{}-seed{}".format(*training)
            if name not in done["models"]:
                compared = training[0] in COMPARED
                done["models"][name] = measure_model(model, data, spaces, real, compared)
            done["models"][name]["codes"] = codes_of(model, data)
            write(done)


def write(done):
    done["models"] = dict(sorted(done["models"].items()))
    with written_whole(SAMPLES) as part:
        part.write_text(rounded_json(done))


if __name__ == "__main__":
    main(sys.argv[1:] or DATASETS)

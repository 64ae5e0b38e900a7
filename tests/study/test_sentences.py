"""What sentences of the book say about several trainings, beside the records."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from vae_helpers.data import load_images
from vae_study import claims, records

FASHION = "fashion_mnist"


@pytest.fixture(scope="module")
def found():
    return records.read_records()


def test_after_holms_correction_the_rows_that_chapter_7_names_stay_clear_of_zero(found):
    rows = []
    for row in claims.read_claims():
        if row["measure"] and row["minus"]:
            numbers = list(claims.judge(row, found)[0].values())
            of = (row["data"], row["measure"], row["minus"])
            rows.append((stats.ttest_1samp(numbers, 0).pvalue, of))
    kept = []
    for rank, (p, of) in enumerate(sorted(rows)):
        if p > 0.05 / (len(rows) - rank):
            break
        kept.append(of)
    assert len(rows) == 32
    assert sum(p < 0.05 for p, _ in rows) - len(kept) == 9  # "the nine others"
    assert set(kept) == {
        (FASHION, "mean_norm", "vae_published"),
        (FASHION, "mean_norm", "vae"),
        (FASHION, "sample_sharpness", "vae_published"),
        (FASHION, "reconstruction_sharpness", "vae"),
        (FASHION, "filled_prior", "vae"),
        ("mnist", "class_changes", "vae"),
    }


def test_pairing_by_seed_hardly_matters(found):
    correlations = []
    for row in claims.read_claims():
        if row["measure"] and row["minus"]:
            first, second = (
                records.values(found, row[of], row["data"], row["measure"])
                for of in ("run", "minus")
            )
            seeds = sorted(set(first) & set(second))
            pair = np.corrcoef([first[s] for s in seeds], [second[s] for s in seeds])
            correlations.append(pair[0, 1])
    assert abs(np.mean(correlations)) < 0.1


def test_of_two_betas_chapter_12_cannot_say_which_has_the_better_bound(found):
    def bound(run, seed):
        terms = found[run, FASHION][seed]["test"]["10"]
        return terms["reconstruction"] + terms["logqz_x"] - terms["logpz"]

    seeds = [bound("vae", seed) for seed in range(5)]
    assert 0 < bound("vae_beta_0.3", 0) - bound("vae", 0) < 1
    assert 1.5 < max(seeds) - min(seeds) < 2


@pytest.mark.parametrize(("run", "factor"), [("vae", 1.7), ("mmd_vae", 2.1)])
def test_chapter_13_says_what_eight_dimensions_do_to_the_judges_shares(found, run, factor):
    two, eight = (found[name, FASHION][0]["study"] for name in (run, f"{run}_8d"))
    ratio = eight["filled_reconstructions"] / two["filled_reconstructions"]
    assert round(ratio, 1) == factor
    assert eight["filled_prior"] < two["filled_prior"]


def test_the_ugliest_model_of_chapter_13_is_first_in_two_measures(found):
    runs = [run for (run, dataset), of in found.items()
            if dataset == FASHION and "study" in of[0] and not run.endswith("_8d")]  # fmt: skip
    for measure in ("reconstruction_sharpness", "filled_reconstructions"):
        of = {run: found[run, FASHION][0]["study"][measure] for run in runs}
        assert max(of, key=of.get) == "vae_continuous_bernoulli"


def test_neighbours_depend_on_the_seed_at_least_as_much_as_on_the_cost_function():
    """Chapter 5: two of three VAEs agree about nearly half of all neighbours, no others do."""
    trained = np.load(records.RECORDS / "neighbours.npz")
    near = {
        name: NearestNeighbors(n_neighbors=15).fit(codes).kneighbors(return_distance=False)
        for name, codes in trained.items()
    }

    def overlaps(run, other):
        chosen = product(range(3), range(3)) if run != other else combinations(range(3), 2)
        pairs = [(near[f"{run}-{s}"], near[f"{other}-{t}"]) for s, t in chosen]
        return [np.mean([np.isin(a, b).mean() for a, b in zip(*p, strict=True)]) for p in pairs]

    vae, mmd_vae, across = (
        overlaps(*runs) for runs in (["vae"] * 2, ["mmd_vae"] * 2, ["vae", "mmd_vae"])
    )
    *others, best = sorted(vae)
    assert 0.4 < best < 0.5
    assert max(others + mmd_vae + across) < 0.15
    assert abs(np.mean(others) - np.mean(across)) < 0.05
    assert abs(np.mean(mmd_vae) - np.mean(across)) < 0.03


def test_which_digits_are_nearest_to_nines_and_sixes_in_the_six_trainings_of_chapter_5():
    labels = load_images("mnist").test_labels[:2000]
    for name, codes in np.load(records.RECORDS / "neighbours.npz").items():
        middles = np.stack([np.median(codes[labels == k], axis=0) for k in range(10)])
        apart = np.linalg.norm((middles[:, None] - middles).astype("float32"), axis=-1).argsort()
        assert apart[9, 1] == 4
        assert apart[6, 1] == (2 if name.startswith("vae") else 5)
        assert {4, 9}.isdisjoint(apart[6, 1:4])

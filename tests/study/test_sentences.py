"""What sentences of the book say about several trainings, beside the records."""

import numpy as np
import pytest

from vae_study import claims, records

FASHION = "fashion_mnist"


@pytest.fixture(scope="module")
def found():
    return records.read_records()


def test_after_holms_correction_the_rows_that_chapter_7_names_stay_clear_of_zero(found):
    alone, together, n = claims.clear_of_zero(claims.read_claims(), found)
    assert n == 32
    assert len(alone) - len(together) == 9  # "the nine others"
    kept = [(row["data"], row["measure"], row["minus"]) for row in together]
    assert len(kept) == 6
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

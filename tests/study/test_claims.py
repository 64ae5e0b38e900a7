"""The table of claims and its verdicts."""

import numpy as np
import pytest

from vae_study import claims, queue
from vae_study import records as kept


def as_records(**runs):
    """Records of one measure, "m", on MNIST: as_records(vae=[1.0, 2.0]) has seeds 0 and 1."""
    return {
        (run, "mnist"): {seed: {"study": {"m": value}} for seed, value in enumerate(values)}
        for run, values in runs.items()
    }


def row(expected, threshold, minus="vae"):
    return {
        "data": "mnist", "measure": "m", "run": "mmd_vae", "minus": minus,
        "expected": expected, "threshold": threshold,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "threshold", "values", "verdict"),
    [
        ("above", 0.5, [1.0, 1.1, 0.9], "holds"),
        ("above", 1.5, [1.0, 1.1, 0.9], claims.SMALLER),
        ("above", 1.5, [-1.0, -1.1, -0.9], claims.OTHER_WAY),
        ("above", 1.5, [0.1, -0.1, 0.0], claims.NO_DIFFERENCE),
        ("above", 1.0, [1.0, 1.1, 0.9], "open"),
        ("below", 1.5, [1.0, 1.1, 0.9], "holds"),
        ("below", -0.5, [1.0, 1.1, 0.9], claims.OTHER_WAY),
        ("below", -1.5, [-1.0, -1.1, -0.9], claims.SMALLER),
        ("below", -1.5, [0.1, -0.1, 0.0], claims.NO_DIFFERENCE),
        ("below", 1.0, [1.0, 1.1, 0.9], "open"),
        ("within", 1.5, [1.0, 1.1, 0.9], "holds"),
        ("within", 1.5, [-1.0, -1.1, -0.9], "holds"),
        ("within", 0.5, [1.0, 1.1, 0.9], claims.OTHER_WAY),
        ("within", 0.5, [-1.0, -1.1, -0.9], claims.OTHER_WAY),
        # No difference that could be shown is not a small difference that was shown.
        ("within", 0.5, [2.0, -2.0, 0.0], "open"),
        ("above", 0.5, [1.0], "not tested"),
    ],
)
def test_a_row_is_judged_by_where_its_whole_interval_lies(expected, threshold, values, verdict):
    alone = claims.judge(row(expected, threshold, minus=""), as_records(mmd_vae=values))[2]
    assert alone == ("does not hold" if verdict in claims.AGAINST else verdict)
    shifted = as_records(mmd_vae=np.array(values) + 7, vae=np.full(len(values), 7.0))
    assert claims.judge(row(expected, threshold), shifted)[2] == verdict


def test_a_claim_has_one_verdict_depends_or_is_open():
    assert claims.verdict(["holds", "holds"]) == "holds"
    assert claims.verdict(["not tested"]) == "not tested"
    assert claims.verdict([claims.SMALLER] * 2) == claims.SMALLER
    assert claims.verdict([claims.SMALLER, claims.OTHER_WAY]) == "does not hold"
    assert claims.verdict(["holds", "open", claims.NO_DIFFERENCE]) == "depends"
    for kinds in (["holds", "open"], [claims.SMALLER, "open"], ["holds", "not tested"]):
        assert claims.verdict(kinds) == "open"


def test_holms_correction_of_a_worked_example():
    """Four p-values at 0.05: the limits are .0125, .0167, .025 and .05."""
    assert claims.holm([0.01, 0.04, 0.03, 0.005]).tolist() == [True, False, False, True]
    assert claims.holm([0.011, 0.016, 0.024, 0.05]).all()
    # One that fails stops all that are larger, also those that their own limit would pass.
    assert claims.holm([0.02, 0.021, 0.022, 0.023]).sum() == 0
    assert claims.holm([0.04]).tolist() == [True]


def test_holms_correction_keeps_its_promise_where_nothing_differs():
    rng = np.random.default_rng(0)
    any_clear = [claims.holm(rng.uniform(size=20)).any() for _ in range(2000)]
    assert 0.03 < np.mean(any_clear) < 0.07


def test_the_table_of_claims_names_runs_of_the_study_and_measures_that_there_are():
    studied = {(run, dataset) for run, dataset, _ in queue.STUDY}
    records = kept.read_records()
    measures = set(next(iter(records["vae", "fashion_mnist"].values()))["study"])
    rows = claims.read_claims()
    assert len(rows) > 30
    for r in rows:
        if not r["measure"]:
            assert r["threshold"] is None
            continue
        assert (r["run"], r["data"]) in studied
        assert not r["minus"] or (r["minus"], r["data"]) in studied
        assert r["measure"] in measures
        assert r["expected"] in ("above", "below", "within")
        assert np.isfinite(r["threshold"])


def test_models_that_a_claim_compares_had_the_same_judge():
    records = kept.read_records()
    judged = [r for r in claims.read_claims() if r["measure"].startswith(("filled", "class_ch"))]
    pairs = 0
    for row in judged:
        for seed in kept.differences(
            records, row["run"], row["minus"], row["data"], row["measure"]
        ):
            first, second = (records[row[r], row["data"]][seed] for r in ("run", "minus"))
            assert first["classifier"] == second["classifier"], (row, seed)
            pairs += 1
    assert pairs == 32  # five seeds in four rows, three in four


def test_all_trainings_of_a_data_set_had_one_judge():
    judges = {}
    for (_, dataset), of in kept.read_records().items():
        for record in of.values():
            if "classifier" in record:
                judges.setdefault(dataset, []).append(record["classifier"])
    assert judges.keys() == {"fashion_mnist", "mnist"}
    for found in judges.values():
        assert all(judge == pytest.approx(found[0], abs=1e-3) for judge in found)

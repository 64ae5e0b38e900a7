"""The study: its list, its statistics and its verdicts."""

import json

import numpy as np
import pytest
from scipy import stats

from vae_helpers import study
from vae_helpers.checkpoints import BERNOULLI_MMD_WEIGHT, RUNS, SWEEP, build, read_record
from vae_helpers.losses import bernoulli_loglik


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


def test_the_study_has_the_announced_trainings():
    assert len(study.STUDY) == len(set(study.STUDY)) == 33
    seeds = {}
    for run, dataset, seed in study.STUDY:
        assert run in RUNS
        seeds.setdefault((run, dataset), []).append(seed)
    for run in ("vae_published", "vae", "mmd_vae"):
        assert seeds.pop((run, "fashion_mnist")) == [0, 1, 2, 3, 4]
        assert seeds.pop((run, "mnist")) == [0, 1, 2]
    assert seeds == {
        (run, "fashion_mnist"): [0, 1, 2]
        for run in ("autoencoder", "mmd_vae_stochastic", "mmd_vae_bernoulli")
    }


def test_the_mmds_weight_beside_nats_keeps_the_published_proportion(fashion_mnist):
    mean_image = fashion_mnist.train_images.mean(axis=0).clip(1e-7, 1 - 1e-7)
    images = fashion_mnist.test_images
    logits = np.log(mean_image / (1 - mean_image)) * np.ones_like(images)
    nats = -float(np.mean(bernoulli_loglik(images, logits)))
    error = float(np.mean((images - mean_image) ** 2))
    learnt = {
        run: read_record(run, "fashion_mnist")["test"]["50"]["reconstruction"]
        for run in ("vae", "mmd_vae")
    }
    ratio = (nats - learnt["vae"]) / (error - learnt["mmd_vae"])
    assert pytest.approx(ratio, rel=1e-3) == BERNOULLI_MMD_WEIGHT


def test_the_interval_of_paired_differences_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1.0, 1.0, 5), rng.normal(0.0, 1.0, 5)
    records = as_records(mmd_vae=a, vae=b)
    found = study.differences(records, "mmd_vae", "vae", "mnist", "m")
    assert list(found) == [0, 1, 2, 3, 4]
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert study.t_interval(found.values()) == pytest.approx(tuple(expected))


def test_differences_pair_the_seeds_that_both_runs_have():
    records = as_records(mmd_vae=[5.0, 6.0, 9.0], vae=[1.0, 1.0])
    assert study.differences(records, "mmd_vae", "vae", "mnist", "m") == {0: 4.0, 1: 5.0}
    assert study.differences(records, "mmd_vae", "autoencoder", "mnist", "m") == {}


def test_one_number_has_no_interval_and_equal_numbers_have_one_of_no_width():
    assert study.t_interval([]) is study.t_interval([1.0]) is None
    assert study.t_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("expected", "threshold", "values", "verdict"),
    [
        ("above", 0.5, [1.0, 1.1, 0.9], "holds"),
        ("above", 1.5, [1.0, 1.1, 0.9], "does not hold"),
        ("above", 1.0, [1.0, 1.1, 0.9], "open"),
        ("below", 1.5, [1.0, 1.1, 0.9], "holds"),
        ("below", 0.5, [1.0, 1.1, 0.9], "does not hold"),
        ("below", 1.0, [1.0, 1.1, 0.9], "open"),
        ("within", 1.5, [1.0, 1.1, 0.9], "holds"),
        ("within", 1.5, [-1.0, -1.1, -0.9], "holds"),
        ("within", 0.5, [1.0, 1.1, 0.9], "does not hold"),
        ("within", 0.5, [-1.0, -1.1, -0.9], "does not hold"),
        # No difference that could be shown is not a small difference that was shown.
        ("within", 0.5, [2.0, -2.0, 0.0], "open"),
        ("above", 0.5, [1.0], "not tested"),
    ],
)
def test_a_row_is_judged_by_where_its_whole_interval_lies(expected, threshold, values, verdict):
    records = as_records(mmd_vae=values)
    assert study.judge(row(expected, threshold, minus=""), records)[2] == verdict
    shifted = as_records(mmd_vae=np.array(values) + 7, vae=np.full(len(values), 7.0))
    assert study.judge(row(expected, threshold), shifted)[2] == verdict


def test_a_claim_has_one_verdict_or_depends():
    assert study.verdict(["holds", "holds"]) == "holds"
    assert study.verdict(["not tested"]) == "not tested"
    assert (
        study.verdict(["holds", "open"]) == study.verdict(["holds", "does not hold"]) == "depends"
    )


def test_the_table_of_claims_names_runs_of_the_study_and_measures_that_there_are():
    studied = {(run, dataset) for run, dataset, _ in study.STUDY}
    records = study.read_records()
    measures = set(next(iter(records["vae", "fashion_mnist"].values()))["study"])
    rows = study.read_claims()
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


def test_every_record_is_whole():
    records = study.read_records()
    assert {run for run, _ in records} >= {"vae_published", "vae", "mmd_vae"}
    for (run, dataset), by_seed in records.items():
        for seed, record in by_seed.items():
            assert study.record_path(run, dataset, seed).exists()
            assert record["epochs"] == study.EPOCHS.get(run, 50) == len(record["history"])
            if run in SWEEP:
                assert "study" not in record
                continue
            assert all(np.isfinite(value) for value in record["study"].values())
            # In nats: the integral is exact enough. It is over a plane only.
            assert abs(record["study"].get("loglik_halving", 0)) < 0.1
            assert ("loglik" in record["study"]) == (build(run).latent_dim == 2)
            trust = record["classifier"]
            assert trust["test_images"] > 0.85
            assert max(trust[name] for name in ("averages", "blurred", "class_means")) < 0.2
            if seed == 0:
                assert record["history"] == read_record(run, dataset)["history"]


def test_the_family_has_one_training_of_each_model_and_the_sweep():
    assert len(study.FAMILY) == len(set(study.FAMILY))
    assert {run for run, _, _ in study.FAMILY} | {run for run, _, _ in study.STUDY} == set(RUNS)
    assert {(dataset, seed) for _, dataset, seed in study.FAMILY} == {("fashion_mnist", 0)}


def test_some_train_for_fewer_epochs_and_the_sweep_is_not_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "RECORDS", tmp_path)
    commands = []

    def run(command, check):
        commands.append(command)
        raise KeyboardInterrupt

    monkeypatch.setattr(study.subprocess, "run", run)
    for name in ("vae_beta_3", "vae_8d", "info_vae"):
        with pytest.raises(KeyboardInterrupt):
            study.make_record(name, "fashion_mnist", 0)
    assert [c[c.index("--epochs") + 1] if "--epochs" in c else None for c in commands] == [
        "10", "25", None
    ]  # fmt: skip
    monkeypatch.setattr(study, "_train", lambda *row: (None, {"history": []}))
    monkeypatch.setattr(study, "measure_all", lambda *a, **k: pytest.fail("measured"))
    assert study.make_record("vae_beta_3", "fashion_mnist", 0) == {"history": []}


def test_what_has_a_record_is_not_trained_again(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "RECORDS", tmp_path)
    monkeypatch.setattr(study, "_train", lambda *a: pytest.fail("trained"))
    study.record_path("vae", "mnist", 1).write_text(json.dumps({"settings": {"seed": 1}}))
    assert study.make_record("vae", "mnist", 1) == {"settings": {"seed": 1}}


def test_the_queue_passes_over_what_it_has_and_a_single_row_is_made_anew(monkeypatch):
    asked = []
    monkeypatch.setattr(study, "make_record", lambda *row, anew: asked.append((*row, anew)))
    study.main([])
    assert asked == [(*row, False) for row in [*study.STUDY, *study.FAMILY]]
    asked.clear()
    study.main(["--run", "vae", "--dataset", "mnist", "--seed", "1"])
    assert asked == [("vae", "mnist", 1, True)]


def test_a_part_of_a_row_is_refused(capsys):
    for arguments in (["--run", "vae"], ["--run", "vae", "--dataset", "mnist"]):
        with pytest.raises(SystemExit):
            study.main(arguments)
        assert "go together" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        study.main(["--run", "vae", "--dataset", "mnist", "--seed", "-1"])
    assert "at least 0" in capsys.readouterr().err


def test_the_outside_yardstick_was_reproduced():
    """TensorFlow's CVAE tutorial prints about −155.9 nats after its ten epochs."""
    record = json.loads((study.RECORDS / "cvae_tutorial.json").read_text())
    assert len(record["test_elbo"]) == record["settings"]["epochs"] == 10
    assert record["test_elbo"][-1] == pytest.approx(-155.9, abs=5)


@pytest.mark.long  # some two minutes for each
@pytest.mark.parametrize(
    ("run", "dataset"), [(run, dataset) for run, dataset, seed in study.STUDY if seed == 0]
)
def test_the_shipped_weights_measure_what_their_record_says(shipped, load, run, dataset):
    record = study.read_records().get((run, dataset), {}).get(0)
    if record is None:
        pytest.fail(f"{run} on {dataset} has no record with seed 0")
    data = load(dataset)
    found = study.measure_all(
        shipped(run, dataset).model, data, study.study_classifier(data), seed=0
    )
    assert found.keys() == record["study"].keys()
    for name, value in found.items():
        assert value == pytest.approx(record["study"][name], rel=0.02, abs=0.02), name

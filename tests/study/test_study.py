"""The study: its list, its statistics and its verdicts."""

import json
import shutil

import numpy as np
import pytest
from scipy import stats

from vae_helpers import checkpoints, study
from vae_helpers.checkpoints import BERNOULLI_MMD_WEIGHT, EPOCHS, RUNS, SWEEP, build, read_record
from vae_helpers.data import DataError
from vae_helpers.losses import bernoulli_loglik
from vae_helpers.measures import TITLES
from vae_helpers.models import MMDVAE


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
    assert study.t_interval([0.0, 1e-200]) == (0.0, 0.0)  # the square of the spread underflows


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


def test_a_claim_has_one_verdict_depends_or_is_open():
    assert study.verdict(["holds", "holds"]) == "holds"
    assert study.verdict(["not tested"]) == "not tested"
    assert study.verdict(["holds", "open", "does not hold"]) == "depends"
    for kinds in (["holds", "open"], ["does not hold", "open"], ["holds", "not tested"]):
        assert study.verdict(kinds) == "open"


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
            assert record["epochs"] == EPOCHS[run] == len(record["history"])
            assert record["settings"] == {
                "run": run, "dataset": dataset, "seed": seed, "batch_size": 100,
                "learning_rate": 1e-4, "train_images": None,
            }  # fmt: skip
            if run in SWEEP:
                assert "study" not in record
                continue
            assert all(np.isfinite(value) for value in record["study"].values())
            model, missing = build(run), set()
            if model.latent_dim != 2:  # the square and the integral are in a plane only
                missing |= {"filled_square", "loglik", "loglik_sigma2", "loglik_halving"}
            if isinstance(model, MMDVAE):
                missing |= {"mutual_information", "active_units"}
            if model.decoder_output != "logits" or model.learns_prior:
                missing.add("elbo")
            assert record["study"].keys() == TITLES.keys() - missing
            # In nats: the integral is exact enough.
            assert abs(record["study"].get("loglik_halving", 0)) < 0.1
            trust = record["classifier"]
            assert trust["test_images"] > 0.85
            assert max(trust[name] for name in ("averages", "blurred", "class_means")) < 0.2
            if seed == 0:
                assert record["history"] == read_record(run, dataset)["history"]


def test_models_that_a_claim_compares_had_the_same_judge():
    records = study.read_records()
    judged = [r for r in study.read_claims() if r["measure"].startswith(("filled", "class_ch"))]
    pairs = 0
    for row in judged:
        for seed in study.differences(
            records, row["run"], row["minus"], row["data"], row["measure"]
        ):
            first, second = (records[row[r], row["data"]][seed] for r in ("run", "minus"))
            assert first["classifier"] == second["classifier"], (row, seed)
            pairs += 1
    assert pairs == 32  # five seeds in four rows, three in four


def test_the_family_has_one_training_of_each_model_and_the_sweep():
    assert len(study.FAMILY) == len(set(study.FAMILY))
    assert {run for run, _, _ in study.FAMILY} | {run for run, _, _ in study.STUDY} == set(RUNS)
    assert {(dataset, seed) for _, dataset, seed in study.FAMILY} == {("fashion_mnist", 0)}


def test_the_sweep_is_not_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "RECORDS", tmp_path)
    monkeypatch.setattr(study, "_train", lambda *row: (None, {"history": []}))
    monkeypatch.setattr(study, "measure_all", lambda *a, **k: pytest.fail("measured"))
    assert study.make_record("vae_beta_3", "fashion_mnist", 0) == {"history": []}


def test_what_has_a_record_is_not_trained_again(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "RECORDS", tmp_path)
    monkeypatch.setattr(study, "_train", lambda *a: pytest.fail("trained"))
    record = {"settings": {"run": "vae", "dataset": "mnist", "seed": 1}}
    study.record_path("vae", "mnist", 1).write_text(json.dumps(record))
    assert study.make_record("vae", "mnist", 1) == record


def test_the_queue_passes_over_what_it_has_and_a_single_row_is_made_anew(monkeypatch):
    asked = []
    monkeypatch.setattr(study, "make_record", lambda *row, anew: asked.append((*row, anew)))
    study.main([])
    assert asked == [(*row, False) for row in [*study.STUDY, *study.FAMILY]]
    asked.clear()
    study.main(["--run", "vae", "--dataset", "mnist", "--seed", "1"])
    assert asked == [("vae", "mnist", 1, True)]


def run_one(capsys):
    """What the command says of one row of the queue when it fails; one line, and no traceback."""
    with pytest.raises(SystemExit) as ended:
        study.main([])
    assert "Traceback" not in capsys.readouterr().err
    assert "\n" not in ended.value.code
    return ended.value.code


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"settings": {"run": "vae", ', "is no record: it was altered or cut short"),
        ("", "is no record"),
        ("[1, 2]", "is no record"),
        ('{"settings": {"run": "vae", "dataset": "mnist", "seed": "1"}}', "is no record"),
        ('{"settings": {"run": "vae"}}', "is no record"),
        (b"\xff\xfe", "is no record"),
        (
            '{"settings": {"run": "vae", "dataset": "mnist", "seed": 2}}',
            "is the record of vae-mnist-seed2: it was swapped or renamed",
        ),
    ],
)
def test_a_record_that_was_cut_short_altered_or_swapped_is_refused_in_one_line(
    monkeypatch, tmp_path, capsys, content, message
):
    monkeypatch.setattr(study, "RECORDS", tmp_path)
    monkeypatch.setattr(study, "STUDY", [("vae", "mnist", 1)])
    monkeypatch.setattr(study, "_train", lambda *a: pytest.fail("trained"))
    path = study.record_path("vae", "mnist", 1)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = run_one(capsys)
    assert said.startswith(f"study: {path} {message}")
    with pytest.raises(ValueError, match=message):
        study.read_records(tmp_path)


def test_a_disk_that_is_full_an_altered_shipped_file_and_data_that_cannot_be_had_are_one_line(
    monkeypatch, tmp_path, capsys
):
    trained = {"settings": {"run": "vae_beta_3", "dataset": "fashion_mnist", "seed": 0}}
    monkeypatch.setattr(study, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(study, "STUDY", [("vae_beta_3", "fashion_mnist", 0)])
    monkeypatch.setattr(study, "_train", lambda *row: (None, trained))
    with monkeypatch.context() as m:
        full = OSError(28, "No space left on device")
        m.setattr(type(tmp_path), "write_text", lambda *a, **k: (_ for _ in ()).throw(full))
        assert "No space left on device" in run_one(capsys)
    assert list((tmp_path / "records").iterdir()) == []

    shutil.copytree(checkpoints.SHIPPED, tmp_path / "shipped")
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(study, "STUDY", [("vae", "mnist", 0)])
    for harm in ("removed", "altered"):
        path = tmp_path / "shipped" / "vae-mnist.json"
        path.unlink() if harm == "removed" else path.write_text("{}")
        assert "vae-mnist.json is not the file that this book ships" in run_one(capsys)

    monkeypatch.setattr(study, "STUDY", [("vae", "fashion_mnist", 0)])
    unreachable = DataError("fashion_mnist could not be loaded")
    monkeypatch.setattr(study, "load_images", lambda name: (_ for _ in ()).throw(unreachable))
    assert run_one(capsys) == "study: fashion_mnist could not be loaded"


def test_a_training_that_fails_says_so_in_one_line_below_its_own(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(study, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(study, "STUDY", [("vae", "mnist", 1)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").touch()  # a file where the training's folder should be
    with pytest.raises(SystemExit, match=r"^study: a training ended with status 1; see above$"):
        study.main([])
    said = capfd.readouterr().err
    assert "\ntrain: " in said
    assert "Traceback" not in said


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
    ("run", "dataset"),
    [
        (run, dataset)
        for run, dataset, seed in [*study.STUDY, *study.FAMILY]
        if seed == 0 and run not in SWEEP
    ],
)
def test_the_shipped_weights_measure_what_their_record_says(shipped, load, run, dataset):
    record = study.read_records().get((run, dataset), {}).get(0)
    if record is None:
        pytest.fail(f"{run} on {dataset} has no record with seed 0")
    data = load(dataset)
    classifier = study.load_classifier(data)
    found = study.measure_all(shipped(run, dataset).model, data, classifier, seed=0)
    assert found.keys() == record["study"].keys()
    assert study.controls(classifier, data) == pytest.approx(
        {name: share for name, share in record["classifier"].items() if name != "test_accuracy"}
    )
    for name, value in found.items():
        assert value == pytest.approx(record["study"][name], rel=0.02, abs=5e-4), name

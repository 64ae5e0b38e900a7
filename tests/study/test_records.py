"""The records and their statistics."""

import json

import numpy as np
import pytest
from scipy import stats

from vae_helpers.checkpoints import BERNOULLI_MMD_WEIGHT, RUNS, SWEEP, build, read_record
from vae_helpers.losses import bernoulli_loglik
from vae_helpers.models import MMDVAE
from vae_study import records as kept
from vae_study.all_measures import TITLES
from vae_study.weights import WEIGHTS


def as_records(**runs):
    """Records of one measure, "m", on MNIST: as_records(vae=[1.0, 2.0]) has seeds 0 and 1."""
    return {
        (run, "mnist"): {seed: {"study": {"m": value}} for seed, value in enumerate(values)}
        for run, values in runs.items()
    }


def test_the_interval_of_paired_differences_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1.0, 1.0, 5), rng.normal(0.0, 1.0, 5)
    records = as_records(mmd_vae=a, vae=b)
    found = kept.differences(records, "mmd_vae", "vae", "mnist", "m")
    assert list(found) == [0, 1, 2, 3, 4]
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert kept.t_interval(found.values()) == pytest.approx(tuple(expected))


def test_differences_pair_the_seeds_that_both_runs_have():
    records = as_records(mmd_vae=[5.0, 6.0, 9.0], vae=[1.0, 1.0])
    assert kept.differences(records, "mmd_vae", "vae", "mnist", "m") == {0: 4.0, 1: 5.0}
    assert kept.differences(records, "mmd_vae", "autoencoder", "mnist", "m") == {}


def test_one_number_has_no_interval_and_equal_numbers_have_one_of_no_width():
    assert kept.t_interval([]) is kept.t_interval([1.0]) is None
    assert kept.t_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert kept.t_interval([0.0, 1e-200]) == (0.0, 0.0)  # the square of the spread underflows


def test_every_record_is_whole():
    records = kept.read_records()
    assert {run for run, _ in records} >= {"vae_published", "vae", "mmd_vae"}
    for (run, dataset), by_seed in records.items():
        for seed, record in by_seed.items():
            assert kept.record_path(run, dataset, seed).exists()
            assert record["epochs"] == RUNS[run].epochs == len(record["history"])
            assert record["settings"] == {
                "run": run, "dataset": dataset, "seed": seed, "batch_size": 100,
                "learning_rate": RUNS[run].learning_rate, "train_images": None,
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
            path = WEIGHTS / f"{run}-{dataset}-seed{seed}.json"
            trained = json.loads(path.read_text()) if path.exists() else read_record(run, dataset)
            losses, kept_losses = (
                [epoch["loss"] for epoch in of["history"]] for of in (record, trained)
            )
            assert losses == pytest.approx(kept_losses, rel=1e-5)  # six digits are kept


def test_the_outside_yardstick_was_reproduced():
    """TensorFlow's CVAE tutorial prints about −155.9 nats after its ten epochs."""
    record = json.loads((kept.RECORDS / "cvae_tutorial.json").read_text())
    assert len(record["test_elbo"]) == record["settings"]["epochs"] == 10
    assert record["test_elbo"][-1] == pytest.approx(-155.9, abs=5)


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

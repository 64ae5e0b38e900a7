"""Samples of all models in two kinds of features: what was measured, and what the book says of it."""

import numpy as np
import pytest

from vae_study import samples
from vae_study.features import feature_spaces, frechet_distance

SPACES = ("learnt", "by_hand")


@pytest.fixture(scope="module")
def record():
    return samples.read_samples()


def test_every_training_whose_weights_there_are_is_measured(record):
    there = {"{}-{}-seed{}".format(*training) for training in samples.trainings()}
    recorded = {path.stem for path in samples.WEIGHTS.glob("*-seed*.json")}
    measured = set(record["models"])
    assert there <= measured <= there | recorded  # of some the weights are too many to be kept
    assert record["controls"].keys() == set(samples.DATASETS)


@pytest.mark.parametrize("dataset", samples.read_samples()["controls"])
@pytest.mark.parametrize("space", SPACES)
def test_controls_come_out_as_their_makers_know(record, dataset, space):
    found = {name: of[space] for name, of in record["controls"][dataset].items()}
    floor = found.pop("training_images")
    # Photographs are of so many kinds that a faint harm is lost among them.
    photographs = dataset == "cifar10"
    assert all(of["fid"] > (1 if photographs else 1.3) * floor["fid"] for of in found.values())
    faint = ("averages", "dropped_3") if photographs else ()
    for name in {"blurred_1", "blurred_2", "averages", "dropped_3", "class_means"}.difference(
        faint
    ):
        assert found[name]["coverage"] < 0.9 * floor["coverage"]
    for less, more in (("blurred_1", "blurred_2"), ("noise_1", "noise_10")):
        assert found[less]["fid"] < found[more]["fid"]
    # What lacks classes is as precise as before, and reaches less.
    assert found["dropped_3"]["precision"] > 0.9 * floor["precision"]
    assert found["dropped_3"]["recall"] < (0.95 if photographs else 0.9) * floor["recall"]


def test_the_record_is_what_the_shipped_weights_draw(record, fashion_mnist):
    """One model again, its samples alone."""
    model, _ = samples.restore_training("mmd_vae", "fashion_mnist", 0)
    of = feature_spaces("fashion_mnist")["by_hand"]
    found = frechet_distance(of(fashion_mnist.test_images), of(model.sample(samples.N, seed=0)))
    kept = record["models"]["mmd_vae-fashion_mnist-seed0"]["samples"]["by_hand"]["fid"]
    assert found == pytest.approx(kept, rel=0.01)


def test_draws_of_a_mixture_go_where_codes_are():
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(at, 0.1, (600, 2)) for at in (-3, 3)])
    drawn = samples.fit_mixture(rng.permutation(codes), parts=2).sample(1000)[0]
    assert np.abs(np.abs(drawn) - 3).max() < 0.6
    assert 0.4 < (drawn[:, 0] > 0).mean() < 0.6


def test_fewer_draws_are_in_a_hole_the_wider_it_must_be():
    rng = np.random.default_rng(1)
    train, test = rng.standard_normal((2, 3000, 2))
    found = samples.holes_by_quantile(train, test, 2 * rng.standard_normal((2000, 2)))
    shares = list(found.values())
    assert shares == sorted(shares, reverse=True)
    assert found["0.99"] == pytest.approx(
        samples.in_hole(
            train, test, 2 * np.random.default_rng(2).standard_normal((2000, 2))
        ).mean(),
        abs=0.05,
    )
    # Draws like the test codes are in a hole as often as the quantile says.
    same = samples.holes_by_quantile(train, test, test)
    assert same["0.95"] == pytest.approx(0.05, abs=1e-3)

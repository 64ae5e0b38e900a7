"""Whether differences grow on photographs: rows, numbers and verdicts, on cases that are known."""

import numpy as np
import pytest

from vae_helpers.checkpoints import RUNS
from vae_helpers.data import DIGESTS
from vae_study import real_pictures


def measured(run, data, numbers, measure):
    """What ``samples.json`` would hold of one run's trainings."""
    part = "samples" if measure in real_pictures.DRAWN else "codes"
    return {
        f"{run}-{data}-seed{seed}": {
            part: {"learnt": {measure: number}} if part == "samples" else {measure: number}
        }
        for seed, number in enumerate(numbers)
    }


def case(measure, here, there, scale="difference", threshold=0.05):
    """A row and the numbers of (vae, mmd_vae) on photographs and on garments, seed by seed."""
    row = {
        "vae": "vae", "mmd_vae": "mmd_vae", "data": "cifar10", "than": "fashion_mnist",
        "measure": measure, "scale": scale, "threshold": threshold,
    }  # fmt: skip
    models = {}
    for data, pair in (("cifar10", here), ("fashion_mnist", there)):
        for run, numbers in zip(("vae", "mmd_vae"), pair, strict=True):
            models |= measured(run, data, numbers, measure)
    return row, models


def test_every_row_names_runs_data_and_scales_that_there_are():
    rows = real_pictures.read_rows()
    assert len(rows) > 30
    for row in rows:
        assert {row["vae"], row["mmd_vae"]} <= set(RUNS)
        assert {row["data"], row["than"]} <= set(DIGESTS)
        assert row["scale"] in ("difference", "log ratio")
        assert row["threshold"] > 0


@pytest.mark.parametrize("measure", ["fid", "knn_accuracy"])
def test_numbers_are_found_by_run_data_and_seed(measure):
    models = measured("vae", "cifar10", [3.0, 4.0], measure)
    models |= measured("vae_32d", "cifar10", [5.0], measure) | measured(
        "vae", "mnist", [6.0], measure
    )
    assert real_pictures.numbers(models, "vae", "cifar10", measure) == {0: 3.0, 1: 4.0}


def test_a_gap_that_doubles_whichever_model_is_ahead_has_grown():
    here = [0.1, 0.11, 0.09], [0.5, 0.52, 0.48]
    there = [0.5, 0.53, 0.48], [0.3, 0.31, 0.29]
    number, (low, high), verdict = real_pictures.growth(*case("precision", here, there))
    assert number == pytest.approx(0.4 - 0.61 / 3)
    assert 0.05 < low < number < high
    assert verdict == "holds"


def test_a_gap_that_shrinks_has_not_grown_and_one_that_scatters_is_open():
    wide, narrow = ([0.5, 0.53, 0.48], [0.1, 0.11, 0.09]), ([0.5, 0.51, 0.49], [0.45, 0.44, 0.46])
    assert real_pictures.growth(*case("coverage", narrow, wide))[2] == "does not hold"
    scattered = [0.9, 0.1, 0.8], [0.1, 0.5, 0.2]
    assert real_pictures.growth(*case("coverage", scattered, narrow))[2] == "open"


def test_log_ratios_do_not_depend_on_the_data_sets_unit():
    here, there = ([40.0, 42.0], [20.0, 21.5]), ([4.0, 4.2], [3.0, 3.3])
    found = real_pictures.growth(*case("fid", here, there, "log ratio"))
    times = 7 * np.array(here)
    again = real_pictures.growth(*case("fid", times.tolist(), there, "log ratio"))
    assert again[0] == pytest.approx(found[0])
    assert again[1] == pytest.approx(found[1])


def test_one_seed_is_no_test():
    row, models = case("fid", ([3.0], [2.0]), ([1.0], [2.0]))
    assert real_pictures.growth(row, models) == (None, None, "not tested")


def test_trainings_that_are_kept_are_not_trained_again(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(real_pictures, "WEIGHTS", tmp_path)
    first, second = real_pictures.QUEUE[:2]
    (tmp_path / "{}-{}-seed{}.json".format(*first)).touch()
    real_pictures.main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["done", *map(str, first)]
    assert lines[1].split() == ["missing", *map(str, second)]

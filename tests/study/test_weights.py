"""Trainings that come back from what is kept of them."""

import pytest

from vae_helpers.measures import squared_error
from vae_study.weights import WEIGHTS, restore_training

KEPT = sorted(path.stem.rsplit("-", 2) for path in WEIGHTS.glob("*.npz"))


@pytest.mark.parametrize(("run", "dataset", "seed"), KEPT, ids="-".join)
def test_a_kept_training_draws_what_its_record_says(load, run, dataset, seed):
    model, record = restore_training(run, dataset, int(seed.removeprefix("seed")))
    assert record["settings"]["seed"] == int(seed.removeprefix("seed"))
    last = record["test"][str(record["epochs"])]
    found = squared_error(model, load(dataset).test_images)
    assert found == pytest.approx(last["squared_error"], rel=1e-3)  # float16


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])  # of the second other seeds are
def test_weights_that_are_not_kept_are_refused(dataset):
    with pytest.raises(ValueError, match="is not the file that this book ships"):
        restore_training("vae", dataset, 17)

"""Trainings that come back from what is kept of them."""

import pytest

from vae_helpers.checkpoints import digest_of
from vae_helpers.measures import squared_error
from vae_study.weights import WEIGHTS, restore_training

KEPT = sorted(path.stem.rsplit("-", 2) for path in WEIGHTS.glob("*.npz"))
# Digests hold the others, which `make test-all` computes again.
COMPUTED_EACH_TIME = (
    ["vae", "fashion_mnist", "seed1"],
    ["mmd_vae", "mnist", "seed2"],
    ["mmd_vae_imq_32d", "cifar10", "seed0"],
)


@pytest.mark.parametrize(
    ("run", "dataset", "seed"),
    [
        pytest.param(*row, marks=[] if row in COMPUTED_EACH_TIME else pytest.mark.long)
        for row in KEPT
    ],
)
def test_a_kept_training_draws_what_its_record_says(load, run, dataset, seed):
    model, record = restore_training(run, dataset, int(seed.removeprefix("seed")))
    assert record["settings"]["seed"] == int(seed.removeprefix("seed"))
    last = record["test"][str(record["epochs"])]
    found = squared_error(model, load(dataset).test_images)
    assert found == pytest.approx(last["squared_error"], rel=1e-3)  # float16


def test_what_is_computed_each_time_is_kept_and_every_file_has_its_digest():
    assert all(row in KEPT for row in COMPUTED_EACH_TIME)
    sums = dict(
        line.split("  ")[::-1] for line in (WEIGHTS / "SHA256SUMS").read_text().splitlines()
    )
    assert sums == {path.name: digest_of(path) for path in WEIGHTS.glob("*.npz")}


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])  # of both other seeds are
def test_weights_that_are_not_kept_are_refused_with_the_command_that_makes_them(dataset):
    with pytest.raises(FileNotFoundError, match=f"train vae {dataset} --seed 17"):
        restore_training("vae", dataset, 17)


def test_weights_of_one_run_are_not_taken_for_those_of_another_whose_name_ends_alike(
    monkeypatch, tmp_path
):
    monkeypatch.setattr("vae_study.weights.WEIGHTS", tmp_path)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  mmd_vae-mnist-seed17.npz\n")
    with pytest.raises(FileNotFoundError, match="vae-mnist-seed17 is not kept"):
        restore_training("vae", "mnist", 17)


def test_weights_that_were_altered_or_lost_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("vae_study.weights.WEIGHTS", tmp_path)
    name = "vae-mnist-seed1.npz"
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    for _ in range(2):  # gone, then there but another one
        with pytest.raises(ValueError, match="is not the file that this book ships"):
            restore_training("vae", "mnist", 1)
        (tmp_path / name).write_bytes(b"")

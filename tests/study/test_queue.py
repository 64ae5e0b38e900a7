"""The queue of trainings, and what it says when something goes wrong."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from killing import rows_saved

from vae_helpers import checkpoints
from vae_helpers.checkpoints import SWEEP
from vae_helpers.data import DataError
from vae_study import queue
from vae_study import records as kept
from vae_study.weights import restore_training


def test_the_sweep_is_not_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "RECORDS", tmp_path)
    monkeypatch.setattr(queue, "_train", lambda *row: (None, {"history": []}))
    monkeypatch.setattr(queue, "study_measures", lambda *a, **k: pytest.fail("measured"))
    assert queue.make_record("vae_beta_3", "fashion_mnist", 17) == {"history": []}


def test_what_is_kept_is_measured_and_not_trained_again(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "RECORDS", tmp_path)
    monkeypatch.setattr(queue, "_train", lambda *row: pytest.fail("trained"))
    record = queue.make_record("vae_beta_3", "fashion_mnist", 0, anew=True)
    assert record == restore_training("vae_beta_3", "fashion_mnist", 0)[1]
    assert kept.read_records(tmp_path)["vae_beta_3", "fashion_mnist"] == {0: record}


def test_what_has_a_record_is_not_trained_again(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "RECORDS", tmp_path)
    monkeypatch.setattr(queue, "_train", lambda *a: pytest.fail("trained"))
    record = {"settings": {"run": "vae", "dataset": "mnist", "seed": 1}}
    kept.record_path("vae", "mnist", 1).write_text(json.dumps(record))
    assert queue.make_record("vae", "mnist", 1) == record


def test_the_queue_passes_over_what_it_has_and_a_single_row_is_made_anew(monkeypatch):
    asked = []
    monkeypatch.setattr(queue, "make_record", lambda *row, anew: asked.append((*row, anew)))
    queue.main([])
    assert asked == [(*row, False) for row in [*queue.STUDY, *queue.FAMILY, *queue.VARIATIONS]]
    asked.clear()
    queue.main(["--run", "vae", "--dataset", "mnist", "--seed", "1"])
    assert asked == [("vae", "mnist", 1, True)]


def run_one(capsys):
    """What the command says of one row of the queue when it fails; one line, and no traceback."""
    with pytest.raises(SystemExit) as ended:
        queue.main([])
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
    monkeypatch.setattr(kept, "RECORDS", tmp_path)
    monkeypatch.setattr(queue, "STUDY", [("vae", "mnist", 1)])
    monkeypatch.setattr(queue, "FAMILY", [])
    monkeypatch.setattr(queue, "VARIATIONS", [])
    monkeypatch.setattr(queue, "_train", lambda *a: pytest.fail("trained"))
    path = kept.record_path("vae", "mnist", 1)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = run_one(capsys)
    assert said.startswith(f"study: {path} {message}")
    with pytest.raises(ValueError, match=message):
        kept.read_records(tmp_path)


def test_a_disk_that_is_full_an_altered_shipped_file_and_data_that_cannot_be_had_are_one_line(
    monkeypatch, tmp_path, capsys
):
    trained = {"settings": {"run": "vae_beta_3", "dataset": "fashion_mnist", "seed": 0}}
    monkeypatch.setattr(kept, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(queue, "STUDY", [("vae_beta_3", "fashion_mnist", 0)])
    monkeypatch.setattr(queue, "_train", lambda *row: (None, trained))
    with monkeypatch.context() as m:
        full = OSError(28, "No space left on device")
        m.setattr(type(tmp_path), "write_text", lambda *a, **k: (_ for _ in ()).throw(full))
        assert "No space left on device" in run_one(capsys)
    assert list((tmp_path / "records").iterdir()) == []

    shutil.copytree(checkpoints.SHIPPED, tmp_path / "shipped")
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(queue, "STUDY", [("vae", "mnist", 0)])
    for harm in ("removed", "altered"):
        path = tmp_path / "shipped" / "vae-mnist.json"
        path.unlink() if harm == "removed" else path.write_text("{}")
        assert "vae-mnist.json is not the file that this book ships" in run_one(capsys)

    monkeypatch.setattr(queue, "STUDY", [("vae", "fashion_mnist", 0)])
    unreachable = DataError("fashion_mnist could not be loaded")
    monkeypatch.setattr(queue, "load_images", lambda name: (_ for _ in ()).throw(unreachable))
    assert run_one(capsys) == "study: fashion_mnist could not be loaded"


def test_a_training_that_fails_says_so_in_one_line_below_its_own(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(kept, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(queue, "STUDY", [("vae", "mnist", 17)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").touch()  # a file where the training's folder should be
    with pytest.raises(SystemExit, match=r"^study: a training ended with status 1; see above$"):
        queue.main([])
    said = capfd.readouterr().err
    assert "\ntrain: " in said
    assert "Traceback" not in said


def test_a_part_of_a_row_is_refused(capsys):
    for arguments in (["--run", "vae"], ["--run", "vae", "--dataset", "mnist"]):
        with pytest.raises(SystemExit):
            queue.main(arguments)
        assert "go together" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        queue.main(["--run", "vae", "--dataset", "mnist", "--seed", "-1"])
    assert "at least 0" in capsys.readouterr().err


@pytest.mark.long  # some two minutes for each
@pytest.mark.parametrize(
    ("run", "dataset"),
    [
        (run, dataset)
        for run, dataset, seed in [*queue.STUDY, *queue.FAMILY]
        if seed == 0 and run not in SWEEP
    ],
)
def test_the_shipped_weights_measure_what_their_record_says(shipped, load, run, dataset):
    record = kept.read_records().get((run, dataset), {}).get(0)
    if record is None:
        pytest.fail(f"{run} on {dataset} has no record with seed 0")
    data = load(dataset)
    classifier = queue.load_classifier(data)
    found = queue.study_measures(shipped(run, dataset).model, data, classifier, seed=0)
    assert found.keys() == record["study"].keys()
    assert queue.controls(classifier, data) == pytest.approx(
        {name: share for name, share in record["classifier"].items() if name != "test_accuracy"}
    )
    for name, value in found.items():
        assert value == pytest.approx(record["study"][name], rel=0.02, abs=5e-4), name


# ---- many workers --------------------------------------------------------------------------------


def test_without_dask_a_scheduler_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit, match=r"^study: --scheduler needs Dask: pip install"):
        queue.main(["--scheduler"])


TINY = """
import numpy as np
from vae_helpers import data, train

drawn = np.random.default_rng(7).uniform(size=(300, 28, 28, 1)).astype("float32")
labels = np.arange(300) % 10
small = data.ImageDataset(drawn, drawn[:60], labels, labels[:60], None, "mnist")
train.load_images = lambda name: small
train.main()
"""


def tiny(run, dataset, seed):
    """What a worker does, but with few images and epochs, and without the study's measures."""
    out = Path(f"runs/{run}-{dataset}-seed{seed}")
    queue.in_another_process(
        TINY, run, dataset, "--seed", str(seed), "--epochs", "12", "--out", str(out)
    )
    return json.loads((out / f"{run}-{dataset}.json").read_text())


@pytest.mark.long
def test_three_workers_of_whom_one_is_killed_make_the_records_that_one_process_makes(
    monkeypatch, tmp_path
):
    import cloudpickle
    from distributed import Client, LocalCluster

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.chdir(tmp_path)
    rows = [(run, "mnist", seed) for run in ("vae", "mmd_vae") for seed in (1, 2)]
    monkeypatch.setattr(kept, "RECORDS", tmp_path / "records")
    first, killed = tmp_path / "runs/vae-mnist-seed1", []

    def kill_one():
        """SIGKILL to the worker that is in the middle of the first training."""
        while len(rows_saved(first)) < 3:
            time.sleep(0.01)
        for worker, keys in client.processing().items():
            if "vae mnist seed 1" in map(str, keys):
                os.kill(pids[worker], signal.SIGKILL)
                killed.append(worker)

    with (
        LocalCluster(3, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        pids = client.run(os.getpid)
        watching = threading.Thread(target=kill_one, daemon=True)
        watching.start()
        queue.hand_out(client, rows, tiny)
        watching.join(10)
    assert killed

    (tmp_path / "serial").mkdir()
    monkeypatch.chdir(tmp_path / "serial")
    for row in rows:
        expected, found = tiny(*row), kept.read_record(kept.record_path(*row))
        for record in (found, expected):
            for epoch in record["history"]:
                del epoch["seconds"]
        assert found == expected

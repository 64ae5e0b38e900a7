"""Training: that it learns, that it can be killed and goes on, what it records, what it refuses."""

import contextlib
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from killing import Training, rows_saved
from small_files import files_no_larger_than

from vae_helpers import checkpoints, measures, models, resuming, train
from vae_helpers.data import DIGESTS, DataError, to_batches

# ---- learning --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("run", ["vae", "mmd_vae"])
def test_a_short_training_on_real_images_lowers_the_loss_and_sorts_the_classes(run, fashion_mnist):
    images, labels = fashion_mnist.train_images[:3000], fashion_mnist.train_labels[:3000]
    test, test_labels = fashion_mnist.test_images[:2000], fashion_mnist.test_labels[:2000]
    model = checkpoints.build(run)
    model.compile(keras.optimizers.Adam(1e-3))

    def state():
        loss = model.evaluate(test, batch_size=100, verbose=0, return_dict=True)["loss"]
        accuracy = measures.knn_accuracy(
            model.encode(images), labels, model.encode(test), test_labels
        )
        return loss, accuracy, measures.squared_error(model, test)

    loss_before, accuracy_before, error_before = state()
    model.fit(images, batch_size=100, epochs=8, verbose=0)
    loss, accuracy, error = state()
    assert loss < 0.7 * loss_before
    assert error < 0.6 * error_before
    assert accuracy > accuracy_before + 0.08
    assert accuracy > 0.45


@pytest.mark.parametrize("run", ["vae", "mmd_vae", "vae_capacity"])
def test_ten_steps_in_one_call_leave_the_weights_that_one_a_call_leaves(run, fashion_mnist):
    ends = []
    for steps in (1, 10):
        keras.utils.set_random_seed(4)
        model = checkpoints.build(run)
        model.compile(keras.optimizers.Adam(1e-3), steps_per_execution=steps)
        # 13 batches an epoch, the last of them smaller: the second call has three steps.
        batches = to_batches(fashion_mnist.train_images[:510], 40, seed=0)
        history = model.fit(batches, epochs=2, verbose=0).history
        ends.append((model.get_weights(), history))
    (weights, history), (others, other_history) = ends
    assert history == other_history
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- the command, killed and not killed ------------------------------------------------------


def start(out, *options):
    command = [
        sys.executable, "-m", "vae_helpers.train", "vae", "fashion_mnist",
        "--train-images", "500", "--seed", "3", "--out", str(out), *options,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


def results(out):
    record = json.loads((out / "vae-fashion_mnist.json").read_text())
    for row in record["history"]:
        del row["seconds"]
    with h5py.File(out / "vae-fashion_mnist.weights.h5") as file:
        weights = {}
        file.visititems(
            lambda name, item: weights.update({name: item[...]}) if hasattr(item, "dtype") else None
        )
    with np.load(out / "vae-fashion_mnist.npz", allow_pickle=False) as file:
        arrays = dict(file)
    return record, weights, arrays


def kill_after(process, done, delay):
    """SIGKILL ``delay`` seconds after ``done()`` became true, or when the process has ended."""
    while not done() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(delay)
    process.kill()
    process.communicate()
    return process.returncode == -9


def assert_the_same(found, expected):
    record, weights, arrays = found
    expected_record, expected_weights, expected_arrays = expected
    assert record["history"] == expected_record["history"]
    assert record == expected_record
    assert weights.keys() == expected_weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(array, expected_weights[name])
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected_arrays[name])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    finish(start(out, "--epochs", "6"))
    return out


@pytest.mark.long
def test_a_record_that_is_written_again_names_the_versions_that_trained(
    tmp_path, undisturbed, monkeypatch
):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    trained = json.loads((tmp_path / "vae-fashion_mnist.json").read_text())["versions"]
    monkeypatch.setattr(resuming, "version", lambda package: "a later one")
    record = train.train("vae", "fashion_mnist", epochs=6, seed=3, train_images=500, out=tmp_path)
    assert record["versions"] == trained


@pytest.mark.long  # other processes
def test_a_training_killed_three_times_ends_as_an_undisturbed_one(tmp_path, undisturbed):
    chance = random.Random()
    for _ in range(3):
        before = len(rows_saved(tmp_path))
        process = start(tmp_path, "--epochs", "6")
        delay = chance.uniform(0, 0.5)
        killed = kill_after(process, lambda: len(rows_saved(tmp_path)) > before, delay)  # noqa: B023
        assert killed or len(rows_saved(tmp_path)) == 6
    kept = rows_saved(tmp_path)
    assert kept
    finish(start(tmp_path, "--epochs", "6"))
    assert_the_same(results(tmp_path), results(undisturbed))
    # It went on, and did not start again: the finished epochs still have the seconds they took.
    assert rows_saved(tmp_path)[: len(kept)] == kept


@pytest.mark.long  # other processes
def test_the_same_seed_gives_the_same_weights_bit_for_bit_in_another_process(tmp_path, undisturbed):
    finish(start(tmp_path, "--epochs", "6"))
    assert_the_same(results(tmp_path), results(undisturbed))
    # And it is no trivial equality: the codes have moved.
    first, *_, last = results(tmp_path)[2]["codes"]
    assert not np.allclose(first, last, atol=0.01)


# ---- killed twenty times -----------------------------------------------------------------------


def being_written(out):
    """What lies in a training's folder while something is written and no longer.

    {path: its time of change}: what an earlier kill has left behind is told from what is new by it.
    """
    found = {}
    with contextlib.suppress(FileNotFoundError):  # no such folder yet, or the file was faster
        for path in out.glob(".writing-*"):
            found[path] = path.stat().st_mtime_ns
    return found


def kill_while_it_saves(training, out, skip=0):
    """SIGKILL in the middle of a save: which one, or None where the training ended before.

    As soon as a temporary file is seen the process is stopped; if the file is still there then, it is
    killed, and otherwise goes on. So no luck is needed, nor a fast machine.
    """
    before, seen = being_written(out), set()
    while training.runs():
        new = being_written(out).items() - before.items()
        seen |= {path for path, _ in new}
        if not new or len(seen) <= skip:
            continue
        training.stop()
        still = being_written(out).items() & new
        if still:
            training.kill()
            path = min(still)[0]
            inside = [part.name for part in path.iterdir()] if path.is_dir() else []
            return "/".join([path.name, *inside])
        training.go_on()
    training.kill()
    return None


@pytest.mark.long
def test_a_training_killed_twenty_times_at_any_moment_ends_as_an_undisturbed_one(
    tmp_path, fashion_mnist, record_property
):
    data = tmp_path / "data.npz"
    sizes = {"train_images": 300, "train_labels": 300, "test_images": 100, "test_labels": 100}
    np.savez(data, **{part: getattr(fashion_mnist, part)[:n] for part, n in sizes.items()})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    chance = random.Random()

    def begin(out):
        log = tmp_path / f"{out.name}.txt"
        options = ("--epochs", "60", "--seed", "3", "--out", str(out))
        return Training(data, log, "vae", "fashion_mnist", *options)

    def wait(training, done, seconds=np.inf):
        """Until ``done``, or so many seconds; gives the seconds."""
        clock = time.perf_counter()
        while training.runs() and not done() and time.perf_counter() - clock < seconds:
            time.sleep(0.001)
        return time.perf_counter() - clock

    # Undisturbed: how long it takes to start, and an epoch.
    training = begin(whole)
    starting = wait(training, lambda: rows_saved(whole))
    for_an_epoch = wait(training, lambda: len(rows_saved(whole)) > 8) / 8
    training.finish()

    # Each moment leaves the training at most four epochs further, so that it never ends too early.
    moments = ["start"] * 5 + ["training"] * 5 + ["saving"] * 8
    chance.shuffle(moments)
    moments += ["end"] * 2  # the last epoch, and what is written after it
    hits = dict.fromkeys(("start", "training", "saving", "end"), 0)
    saves = []
    for moment in moments:
        hit = None
        while not hit:
            before = len(rows_saved(killed))

            def saved(new=1, before=before):
                return len(rows_saved(killed)) - before >= new

            training = begin(killed)
            if moment == "start":
                wait(training, saved, chance.uniform(0, starting))
                hit = training.kill()
            elif moment == "training":
                wait(training, saved)
                wait(training, lambda: saved(2), chance.uniform(0, 2 * for_an_epoch))
                hit = training.kill()
            elif moment == "saving":
                hit = kill_while_it_saves(training, killed, skip=chance.randrange(4))
            else:
                wait(training, lambda: len(rows_saved(killed)) == 60)
                hit = kill_while_it_saves(training, killed)
            # At the end a write can be over too soon to be seen, and is then done once more.
            assert hit or moment == "end", training.log.read_text()
        hits[moment] += 1
        if isinstance(hit, str):
            saves.append(hit)
    assert sum(hits.values()) == 20
    assert len(saves) == 10
    begin(killed).finish()
    assert_the_same(results(killed), results(whole))
    assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}
    record_property("kills", json.dumps({**hits, "while writing": saves}))
    print(f"\n20 kills: {hits}; while writing: {saves}")


def test_the_record_holds_what_was_trained_and_what_came_of_it(undisturbed):
    record = json.loads((undisturbed / "vae-fashion_mnist.json").read_text())
    assert record["settings"] == {
        "run": "vae", "dataset": "fashion_mnist", "seed": 3, "batch_size": 100,
        "learning_rate": 1e-4, "train_images": 500,
    }  # fmt: skip
    assert record["epochs"] == 6
    assert [row["epoch"] for row in record["history"]] == [1, 2, 3, 4, 5, 6]
    for row in record["history"]:
        assert set(row) == {"epoch", "seconds", "loss", *models.VAE.summands, *models.VAE.reported}
        assert row["seconds"] > 0
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["divergence"], rel=1e-5)
    assert record["history"][-1]["loss"] < record["history"][0]["loss"]
    assert record["versions"]["tensorflow"] == tf.__version__
    assert record["data_sha256"] == DIGESTS["fashion_mnist"]
    assert set(record["test"]) == {"1", "6"}
    assert record["test"]["6"]["loss"] < record["test"]["1"]["loss"]
    assert {"code_mean", "code_cov", "mmd_to_prior", "knn_accuracy", "squared_error"} < set(
        record["test"]["6"]
    )


def test_the_weights_beside_the_record_are_the_ones_it_measured(undisturbed, fashion_mnist):
    record, _, arrays = results(undisturbed)
    model = checkpoints.build("vae")
    model.load_weights(undisturbed / "vae-fashion_mnist.weights.h5")
    test = fashion_mnist.test_images
    assert measures.squared_error(model, test) == pytest.approx(
        record["test"]["6"]["squared_error"], rel=1e-4
    )
    assert arrays["epochs"].tolist() == [0, 1, 6]
    assert (arrays["codes"].shape, arrays["codes"].dtype) == ((3, 2000, 2), np.float16)
    np.testing.assert_allclose(arrays["codes"][-1], model.encode(test[:2000]), rtol=2e-3, atol=1e-4)


def test_a_finished_training_leaves_no_half_written_file(undisturbed):
    assert {path.name for path in undisturbed.iterdir()} == {
        "state.npz", "vae-fashion_mnist.weights.h5", "vae-fashion_mnist.npz", "vae-fashion_mnist.json",
    }  # fmt: skip


# ---- a small data set in this process: everything else ----------------------------------------


def cut_down(data):
    return data._replace(
        train_images=data.train_images[:200],
        train_labels=data.train_labels[:200],
        test_images=data.test_images[:100],
        test_labels=data.test_labels[:100],
    )


@pytest.fixture
def small(monkeypatch, fashion_mnist):
    """The real data, cut down, and none of the switches that would stay on for other tests."""
    data = cut_down(fashion_mnist)
    monkeypatch.setattr(train, "load_images", lambda name: data)
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
    return data


def test_the_test_images_have_no_part_in_the_training(monkeypatch, tmp_path, small):
    first = train.train("mmd_vae", "fashion_mnist", epochs=1, out=tmp_path / "first")
    other = small._replace(test_images=1 - small.test_images)
    monkeypatch.setattr(train, "load_images", lambda name: other)
    second = train.train("mmd_vae", "fashion_mnist", epochs=1, out=tmp_path / "second")
    loss = [record["history"][0]["loss"] for record in (first, second)]
    assert loss[0] == pytest.approx(loss[1], rel=1e-6)
    weights = []
    for name in ("first", "second"):
        model = checkpoints.build("mmd_vae")
        model.load_weights(tmp_path / name / "mmd_vae-fashion_mnist.weights.h5")
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert first["test"]["1"]["loss"] != pytest.approx(second["test"]["1"]["loss"], rel=1e-2)


@pytest.mark.slow
def test_a_run_has_as_many_epochs_as_in_the_book_unless_others_are_asked_for(tmp_path, small):
    assert train.train("vae_8d", "fashion_mnist", out=tmp_path)["epochs"] == 25


@pytest.mark.slow
def test_more_epochs_later_are_the_epochs_that_one_go_would_have_had(tmp_path, small):
    """Also of a model that draws noise, whose generator goes on where it was."""
    whole = train.train("vae", "mnist", epochs=3, out=tmp_path / "whole")
    train.train("vae", "mnist", epochs=2, out=tmp_path / "parts")
    parts = train.train("vae", "mnist", epochs=3, out=tmp_path / "parts")
    for a, b in zip(whole["history"], parts["history"], strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
        assert a["logpz"] == pytest.approx(b["logpz"], rel=1e-6)  # of draws: it shows the noise
    assert set(parts["test"]) >= {"1", "3"}


@pytest.mark.slow
def test_a_training_with_dropout_goes_on_with_the_masks_that_would_have_come(tmp_path, small):
    def trained(name, epochs):
        keras.utils.set_random_seed(0)
        encoder = keras.Sequential(
            [keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
        )
        model = models.MMDVAE(encoder=encoder)
        record = train.train(model, small, epochs=epochs, out=tmp_path / name)
        return [row["loss"] for row in record["history"]], model.get_weights()

    loss, weights = trained("whole", 3)
    trained("parts", 1)
    found, others = trained("parts", 3)
    assert found == pytest.approx(loss, rel=1e-6)
    for a, b in zip(others, weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_seed_decides_the_weights_that_a_training_begins_with(tmp_path, small):
    def first_codes(seed, name):
        train.train("autoencoder", "mnist", epochs=1, seed=seed, out=tmp_path / name)
        with np.load(tmp_path / name / "autoencoder-mnist.npz", allow_pickle=False) as file:
            return file["codes"][0]

    first = first_codes(1, "first")
    np.testing.assert_array_equal(first_codes(1, "same"), first)
    assert not np.allclose(first_codes(2, "other"), first)


def test_with_one_device_the_mirrored_strategy_is_the_training_without_it(tmp_path, small):
    assert len(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")) == 1
    weights = []
    for name, options in (("default", []), ("mirrored", ["--strategy", "mirrored"])):
        out = tmp_path / name
        train.main(["mmd_vae", "mnist", "--epochs", "1", "--out", str(out), *options])
        model = checkpoints.build("mmd_vae")
        model.load_weights(out / "mmd_vae-mnist.weights.h5")
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_decoder_over_time_is_kept_for_the_runs_that_draw_it(tmp_path, small):
    train.train("mmd_vae", "fashion_mnist", epochs=1, out=tmp_path)
    with np.load(tmp_path / "mmd_vae-fashion_mnist.npz", allow_pickle=False) as file:
        decoders = [file[f"decoder_{i}"] for i in range(8)]
        assert "decoder_8" not in file
    model = checkpoints.build("mmd_vae")
    model.load_weights(tmp_path / "mmd_vae-fashion_mnist.weights.h5")
    for kept, weights in zip(decoders, model.decoder.get_weights(), strict=True):
        np.testing.assert_allclose(kept[1], weights, rtol=1e-3, atol=1e-7)
    assert not np.allclose(decoders[0][0], decoders[0][1], atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 50}, r"batch_size 100 \(asked: 50\)"),
        ({"learning_rate": 1e-3}, r"learning_rate 0\.0001 \(asked: 0\.001\)"),
        ({"seed": 1}, r"seed 0 \(asked: 1\)"),
        ({"train_images": 100}, r"train_images None \(asked: 100\)"),
        ({"dataset": "mnist"}, r"dataset 'fashion_mnist' \(asked: 'mnist'\)"),
        ({"run": "vae"}, r"run 'mmd_vae' \(asked: 'vae'\)"),
        ({"run": "autoencoder"}, r"run 'mmd_vae' \(asked: 'autoencoder'\)"),
        # What is not asked for is as the run has it.
        (
            {"run": "vae_fast"},
            r"run 'mmd_vae' \(asked: 'vae_fast'\), learning_rate 0\.0001 \(asked: 0\.001\)",
        ),
    ],
)
def test_going_on_with_other_settings_is_refused(tmp_path, small, begun, changed, message):
    asked = {"run": "mmd_vae", "dataset": "fashion_mnist"} | changed
    with pytest.raises(ValueError, match=f"holds a training with other settings: {message}"):
        train.train(**asked, epochs=2, out=begun)


def test_going_on_after_the_run_s_model_was_changed_is_refused(monkeypatch, begun):
    changed = checkpoints.Run(lambda **kwargs: models.MMDVAE(mmd_weight=2.0, **kwargs))
    monkeypatch.setitem(checkpoints.RUNS, "mmd_vae", changed)
    with pytest.raises(
        ValueError, match=r"other settings: mmd_weight 1\.0 \(asked: 2\.0\)\. Choose"
    ):
        train.train("mmd_vae", "fashion_mnist", epochs=2, out=begun)


@pytest.fixture(scope="module")
def begun(tmp_path_factory, fashion_mnist):
    """A folder with the state of a training of one epoch."""
    out = tmp_path_factory.mktemp("begun")
    open_state("mmd_vae", "fashion_mnist", out).save({"epoch": 1, "loss": 0.2})
    return out


def open_state(run, dataset, out):
    """The state in a folder of a training with the published settings and seed 0."""
    model = checkpoints.build(run)
    model.compile(keras.optimizers.Adam(1e-4))
    settings = {
        "run": run, "dataset": dataset, "seed": 0, "batch_size": 100, "learning_rate": 1e-4,
        "train_images": None,
    }  # fmt: skip
    return resuming.TrainingState(model, settings, out)


# ---- files that are not as they were written, and a disk that is full ---------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory, fashion_mnist):
    """The folder of a training of three epochs on 200 images, for tests to copy."""
    out = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as m:
        m.setattr(train, "load_images", lambda name: cut_down(fashion_mnist))
        m.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
        train.train("autoencoder", "mnist", epochs=3, out=out)
    return out


@pytest.fixture
def harmed(tmp_path, finished):
    return Path(shutil.copytree(finished, tmp_path / "out"))


def said_by_the_command(out, epochs=4):
    """The one line with which the command ends; what lies in its folder stays as it is."""
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as ended:
        train.main(["autoencoder", "mnist", "--epochs", str(epochs), "--out", str(out)])
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert ended.value.code.startswith("train: ")
    assert "\n" not in ended.value.code
    return ended.value.code


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def flipped(path, place=None, bit=1):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= bit
    path.write_bytes(content)


def removed(path):
    path.unlink()


def renamed(path):
    path.rename(path.with_name(f"other-{path.name}"))


def swapped(path):
    """With another file of the training."""
    shutil.copy(path.with_name("autoencoder-mnist.npz"), path)


def not_text(path):
    path.write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize("harm", [cut_short, emptied, flipped, removed, renamed, swapped, not_text])
def test_a_damaged_state_is_refused_in_one_line_and_left_as_it_is(small, harmed, harm):
    harm(path := harmed / "state.npz")
    said = said_by_the_command(harmed)
    assert said.startswith(f"train: {path} is not what this training wrote: it was altered")
    assert said.endswith("Put it back, or choose another --out to start anew.")


@pytest.mark.slow
def test_a_state_of_an_earlier_epoch_goes_on_from_there_to_the_same_end(small, tmp_path):
    def trained(epochs):
        history = train.train("autoencoder", "mnist", epochs=epochs, out=tmp_path)["history"]
        return [row["loss"] for row in history]

    trained(1)
    earlier = (tmp_path / "state.npz").read_bytes()
    whole = trained(3)
    (tmp_path / "state.npz").write_bytes(earlier)
    assert trained(3) == pytest.approx(whole, rel=1e-6)


def test_a_bit_flipped_anywhere_in_a_state_is_noticed_or_changes_nothing(harmed):
    def opened():
        state = open_state("autoencoder", "mnist", harmed)
        return state.history, state.model.get_weights(), state.model.optimizer.variables

    history, weights, slots = opened()
    chance, noticed, path = random.Random(), 0, harmed / "state.npz"
    size, times = path.stat().st_size, 24
    # Half of them in the zip's list of its files, at the end; a few of its bits say nothing.
    for i in range(times):
        place = chance.randrange(size - 4000, size) if i % 2 else chance.randrange(size)
        bit = 1 << chance.randrange(8)
        flipped(path, place, bit)
        try:
            found = opened()
        except ValueError as error:
            assert "is not what this training wrote" in str(error)  # noqa: PT017
            noticed += 1
        else:
            assert found[0] == history
            for a, b in zip([*found[1], *found[2]], [*weights, *slots], strict=True):
                np.testing.assert_array_equal(a, b)
        flipped(path, place, bit)
    assert noticed >= times / 2


@pytest.mark.slow
def test_going_on_for_longer_or_asked_for_what_is_done_ends_as_in_one_go(small, tmp_path):
    def trained(epochs, name):
        record = train.train("autoencoder", "mnist", epochs=epochs, out=tmp_path / name)
        with np.load(tmp_path / name / "autoencoder-mnist.npz", allow_pickle=False) as file:
            return record["test"], dict(file)

    test, arrays = trained(4, "in one go")
    for epochs in (2, 2, 4):
        again, parts = trained(epochs, "in parts")
    assert arrays["epochs"].tolist() == [0, 1, 4]
    assert again.keys() == test.keys() == {"1", "4"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(parts[name], array)
    for epoch, terms in test.items():
        assert again[epoch]["loss"] == pytest.approx(terms["loss"], rel=1e-6)


def test_what_killed_writers_left_is_swept_by_the_next_start(small, harmed):
    (harmed / ".writing-x").mkdir()
    (harmed / ".writing-x" / "state.npz").write_bytes(b"half a file")
    train.train("autoencoder", "mnist", epochs=3, out=harmed)
    assert not list(harmed.glob(".writing-*"))


def test_a_disk_that_is_full_ends_in_one_line_and_the_training_goes_on_later(
    tmp_path, small, finished
):
    """For real: the system refuses to let a file grow. The state has 780 KB."""
    command = ["autoencoder", "mnist", "--epochs", "3", "--out", str(tmp_path)]
    with files_no_larger_than(500_000), pytest.raises(SystemExit) as ended:
        train.main(command)
    assert ended.value.code.startswith("train: ")
    assert "File too large" in ended.value.code
    assert "\n" not in ended.value.code
    assert not list(tmp_path.glob(".writing-*"))
    train.main(command)
    name = "autoencoder-mnist.json"
    found, expected = (json.loads((out / name).read_text()) for out in (tmp_path, finished))
    for row, wanted in zip(found["history"], expected["history"], strict=True):
        assert row["loss"] == pytest.approx(wanted["loss"], rel=1e-6)


def test_a_home_for_the_cache_that_does_not_exist_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
    monkeypatch.setenv("VAE_HELPERS_CACHE", "~nobody-of-this-name/cache")
    with pytest.raises(SystemExit, match=r"^train: there is no cache for mnist: [^\n]*$"):
        train.main(["vae", "mnist", "--epochs", "1", "--out", str(tmp_path)])


def test_fewer_epochs_than_were_trained_are_refused(tmp_path, small):
    train.train("autoencoder", "mnist", epochs=2, out=tmp_path)
    with pytest.raises(ValueError, match="holds 2 epochs already"):
        train.train("autoencoder", "mnist", epochs=1, out=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 0), ("seed", -1), ("learning_rate", 0.0),
        ("learning_rate", -1.0), ("learning_rate", np.nan), ("train_images", 0),
        ("train_images", -5), ("train_images", 14),
    ],
)  # fmt: skip
def test_a_wrong_number_is_refused_by_name_and_leaves_nothing_behind(tmp_path, small, name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        train.train("vae", "mnist", **{"epochs": 1, name: value}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---- the command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "mnist"], "invalid choice: 'nothing'"),
        (["vae", "emnist"], "no data set and no folder 'emnist'"),
        (["vae", "mnist", "--epochs", "many"], "--epochs: invalid int value: 'many'"),
        (["vae"], "required: dataset"),
        (["vae", "mnist", "--strategy", "cloned"], "--strategy: invalid choice: 'cloned'"),
    ],
)
def test_a_wrong_word_on_the_command_line_shows_the_usage_and_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        train.main(arguments)
    assert ended.value.code == 2
    *usage, last = capsys.readouterr().err.splitlines()
    assert usage[0].startswith("usage: python -m vae_helpers.train")
    assert message in last


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "0"], "epochs must be a whole number of at least 1, not 0"),
        (["--batch-size", "-1"], "batch_size must be a whole number of at least 1, not -1"),
        (["--learning-rate", "1e30", "--epochs", "1"], "the loss became"),
    ],
)
def test_an_error_of_the_command_is_one_line(tmp_path, small, options, message):
    with pytest.raises(SystemExit) as ended:
        train.main(["vae", "mnist", "--out", str(tmp_path), *options])
    assert ended.value.code.startswith("train: ")
    assert message in ended.value.code
    assert "\n" not in ended.value.code


def test_a_loss_that_is_not_finite_names_the_epoch_of_the_whole_training(
    monkeypatch, tmp_path, small
):
    train.train("vae", "mnist", epochs=1, out=tmp_path)
    with monkeypatch.context() as m:
        m.setattr(models, "bernoulli_loglik", lambda images, logits: np.nan * logits)
        with pytest.raises(FloatingPointError, match="in epoch 2, batch 1"):
            train.train("vae", "mnist", epochs=2, out=tmp_path)


def test_out_that_is_a_file_is_one_line_before_anything_is_trained(monkeypatch, tmp_path, small):
    (tmp_path / "file").touch()
    monkeypatch.setattr(train, "to_batches", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(SystemExit, match=r"^train: .*file") as ended:
        train.main(["vae", "mnist", "--epochs", "1", "--out", str(tmp_path / "file")])
    assert "\n" not in ended.value.code


def test_data_that_cannot_be_had_is_one_line(monkeypatch, tmp_path, small):
    def unreachable(name):
        raise DataError("mnist could not be loaded")

    monkeypatch.setattr(train, "load_images", unreachable)
    with pytest.raises(SystemExit, match=r"^train: mnist could not be loaded$"):
        train.main(["vae", "mnist", "--epochs", "1", "--out", str(tmp_path)])


def test_ctrl_c_says_how_to_go_on(monkeypatch, tmp_path, small):
    def interrupted(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(models.Autoencoder, "fit", interrupted)
    with pytest.raises(SystemExit, match="the same command goes on"):
        train.main(["vae", "mnist", "--epochs", "1", "--out", str(tmp_path)])

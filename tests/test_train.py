"""Training: that it learns, that it can be killed and goes on, what it records, what it refuses."""

import json
import random
import subprocess
import sys
import time

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import checkpoints, measures, models, train
from vae_helpers.data import DIGESTS, DataError

# ---- learning --------------------------------------------------------------------------------


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


def rows_saved(out):
    """The history, seconds and all, in the newest checkpoint of a training."""
    newest = tf.train.latest_checkpoint(out / "state")
    if newest is None:
        return []
    progress = tf.train.load_checkpoint(newest).get_tensor("progress/.ATTRIBUTES/VARIABLE_VALUE")
    return json.loads(progress)["history"]


def checkpoints_of(out):
    return set((out / "state").glob("ckpt-*.index"))


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


def test_a_training_killed_three_times_ends_as_an_undisturbed_one(tmp_path, undisturbed):
    chance = random.Random()
    for _ in range(3):
        before = checkpoints_of(tmp_path)
        process = start(tmp_path, "--epochs", "6")
        delay = chance.uniform(0, 0.5)
        killed = kill_after(process, lambda: checkpoints_of(tmp_path) - before, delay)  # noqa: B023
        assert killed or len(rows_saved(tmp_path)) == 6
    kept = rows_saved(tmp_path)
    assert kept
    finish(start(tmp_path, "--epochs", "6"))
    assert_the_same(results(tmp_path), results(undisturbed))
    # It went on, and did not start again: the finished epochs still have the seconds they took.
    assert rows_saved(tmp_path)[: len(kept)] == kept


@pytest.mark.long
def test_a_training_killed_twenty_times_at_any_moment_ends_as_an_undisturbed_one(tmp_path):
    epochs = ("--epochs", "12")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    clock = time.perf_counter()
    finish(start(whole, *epochs))
    seconds = time.perf_counter() - clock
    chance = random.Random()
    for _ in range(20):
        kill_after(start(killed, *epochs), lambda: True, chance.uniform(0, seconds))
    finish(start(killed, *epochs))
    assert_the_same(results(killed), results(whole))


def test_the_record_holds_what_was_trained_and_what_came_of_it(undisturbed):
    record = json.loads((undisturbed / "vae-fashion_mnist.json").read_text())
    assert record["settings"] == {
        "run": "vae", "dataset": "fashion_mnist", "seed": 3, "batch_size": 100,
        "learning_rate": 1e-4, "train_images": 500,
    }  # fmt: skip
    assert record["epochs"] == 6
    assert [row["epoch"] for row in record["history"]] == [1, 2, 3, 4, 5, 6]
    for row in record["history"]:
        assert set(row) == {"epoch", "seconds", "loss", *models.VAE.reported}
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
        "state", "epoch-000.weights.h5", "epoch-001.weights.h5", "epoch-006.weights.h5",
        "vae-fashion_mnist.weights.h5", "vae-fashion_mnist.npz", "vae-fashion_mnist.json",
    }  # fmt: skip


# ---- a small data set in this process: everything else ----------------------------------------


@pytest.fixture
def small(monkeypatch, fashion_mnist):
    """The real data, cut down, and none of the switches that would stay on for other tests."""
    data = fashion_mnist._replace(
        train_images=fashion_mnist.train_images[:200],
        train_labels=fashion_mnist.train_labels[:200],
        test_images=fashion_mnist.test_images[:100],
        test_labels=fashion_mnist.test_labels[:100],
    )
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


def test_more_epochs_later_are_the_epochs_that_one_go_would_have_had(tmp_path, small):
    whole = train.train("autoencoder", "mnist", epochs=3, out=tmp_path / "whole")
    train.train("autoencoder", "mnist", epochs=2, out=tmp_path / "parts")
    parts = train.train("autoencoder", "mnist", epochs=3, out=tmp_path / "parts")
    for a, b in zip(whole["history"], parts["history"], strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
    assert set(parts["test"]) >= {"1", "3"}


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
    for epoch in (0, 1):
        model.load_weights(tmp_path / train.snapshot_name(epoch))
        for kept, weights in zip(decoders, model.decoder.get_weights(), strict=True):
            np.testing.assert_allclose(kept[epoch], weights, rtol=1e-3, atol=1e-7)


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
    ],
)
def test_going_on_with_other_settings_is_refused(tmp_path, small, begun, changed, message):
    asked = {"run": "mmd_vae", "dataset": "fashion_mnist"} | changed
    with pytest.raises(ValueError, match=f"holds a training with other settings: {message}"):
        train.train(**asked, epochs=2, out=begun)


@pytest.fixture(scope="module")
def begun(tmp_path_factory, fashion_mnist):
    """A folder with the state of a training of one epoch."""
    out = tmp_path_factory.mktemp("begun")
    model = checkpoints.build("mmd_vae")
    model.compile(keras.optimizers.Adam(1e-4))
    settings = {
        "run": "mmd_vae", "dataset": "fashion_mnist", "seed": 0, "batch_size": 100,
        "learning_rate": 1e-4, "train_images": None,
    }  # fmt: skip
    train.TrainingState(model, settings, out / "state").save({"epoch": 1, "loss": 0.2})
    return out


def test_fewer_epochs_than_were_trained_are_refused(tmp_path, small):
    train.train("autoencoder", "mnist", epochs=2, out=tmp_path)
    with pytest.raises(ValueError, match="holds 2 epochs already"):
        train.train("autoencoder", "mnist", epochs=1, out=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 0), ("seed", -1), ("learning_rate", 0.0),
        ("learning_rate", -1.0), ("learning_rate", np.nan), ("train_images", 0),
        ("train_images", -5),
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
        (["vae", "cifar10"], "invalid choice: 'cifar10'"),
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


def test_out_that_is_a_file_is_one_line(tmp_path, small):
    (tmp_path / "file").touch()
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

"""Several devices and machines: that they train as one does, for every model, whatever their shares.

TensorFlow must be told of several CPU devices before it starts. So what is compared here is made by
other processes, which run this file: ``python tests/helpers/test_distributed.py``. Machines are
processes, too, which know of each other from TF_CONFIG.
"""

import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import checkpoints, distributed, family, models, train
from vae_helpers.data import load_images, to_batches

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent

# One run of each class.
FIRST = ("vae", "mmd_vae")
OTHERS = (
    "mmd_vae_bernoulli",
    "vae_capacity",
    "vae_vamp_prior",
    "vae_continuous_bernoulli",
    "vae_gaussian",
)
ALL_RUNS = (*FIRST, *OTHERS)
EVERY_RUN = [*FIRST, *(pytest.param(run, marks=pytest.mark.long) for run in OTHERS)]
# Images, and the batch's size: Keras gives each device half of the size as long as there are images,
# while machines divide the images that there are: of one image each but the last has none.
SHARES = {
    "equal shares": (12, 12),
    "unequal shares": (13, 13),
    "an empty share": (5, 12),
    "one image": (1, 12),
}


# ---- what the other processes do -------------------------------------------------------------


def main(devices, task, *arguments):
    (cpu,) = tf.config.list_physical_devices("CPU")
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [one] * int(devices))
    tasks = {
        "steps": write_steps, "trainings": run_trainings, "write": write_files, "open": open_files
    }  # fmt: skip
    tasks[task](*arguments)


def write_steps(out, *runs):
    """Terms and gradients of single training steps, with and without the strategy."""
    images = np.random.default_rng(0).uniform(size=(13, 28, 28, 1)).astype("float32")
    found = {}
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    machines = len(config["cluster"]["worker"]) if config else 0
    for run in runs:
        for place in ("multi-worker",) if machines else (None, "mirrored"):
            scope = distributed.scope(place)
            # The first machine's weights and noise count; the others would have drawn other ones.
            keras.utils.set_random_seed(config["task"]["index"] if machines else 0)
            with scope:
                model = checkpoints.build(run)
                # A power of 2, and so small that the weights stay where they are.
                model.compile(keras.optimizers.SGD(2.0**-20, momentum=0.5))
            expected = machines or len(tf.config.list_logical_devices("CPU")) ** (place is not None)
            assert model.distribute_strategy.num_replicas_in_sync == expected
            for shares, (n, batch_size) in SHARES.items():
                batches = to_batches(images[:n], batch_size)
                key = f"{run}/{shares}/{place}"
                for name, (value,) in model.fit(batches, verbose=0).history.items():
                    found[f"{key}/term {name}"] = value
                # From 0, the momentum after one step is the gradient times the learning rate.
                for i, momentum in enumerate(model.optimizer.momentums):
                    found[f"{key}/gradient {i}"] = momentum.numpy() * -(2.0**20)
                    momentum.assign(tf.zeros_like(momentum))
                found[f"{key}/noise"] = model.seed_generator.state.numpy()
                for i, weight in enumerate(model.non_trainable_weights):
                    found[f"{key}/counter {i}"] = weight.numpy()
            for i, weight in enumerate(model.trainable_weights):
                found[f"{run}/weights/{place}/weight {i}"] = weight.numpy()
            terms = model.evaluate(to_batches(images, 12), return_dict=True, verbose=0)
            found |= {f"{run}/evaluate/{place}/term {k}": v for k, v in terms.items()}
    if machines:
        with pytest.raises(TypeError, match="on several machines x must be batches"):
            model.fit(images)
        out = out.format(model.distribute_strategy.cluster_resolver.task_id)
    np.savez(out, **found)


def write_files(out, strategy):
    """What save, save_weights and ModelCheckpoint write of a training, and what the model answers."""
    images = np.random.default_rng(0).uniform(size=(12, 28, 28, 1)).astype("float32")
    for run in ALL_RUNS:
        keras.utils.set_random_seed(0)
        with scope_of(strategy):
            model = checkpoints.build(run)
            model.compile(keras.optimizers.SGD(2.0**-14, momentum=0.5))
        # Each epoch's file takes the place of the one before.
        keeping = keras.callbacks.ModelCheckpoint(Path(out) / f"{run}.kept.keras")
        model.fit(to_batches(images, 6), epochs=2, callbacks=[keeping], verbose=0)
        model.save(Path(out) / f"{run}.saved.keras")
        model.save_weights(Path(out) / f"{run}.weights.h5")
        np.savez(Path(out) / f"{run}.written.npz", **answers(model, images))


def open_files(out, strategy):
    """What the models answer that are made of those files."""
    images = np.random.default_rng(0).uniform(size=(12, 28, 28, 1)).astype("float32")
    for run in ALL_RUNS:
        for kind in ("kept", "saved"):
            with scope_of(strategy):
                model = keras.saving.load_model(Path(out) / f"{run}.{kind}.keras")
            np.savez(Path(out) / f"{run}.{kind}.npz", **answers(model, images))
            if run in FIRST:  # and it trains on
                model.fit(to_batches(images, 6), verbose=0)
                assert model.optimizer.iterations == 6
        with scope_of(strategy):
            model = checkpoints.build(run)
        model.load_weights(Path(out) / f"{run}.weights.h5")
        np.savez(Path(out) / f"{run}.weights.npz", **answers(model, images))


def scope_of(strategy):
    """A strategy as TensorFlow gives it, without our function."""
    if strategy == "none":
        return contextlib.nullcontext()
    found = plain_strategy()
    assert found.num_replicas_in_sync == 2
    return found.scope()


@functools.cache
def plain_strategy():
    return tf.distribute.MirroredStrategy()


def answers(model, images):
    """Settings, all weights, the optimizer's numbers, codes and pictures. Files of Keras's hold no
    state of the noise, with a strategy or without."""
    found = {"class": type(model).__name__, "settings": json.dumps(model.get_config())}
    found |= {f"weight {i}": value for i, value in enumerate(model.get_weights())}
    if model.compiled:
        for i, variable in enumerate(model.optimizer.variables):
            found[f"optimizer {i}"] = variable.numpy()
    found["predict"] = model.predict(images, verbose=0)
    return found | {"encode": model.encode(images), "sample": model.sample(3, seed=0)}


def run_trainings(*commands):
    """``python -m vae_helpers.train`` for each command, but with few test images to measure."""
    data = load_images("fashion_mnist")
    few = data._replace(test_images=data.test_images[:100], test_labels=data.test_labels[:100])
    train.load_images = lambda name: few
    for command in commands:
        train.main(command.split())


def on_devices(devices, task, *arguments):
    command = [sys.executable, __file__, str(devices), task, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]


def ports(number):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


def start_machines(number, task, *arguments):
    """One process for each machine, which know of each other."""
    workers = [f"127.0.0.1:{port}" for port in ports(number)]
    command = [sys.executable, __file__, "1", task, *arguments]
    started = []
    for index in range(number):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
        started.append(
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        )
    return started


def on_machines(number, task, *arguments):
    for process in start_machines(number, task, *arguments):
        _, said = process.communicate(timeout=900)
        assert process.returncode == 0, said[-3000:]


# ---- one step --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """Function of the number of devices and a key, run/shares/place: {what: value}"""

    @functools.cache
    def written(devices, runs):
        out = tmp_path_factory.mktemp("steps") / "steps.npz"
        on_devices(devices, "steps", str(out), *runs)
        with np.load(out, allow_pickle=False) as file:
            return dict(file)

    def values(devices, key):
        runs = FIRST if key.split("/")[0] in FIRST else OTHERS
        found = written(devices, runs if devices == 2 else ("mmd_vae",))
        return {k.removeprefix(f"{key}/"): v for k, v in found.items() if k.startswith(f"{key}/")}

    return values


def assert_the_same_step(several, one):
    assert several.keys() == one.keys() != set()
    sizes = {name: np.abs(v).max() for name, v in one.items() if name.startswith("gradient")}
    for name, expected in one.items():
        if name.startswith("term"):
            assert several[name] == pytest.approx(expected, rel=1e-5, abs=1e-5), name
        elif name.startswith("gradient"):
            # Where large parts cancel, what is left keeps their rounding.
            atol = 1e-5 * sizes[name] + 1e-6 * max(sizes.values())
            np.testing.assert_allclose(several[name], expected, rtol=0, atol=atol)
        else:
            np.testing.assert_array_equal(several[name], expected)


def test_every_class_is_compared():
    classes = {
        found for module in (models, family) for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, models.Autoencoder)
    }  # fmt: skip
    assert {type(checkpoints.build(run)) for run in ALL_RUNS} == classes - {models.Autoencoder}


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("run", EVERY_RUN)
def test_two_devices_have_the_terms_and_gradients_of_one(steps, run, shares):
    one = steps(2, f"{run}/{shares}/None")
    gradients = [value for name, value in one.items() if name.startswith("gradient")]
    assert len(gradients) >= 14
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
    assert_the_same_step(steps(2, f"{run}/{shares}/mirrored"), one)


@pytest.mark.long
@pytest.mark.parametrize("shares", SHARES)
def test_three_devices_have_them_too(steps, shares):
    assert_the_same_step(steps(3, f"mmd_vae/{shares}/mirrored"), steps(3, f"mmd_vae/{shares}/None"))


@pytest.mark.parametrize("run", EVERY_RUN)
def test_evaluate_on_two_devices_gives_the_terms_of_one(steps, run):
    one = steps(2, f"{run}/evaluate/None")
    assert "term loss" in one
    assert_the_same_step(steps(2, f"{run}/evaluate/mirrored"), one)


# ---- the command -----------------------------------------------------------------------------


def history_and_weights(out, run):
    record = json.loads((out / f"{run}-fashion_mnist.json").read_text())
    for row in record["history"]:
        del row["seconds"]
    weights = {}
    with h5py.File(out / f"{run}-fashion_mnist.weights.h5") as file:
        file.visititems(
            lambda name, item: weights.update({name: item[...]}) if hasattr(item, "dtype") else None
        )
    return record["history"], weights


# Batches of 101 give devices 51 and 50 images. The last one is 28 + 0 for the VAE, 51 + 9 for the MMD-VAE.
IMAGES = {"vae": 230, "mmd_vae": 262}


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """Trainings of three epochs: on one device, on two, interrupted after the second and not."""
    out = tmp_path_factory.mktemp("trainings")

    def command(run, name, epochs, *options):
        return " ".join([
            f"{run} fashion_mnist --epochs {epochs} --train-images {IMAGES[run]} --batch-size 101",
            f"--out {out / f'{run}-{name}'}", *options,
        ])  # fmt: skip

    two = ("--strategy", "mirrored")
    first = [command("vae", "one", 3), command("mmd_vae", "one", 3), command("mmd_vae", "moved", 2)]
    first += [command(run, "two", 2, *two) for run in IMAGES]
    on_devices(2, "trainings", *first, command("mmd_vae", "undisturbed", 3, *two))
    second = [command(run, "two", 3, *two) for run in IMAGES]
    on_devices(2, "trainings", *second, command("mmd_vae", "moved", 3, *two))
    return {path.name: history_and_weights(path, path.name.split("-")[0]) for path in out.iterdir()}


def assert_the_same_training(several, one):
    (history, weights), (expected_history, expected_weights) = several, one
    assert len(history) == len(expected_history) == 3
    for row, expected in zip(history, expected_history, strict=True):
        assert row == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert weights.keys() == expected_weights.keys()
    for name, expected in expected_weights.items():
        # Nine of Adam's steps of up to 1e-4. A gradient near 0 that rounding changes moves a weight, too.
        np.testing.assert_allclose(weights[name], expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("run", IMAGES)
def test_a_training_on_two_devices_that_was_interrupted_ends_as_on_one(trainings, run):
    assert_the_same_training(trainings[f"{run}-two"], trainings[f"{run}-one"])


def test_a_training_begun_on_one_device_goes_on_on_two(trainings):
    assert_the_same_training(trainings["mmd_vae-moved"], trainings["mmd_vae-one"])


def test_a_training_on_two_devices_that_was_interrupted_ends_as_an_undisturbed_one(trainings):
    history, weights = trainings["mmd_vae-two"]
    expected_history, expected_weights = trainings["mmd_vae-undisturbed"]
    assert history == expected_history
    for name, expected in expected_weights.items():
        np.testing.assert_array_equal(weights[name], expected)


# ---- several machines ------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("number", [2, 3])
def test_machines_have_the_terms_and_gradients_of_one_and_the_same_weights(steps, tmp_path, number):
    """All classes in the same processes, since TensorFlow's start takes longer than their steps."""
    on_machines(number, "steps", str(tmp_path / "{}.npz"), *ALL_RUNS)
    found = [
        dict(np.load(tmp_path / f"{index}.npz", allow_pickle=False)) for index in range(number)
    ]
    assert sum("/weight " in name for name in found[0]) >= 14 * len(ALL_RUNS)
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for name, value in found[0].items():
            np.testing.assert_array_equal(other[name], value, err_msg=name)
    for run in ALL_RUNS:
        for part in (*SHARES, "evaluate"):
            key = f"{run}/{part}/multi-worker/"
            several = {k.removeprefix(key): v for k, v in found[0].items() if k.startswith(key)}
            assert_the_same_step(several, steps(2, f"{run}/{part}/None"))


@pytest.mark.long
def test_a_machine_that_dies_ends_the_training_in_one_line_and_it_goes_on_as_if_undisturbed(
    tmp_path,
):
    def command(name, *options):
        return " ".join([
            "mmd_vae fashion_mnist --epochs 8 --train-images 262 --batch-size 101",
            f"--out {tmp_path / f'mmd_vae-{name}'}", *options,
        ])  # fmt: skip

    several = ("--strategy", "multi-worker")
    from killing import rows_saved  # not at the top: this file is run by itself, too

    on_devices(1, "trainings", command("one"))
    on_machines(2, "trainings", command("undisturbed", *several))
    first, second = start_machines(2, "trainings", command("killed", *several))
    while len(rows_saved(tmp_path / "mmd_vae-killed")) < 2 and first.poll() is None:
        time.sleep(0.01)
    second.kill()
    second.communicate()
    _, said = first.communicate(timeout=300)
    assert first.returncode == 1, said[-3000:]
    assert said.splitlines()[-1].startswith(
        "train: another machine has ended, or cannot be reached"
    )
    assert "Traceback" not in said
    assert rows_saved(tmp_path / "mmd_vae-killed")
    on_machines(2, "trainings", command("killed", *several))
    on_machines(3, "trainings", command("killed", *several))  # nothing is left to do
    found = {
        name: history_and_weights(tmp_path / f"mmd_vae-{name}", "mmd_vae")
        for name in ("one", "undisturbed", "killed")
    }
    assert found["killed"][0] == found["undisturbed"][0]
    for name, weights in found["undisturbed"][1].items():
        np.testing.assert_array_equal(found["killed"][1][name], weights)
    for row, expected in zip(found["killed"][0], found["one"][0], strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_without_a_list_of_machines_several_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=r"^strategy 'multi-worker' needs TF_CONFIG, which names"):
        distributed.scope("multi-worker")


# ---- files -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Folder of a strategy: what was written in a process with it, and opened in one without, or the
    other way round."""

    @functools.cache
    def exchanged(written, opened):
        out = tmp_path_factory.mktemp("files")
        on_devices(2 if written == "mirrored" else 1, "write", str(out), written)
        on_devices(2 if opened == "mirrored" else 1, "open", str(out), opened)
        return out

    return exchanged


WAYS = [("mirrored", "none"), ("none", "mirrored")]


def in_file(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.long
@pytest.mark.parametrize("run", ALL_RUNS)
@pytest.mark.parametrize(("written", "opened"), WAYS)
def test_a_file_says_the_same_with_a_strategy_and_without(files, written, opened, run):
    out = files(written, opened)
    expected = in_file(out / f"{run}.written.npz")
    assert json.loads(str(expected["settings"]))["image_shape"] == [28, 28, 1]
    assert sum(name.startswith("optimizer") for name in expected) >= 16
    for kind in ("kept", "saved", "weights"):
        found = in_file(out / f"{run}.{kind}.npz")
        if kind == "weights":  # a file of weights holds no settings, and Keras numbers models
            new = {"settings", *(name for name in expected if name.startswith("optimizer"))}
            assert found.keys() - {"settings"} == expected.keys() - new
        else:
            new = set()
            assert found.keys() == expected.keys()
        for name in expected.keys() - new:
            if name in ("predict", "encode", "sample"):
                # Other numbers of images at a time are rounded otherwise.
                np.testing.assert_allclose(found[name], expected[name], atol=1e-6, err_msg=name)
            else:
                np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.long
@pytest.mark.parametrize("run", ALL_RUNS)
def test_a_strategy_that_is_tensorflows_own_trains_as_one_device_does(files, run):
    several = in_file(files("mirrored", "none") / f"{run}.written.npz")
    one = in_file(files("none", "mirrored") / f"{run}.written.npz")
    assert several.keys() == one.keys()
    for name, expected in one.items():
        if name.startswith("weight"):
            np.testing.assert_allclose(several[name], expected, rtol=0, atol=1e-5, err_msg=name)
        elif name.startswith("optimizer"):
            # The gradients of all steps. Summed over devices, as Keras does it, they would be doubled;
            # their rounding is looked at above.
            atol = 0.01 * np.abs(expected).max()
            np.testing.assert_allclose(several[name], expected, rtol=0, atol=atol, err_msg=name)


# ---- one device, and what is refused: in this process ----------------------------------------


def test_with_one_device_nothing_is_mirrored():
    with distributed.scope("mirrored"):
        model = checkpoints.build("vae")
        assert not tf.distribute.has_strategy()
    assert model.distribute_strategy.num_replicas_in_sync == 1


def test_another_word_for_a_strategy_is_refused():
    with pytest.raises(
        ValueError, match=r"^strategy must be None, 'mirrored' or 'multi-worker', not 'cl"
    ):
        distributed.scope("cloned")


def test_a_model_with_a_training_step_of_its_own_is_refused_by_name():
    class Duel(models.VAE):
        distribute_strategy = SimpleNamespace(num_replicas_in_sync=2)

        def train_step(self, data):
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"^Duel has a training step of its own; several devices"):
        Duel().fit(np.zeros((4, 28, 28, 1), "float32"))


if __name__ == "__main__":
    main(*sys.argv[1:])

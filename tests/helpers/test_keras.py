"""What Keras offers: for each class and each entry point, that it works or is refused by name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import family, models, train
from vae_helpers.autoencoder import Autoencoder
from vae_helpers.checks import check_input, check_keras
from vae_helpers.data import to_batches
from vae_helpers.files import StreamedImages
from vae_helpers.networks import build_decoder, build_encoder

pytestmark = pytest.mark.slow

SHAPE = (8, 8, 1)
CLASSES = [
    models.VAE, models.MMDVAE, models.InfoVAE, family.CapacityVAE, family.VampPriorVAE,
    family.ContinuousBernoulliVAE, family.GaussianVAE,
]  # fmt: skip
IMAGES = np.random.default_rng(0).uniform(size=(14, *SHAPE)).astype("float32")
LABELS = np.arange(14) % 3


def made(build, **settings):
    keras.utils.set_random_seed(0)
    model = build(image_shape=SHAPE, **settings)
    model.compile(keras.optimizers.Adam(1e-3))
    return model


@pytest.fixture(scope="module")
def model_of():
    """A compiled model of a class, each made once."""
    made_once = {}
    return lambda build: (
        made_once.setdefault(build, None)
        or made_once.update({build: made(build)})
        or made_once[build]
    )


def batches(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(4)


# ---- what works -------------------------------------------------------------------------------

FORMS = {
    "an array": lambda: {"x": IMAGES},
    "a tensor": lambda: {"x": tf.constant(IMAGES)},
    "batches": lambda: {"x": batches(IMAGES)},
    "batches with labels": lambda: {"x": batches(IMAGES, LABELS)},
    "an array and labels": lambda: {"x": IMAGES, "y": LABELS},
    "streamed": lambda: {"x": StreamedImages((255 * IMAGES).astype("uint8"))},
}


def fit(model, tmp_path):
    for form in FORMS.values():
        before = model.get_weights()
        history = model.fit(**form(), verbose=0).history
        assert set(history) == {"loss", *model.summands, *model.reported}
        assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    model.fit(IMAGES, LABELS, 4, 2, 0)  # by position: batch_size, epochs, verbose
    for held_out in (IMAGES, (IMAGES,), (IMAGES, LABELS), batches(IMAGES)):
        history = model.fit(IMAGES, batch_size=4, validation_data=held_out, verbose=0).history
        assert np.isfinite(history["val_loss"]).all()
    assert "val_loss" in model.fit(IMAGES, validation_split=0.3, verbose=0).history
    model.fit(batches(IMAGES).repeat(), steps_per_epoch=2, validation_freq=1, verbose=0)


def evaluate(model, tmp_path):
    for form in FORMS.values():
        found = model.evaluate(**form(), verbose=0)
        assert len(found) == len(model.metrics)
        assert np.isfinite(found).all()


def predict(model, tmp_path):
    expected = model.decode(model.encode(IMAGES))
    for form in (IMAGES, tf.constant(IMAGES), batches(IMAGES), batches(IMAGES, LABELS)):
        np.testing.assert_allclose(model.predict(form, verbose=0), expected, atol=1e-5)
    assert model.predict(FORMS["streamed"]()["x"], verbose=0).shape == IMAGES.shape


def on_batch(model, tmp_path):
    before = model.get_weights()
    terms = model.train_on_batch(IMAGES, return_dict=True)
    assert set(terms) == {"loss", *model.summands, *model.reported}
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert np.isfinite(model.test_on_batch(tf.constant(IMAGES), LABELS)).all()
    np.testing.assert_allclose(model.predict_on_batch(IMAGES), model(IMAGES), atol=1e-5)


def save(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    assert again.optimizer.learning_rate == model.optimizer.learning_rate
    again.fit(IMAGES, verbose=0)
    json_again = keras.models.model_from_json(model.to_json())
    assert json_again.get_config() == model.get_config()


def save_weights(model, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    again = type(model)(image_shape=SHAPE)
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again.encode(IMAGES), model.encode(IMAGES))


def export(model, tmp_path):
    fresh = type(model)(image_shape=SHAPE)  # neither compiled nor ever called
    fresh.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.serve(tf.constant(IMAGES)), fresh(IMAGES), atol=1e-5)
    fresh.build((None, *SHAPE))
    assert fresh.built


def clone_model(model, tmp_path):
    again = keras.models.clone_model(model)
    assert again.get_config() == model.get_config()
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]


def summary(model, tmp_path):
    lines = []
    model.summary(print_fn=lines.append)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert f"{trained:,}" in "\n".join(lines)


def callbacks(model, tmp_path):
    kept = tmp_path / "best.keras"
    model.fit(
        IMAGES,
        epochs=2,
        verbose=0,
        validation_data=IMAGES,
        callbacks=[
            keras.callbacks.ModelCheckpoint(kept, save_best_only=True),
            keras.callbacks.EarlyStopping(restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.BackupAndRestore(tmp_path / "backup.weights.h5"),
        ],
    )
    assert (tmp_path / "log.csv").read_text().count("\n") == 3
    assert isinstance(keras.saving.load_model(kept), type(model))


WORKS = [
    fit, evaluate, predict, on_batch, save, save_weights, export, clone_model, summary, callbacks
]  # fmt: skip


@pytest.mark.parametrize("entry", WORKS, ids=lambda entry: entry.__name__)
@pytest.mark.parametrize("build", CLASSES)
def test_it_works(model_of, build, entry, tmp_path):
    entry(model_of(build), tmp_path)


def test_every_class_is_in_the_table():
    found, classes = set(), [Autoencoder]
    while classes:
        below = [
            c for c in classes.pop().__subclasses__() if c.__module__.startswith("vae_helpers")
        ]
        found.update(below)
        classes += below
    assert found == set(CLASSES)


# ---- what is refused, by name --------------------------------------------------------------------


class Pictures(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return IMAGES


ONE, TWICE = np.ones(14), 2 * IMAGES
REFUSED = {
    "a loss": (lambda m: m.compile("adam", loss="mse"), "^loss would change nothing: a model's loss is its loss_terms$"),
    "a loss, second": (lambda m: m.compile("adam", "mse"), "^loss would change nothing"),
    "metrics": (lambda m: m.compile(metrics=["mae"]), "^metrics would change nothing"),
    "weighted metrics": (lambda m: m.compile(weighted_metrics=["mae"]), "^weighted_metrics would"),
    "class weights": (
        lambda m: m.fit(IMAGES, LABELS, class_weight={0: 1.0, 1: 2.0, 2: 1.0}),
        "^class_weight of fit would change nothing: each image counts once$",
    ),
    "sample weights": (lambda m: m.fit(IMAGES, sample_weight=ONE), "^sample_weight of fit would"),
    "sample weights, evaluate": (
        lambda m: m.evaluate(IMAGES, sample_weight=ONE),
        "^sample_weight of evaluate",
    ),
    "sample weights, a batch": (
        lambda m: m.train_on_batch(IMAGES, LABELS, ONE),
        "^sample_weight of train_on_batch",
    ),
    "sample weights, held out": (
        lambda m: m.fit(IMAGES, validation_data=(IMAGES, LABELS, ONE)),
        "^sample_weight of validation_data",
    ),
    "weights in batches": (
        lambda m: m.fit(batches(IMAGES, LABELS, ONE)),
        "^x's batches have weights, which would change nothing",
    ),
    "a generator": (
        lambda m: m.fit(iter([IMAGES])),
        r"^x must be a float32 array or tensor, not a list_iterator",
    ),
    "a PyDataset": (lambda m: m.fit(Pictures()), "^x must be .* not a Pictures"),
    "a list": (lambda m: m.evaluate([IMAGES]), "^x must be .* not a list"),
    "a dict": (lambda m: m.predict({"x": IMAGES}), "^x must be .* not a dict"),
    "batches of 0 to 2": (lambda m: m.fit(batches(TWICE), verbose=0), BATCHES := (
        r"^x's batches must lie in \[0, 1\], but values of one run from [\d.e-]+ to 1\.\d+$"
    )),
    "batches of 0 to 2, labelled": (lambda m: m.fit(batches(TWICE, LABELS), verbose=0), BATCHES),
    "batches of 0 to 2, evaluate": (lambda m: m.evaluate(batches(TWICE), verbose=0), BATCHES),
    "batches of 0 to 2, predict": (lambda m: m.predict(batches(TWICE), verbose=0), BATCHES),
    "batches of 0 to 2, held out": (
        lambda m: m.fit(IMAGES, validation_data=batches(TWICE), verbose=0),
        BATCHES.replace("x's", "validation_data's"),
    ),
    "NaN in a later batch": (
        lambda m: m.fit(batches(np.where(np.arange(14)[:, None, None, None] > 9, np.nan, IMAGES))),
        r"^x's batches must lie in \[0, 1\]",
    ),
    "one batch of 0 to 2": (lambda m: m.train_on_batch(TWICE), r"^x must lie in \[0, 1\]"),
    "testing such a batch": (lambda m: m.test_on_batch(TWICE), r"^x must lie in \[0, 1\]"),
    "predicting such a batch": (lambda m: m.predict_on_batch(TWICE), r"^x must lie in \[0, 1\]"),
    "calling with 0 to 2": (lambda m: m(TWICE), r"^images must lie in \[0, 1\]"),
    "calling with grey values": (lambda m: m(IMAGES.astype("uint8")), "^images must be float32"),
    "calling with other shapes": (lambda m: m(IMAGES[:, :4]), r"^images must have shape \[n, 8, 8"),
    "a data set as a batch": (lambda m: m.train_on_batch(batches(IMAGES)), "^x must be a float32"),
    "an encoder, later": (
        lambda m: setattr(m, "encoder", build_encoder(4, SHAPE)),
        "^encoder is chosen when a model is made",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("build", [models.VAE, models.MMDVAE])
def test_it_is_refused_by_name(model_of, build, what):
    call, message = REFUSED[what]
    with pytest.raises((TypeError, ValueError, AttributeError), match=message) as refused:
        call(model_of(build))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("steps", [1, 10])
@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}])
def test_a_bad_batch_is_named_however_a_model_is_compiled(how, steps):
    model = models.MMDVAE(image_shape=SHAPE)
    model.compile("adam", steps_per_execution=steps, **how)
    with pytest.raises(ValueError, match=BATCHES):
        model.fit(batches(TWICE), verbose=0)


def test_looking_at_the_batches_changes_none_and_not_their_order():
    looked_at = check_input(to_batches(IMAGES, 4, seed=1), "x", SHAPE)
    plain = to_batches(IMAGES, 4, seed=1)
    passes = [[list(batches) for batches in (looked_at, plain)] for _ in range(2)]
    for one, other in passes:
        assert len(one) == len(other) == 4
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(passes[0][0][0], passes[1][0][0])  # each pass has an order of its own
    assert looked_at.element_spec == to_batches(IMAGES, 4, seed=1).element_spec
    assert looked_at.cardinality() == 4


@pytest.mark.parametrize("door", ["fit", "evaluate", "train_on_batch"])
@pytest.mark.parametrize(
    ("reported", "more"), [(("spread",), {}), ((), {"spread": 1.0}), (("spread",), {"other": 1.0})]
)
def test_terms_that_are_missing_or_not_named_are_refused_by_name(door, reported, more):
    class Own(models.MMDVAE):
        def loss_terms(self, images, training=False):
            return {**super().loss_terms(images, training), **more}

    Own.reported = reported
    wanted, found = (", ".join(("reconstruction", "mmd", *names)) for names in (reported, more))
    with pytest.raises(ValueError, match=(
        "Own.loss_terms must return the summands and the reported terms, "
        f"{wanted}; it returns {found}$"
    )):  # fmt: skip
        getattr(made(Own), door)(IMAGES)


def test_a_loss_that_is_nan_before_the_first_step_is_no_matter_of_the_learning_rate():
    class Nowhere(models.MMDVAE):
        def loss_terms(self, images, training=False):
            terms = super().loss_terms(images, training)
            return {**terms, "mmd": terms["mmd"] * np.nan}

    model = made(Nowhere)
    with pytest.raises(
        FloatingPointError, match=r"epoch 1, batch 1; look at the networks' outputs$"
    ):
        model.fit(IMAGES, batch_size=7, verbose=0)


# ---- noise -------------------------------------------------------------------------------------


def test_noise_is_the_same_in_a_graph_and_under_xla_and_what_keras_draws_on_a_cpu():
    model = models.VAE(image_shape=SHAPE)
    start = model.seed_generator.state.numpy()

    def drawn(draw):
        model.seed_generator.state.assign(start)
        return draw().numpy()

    def ours(n=501):  # 501 · 3 is odd, and the bits come in pairs
        return model.noise_like(tf.zeros((n, 3)))

    noise = drawn(ours)
    assert np.abs(noise).max() > 2
    np.testing.assert_array_equal(drawn(tf.function(ours)), noise)
    keras_s = drawn(lambda: keras.random.normal((501, 3), seed=model.seed_generator))
    np.testing.assert_array_equal(keras_s, noise)
    model.compile("adam", jit_compile=True)
    by_xla = drawn(tf.function(ours, jit_compile=True))
    np.testing.assert_allclose(by_xla, noise, rtol=0, atol=1e-5)
    model.seed_generator.state.assign(start)
    ours()
    assert np.abs(ours().numpy() - noise).max() > 1  # the next draw is another one


# ---- compiled steps ----------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("build", CLASSES)
def test_a_step_that_xla_compiles_has_the_terms_of_one_that_it_does_not(build):
    histories = []
    for compiled_by_xla in (False, True):
        model = made(build)
        model.compile(keras.optimizers.Adam(1e-3), jit_compile=compiled_by_xla)
        # The second epoch's terms are those after a step, the last batch is smaller.
        histories.append(model.fit(to_batches(IMAGES, 10), epochs=2, verbose=0).history)
    assert model.jit_compile
    for name, plain in histories[0].items():
        # γ magnifies by how much the KL, which is compared too, and the capacity differ.
        more = getattr(model, "gamma", 1.0) if name in ("loss", "divergence") else 1.0
        assert histories[1][name] == pytest.approx(plain, rel=1e-4, abs=1e-5 * more), name


def test_a_smaller_last_batch_is_traced_once_at_most():
    traced = []

    class Counting(models.MMDVAE):
        def loss_terms(self, images, training=False):
            traced.append(images.shape)
            return super().loss_terms(images, training)

    made(Counting).fit(to_batches(IMAGES, 4), epochs=3, verbose=0)
    assert 1 <= len(traced) <= 2


# ---- settings that are Keras's for everything --------------------------------------------------

SETTINGS = {
    "keras.config.set_dtype_policy('mixed_float16')": "dtype policy must be float32 for these models",
    "keras.config.set_dtype_policy('mixed_bfloat16')": "dtype policy must be float32",
    "keras.config.set_floatx('float16')": "floatx must be float32 for these models, not float16",
    "keras.config.set_floatx('float64')": "floatx must be float32 for these models, not float64",
    "keras.config.set_image_data_format('channels_first')": "image_data_format must be channels_last",
    "keras.config.set_max_epochs(1)": "KERAS_MAX_EPOCHS or KERAS_MAX_STEPS_PER_EPOCH would cut",
    "keras.config.set_max_steps_per_epoch(1)": "KERAS_MAX_EPOCHS or KERAS_MAX_STEPS_PER_EPOCH",
}


def test_settings_of_keras_are_refused_at_every_door_in_one_sentence(tmp_path):
    """In another process, where they can be left as they are."""
    program = f"""
import json, keras, tensorflow as tf
from vae_helpers import models, networks, train
said = {{}}
for setting in {list(SETTINGS)!r}:
    exec(setting)
    doors = [lambda: train.main(["vae", "mnist", "--epochs", "1", "--out", {str(tmp_path / "out")!r}])]
    if "max_" not in setting:
        doors += [models.VAE, models.MMDVAE, lambda: networks.build_encoder(4),
                  lambda: networks.build_decoder(2)]
    for number, door in enumerate(doors):
        try:
            door()
        except (ValueError, SystemExit) as error:
            said[f"{{number}} {{setting}}"] = str(error)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
models.VAE()
try:
    models.VAE(dtype="mixed_float16")
except ValueError as error:
    said["dtype"] = str(error)
print(json.dumps(said))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert (
        said.pop("dtype")
        == "Keras's dtype policy must be float32 for these models, not mixed_float16"
    )
    assert len(said) == 2 + 5 * 5
    for key, message in said.items():
        assert SETTINGS[key[2:]] in message
        assert message.startswith("train: ") == key.startswith("0 ")
        assert "\n" not in message


@pytest.mark.parametrize(
    ("file", "environment", "message"),
    [
        ({"floatx": "float16"}, {}, "Keras's floatx must be float32 for these models, not float16"),
        (
            {"image_data_format": "channels_first"},
            {},
            "Keras's image_data_format must be channels_",
        ),
        ({}, {"KERAS_MAX_EPOCHS": "1"}, "KERAS_MAX_EPOCHS or KERAS_MAX_STEPS_PER_EPOCH would cut"),
    ],
)
def test_the_command_refuses_what_a_file_or_the_environment_sets_for_keras(
    tmp_path, file, environment, message
):
    plain = {"floatx": "float32", "epsilon": 1e-7, "backend": "tensorflow",
             "image_data_format": "channels_last"}  # fmt: skip
    (tmp_path / "keras.json").write_text(json.dumps(plain | file))
    done = subprocess.run(
        [sys.executable, "-m", "vae_helpers.train", "vae", "faces", "--out", tmp_path / "out"],
        env={**os.environ, **environment, "KERAS_HOME": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"train: {message}")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_another_backend_of_keras_is_refused(monkeypatch):
    check_keras()
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for door in (check_keras, models.VAE, lambda: build_encoder(4, SHAPE)):
        with pytest.raises(ValueError, match=r"^Keras's backend must be tensorflow .* not jax$"):
            door()


def test_networks_that_answer_in_half_precision_are_refused():
    with pytest.raises(ValueError, match=r"^encoder must give float32, not float16"):
        models.MMDVAE(
            image_shape=SHAPE,
            encoder=keras.Sequential(
                [keras.layers.Flatten(), keras.layers.Dense(2, dtype="float16")]
            ),
        )
    half = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64, dtype="mixed_float16"),
                             keras.layers.Dense(64, "sigmoid", dtype="float32"),
                             keras.layers.Reshape(SHAPE)])  # fmt: skip
    model = models.MMDVAE(image_shape=SHAPE, decoder=half)
    assert model.sample(2).dtype == np.float32


# ---- many dimensions, and files ------------------------------------------------------------------


@pytest.mark.parametrize("build", [models.MMDVAE, lambda **how: models.InfoVAE(alpha=1, **how)])
def test_many_dimensions_with_the_published_kernel_are_warned_of_unless_it_is_named(build):
    with pytest.warns(
        UserWarning, match=r"codes of 9 dimensions shrink.* take kernel=.imq"
    ) as said:
        model = build(latent_dim=9)
    assert said[0].filename == __file__
    build(latent_dim=8)
    build(latent_dim=9, kernel="imq")
    build(latent_dim=9, kernel="published")
    type(model).from_config(model.get_config())  # the warnings of a file's maker are no news
    models.MMDVAE(latent_dim=9, mmd_weight=0.0)
    assert re.search(r"codes\s+shrink .*not for more than 8 dim", models.MMDVAE.__doc__, re.DOTALL)


def test_networks_of_a_readers_own_come_back_from_a_file(tmp_path):
    model = made(models.MMDVAE, encoder=build_encoder(2, SHAPE, (4,)), decoder=build_decoder(
        2, SHAPE, (4,), activation="sigmoid"))  # fmt: skip
    model.fit(IMAGES, epochs=2, verbose=0)
    model.save(tmp_path / "own.keras")
    again = keras.saving.load_model(tmp_path / "own.keras")
    np.testing.assert_array_equal(again.encode(IMAGES), model.encode(IMAGES))
    assert again.count_params() == model.count_params()


def test_one_import_is_enough_to_open_a_file(tmp_path):
    models.MMDVAE(image_shape=SHAPE).save(tmp_path / "a.keras")
    family.GaussianVAE(image_shape=SHAPE).save(tmp_path / "b.keras")
    program = (
        "import keras, sys, vae_helpers.family\n"
        "print(*[type(keras.saving.load_model(path)).__name__ for path in sys.argv[1:]])"
    )
    command = [sys.executable, "-c", program, tmp_path / "a.keras", tmp_path / "b.keras"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["MMDVAE", "GaussianVAE"], done.stderr[-2000:]
    assert "vae_helpers.family" in Autoencoder.__doc__


def test_losses_that_layers_add_are_part_of_the_loss_and_of_its_gradient():
    heavy = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(),
        keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(10.0))])  # fmt: skip
    model = models.MMDVAE(image_shape=SHAPE, encoder=heavy)
    model.compile(keras.optimizers.SGD(0.02))
    terms = model.evaluate(IMAGES, verbose=0, return_dict=True)
    added = 10 * np.sum(heavy.get_weights()[0] ** 2)
    assert terms["loss"] == pytest.approx(terms["reconstruction"] + terms["mmd"] + added, rel=1e-4)
    model.fit(IMAGES, epochs=5, batch_size=14, verbose=0)
    assert 10 * np.sum(heavy.get_weights()[0] ** 2) < 0.1 * added


def test_a_loss_scaling_optimizer_moves_the_weights_as_its_own_does():
    ends = []
    for optimizer in (
        keras.optimizers.SGD(0.1),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ):
        keras.utils.set_random_seed(0)
        model = models.VAE(image_shape=SHAPE)
        model.compile(optimizer)
        model.fit(IMAGES, batch_size=14, shuffle=False, verbose=0)
        ends.append(model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


# ---- the book ------------------------------------------------------------------------------------

TITLES = {
    models.MMDVAE: "The MMD-VAE",
    models.InfoVAE: "The InfoVAE",
    family.CapacityVAE: "The β-VAE: rate and distortion",
    family.VampPriorVAE: "The VampPrior",
    family.ContinuousBernoulliVAE: "Likelihoods of pixels",
    family.GaussianVAE: "Likelihoods of pixels",
}


@pytest.mark.parametrize("build", TITLES)
def test_a_class_names_the_chapter_that_is_about_it(build):
    (chapter,) = re.findall(r"introduced\s+in\s+chapter\s+(\d+)", build.__doc__)
    folder = Path(__file__).parent.parent.parent / "notebooks"
    (path,) = folder.glob(f"{int(chapter):02d}_*.ipynb")
    title = "".join(json.loads(path.read_text())["cells"][0]["source"]).splitlines()[0]
    assert title == f"# {chapter}. {TITLES[build]}"


# ---- the folder of a training --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run [1]", "a*b\\?/below"])
def test_a_training_goes_on_in_a_folder_whose_name_is_a_pattern(
    monkeypatch, tmp_path, fashion_mnist, name
):
    small = fashion_mnist._replace(
        train_images=fashion_mnist.train_images[:100], train_labels=fashion_mnist.train_labels[:100],
        test_images=fashion_mnist.test_images[:50], test_labels=fashion_mnist.test_labels[:50],
    )  # fmt: skip
    monkeypatch.setattr(train, "load_images", lambda what: small)
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
    out = tmp_path / name
    for epochs in (1, 4):
        record = train.train("autoencoder", "fashion_mnist", epochs=epochs, out=out)
    assert [row["epoch"] for row in record["history"]] == [1, 2, 3, 4]
    kept = {path.name.split(".")[0] for path in out.iterdir()}
    assert kept == {"state", "autoencoder-fashion_mnist"}

"""Networks and pictures of any shape, and networks that a reader hands in."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from vae_helpers.family import CapacityVAE, ContinuousBernoulliVAE, GaussianVAE, VampPriorVAE
from vae_helpers.models import MMDVAE, VAE, Autoencoder, InfoVAE
from vae_helpers.networks import build_decoder, build_encoder

pytestmark = pytest.mark.usefixtures("seeded")

CLASSES = [VAE, MMDVAE, InfoVAE, CapacityVAE, VampPriorVAE, ContinuousBernoulliVAE, GaussianVAE]
SHAPE, DIMENSIONS = (48, 40, 3), 12

every_class = pytest.mark.parametrize("build", CLASSES)


def pictures(n, shape=SHAPE):
    return np.random.default_rng(0).uniform(size=(n, *shape)).astype("float32")


def own_networks(outputs, last):
    """Five layers each, none of them as the published ones."""
    encoder = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 5, strides=4, activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16, activation="tanh", kernel_regularizer="l2"),
            layers.Dense(outputs),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((DIMENSIONS,)),
            layers.Dense(12 * 10 * 4, activation="relu"),
            layers.Reshape((12, 10, 4)),
            layers.UpSampling2D(2),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(3, 3, padding="same", activation=last),
        ]
    )
    return {"encoder": encoder, "decoder": decoder}


def with_own_networks(build):
    last = "sigmoid" if build.decoder_output == "pixels" and build is not InfoVAE else None
    networks = own_networks(build.outputs_per_dim * DIMENSIONS, last)
    if build in (MMDVAE, InfoVAE):  # the published kernel is not for so many dimensions
        networks["kernel"] = "imq"
    return build(latent_dim=DIMENSIONS, image_shape=SHAPE, **networks)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_published_idea_fits_every_shape_that_can_be_halved(data):
    filters = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    halved = 2 ** len(filters)
    height, width = (halved * data.draw(st.integers(1, 4)) for _ in range(2))
    shape = (height, width, data.draw(st.integers(1, 4)))
    encoder, decoder = build_encoder(5, shape, filters), build_decoder(5, shape, filters)
    assert encoder(pictures(2, shape)).shape == (2, 5)
    assert decoder(np.zeros((2, 5), "float32")).shape == (2, *shape)


@pytest.mark.parametrize(
    ("shape", "filters", "message"),
    [
        ((30, 28, 1), (32, 64), r"image_shape must be 2 times divisible .*30 × 28.*multiples of 4"),
        ((28, 30, 1), (32, 64), r"image_shape must be 2 times divisible .*28 × 30"),
        ((28, 28, 1), (8, 16, 32), "image_shape must be 3 times divisible"),
        ((28, 28, 1), (), "filters must be at least one"),
        ((28, 28), (32, 64), r"image_shape must be \(height, width, channels\), not \(28, 28\)"),
        ((28, 28, 0), (32, 64), "channels in image_shape must be a whole number of at least 1"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_what_fits(shape, filters, message):
    for build in (build_encoder, build_decoder):
        with pytest.raises(ValueError, match=message):
            build(2, shape, filters)


@pytest.mark.slow
@every_class
def test_a_model_of_colour_pictures_of_another_size_trains_and_draws(build):
    model = build(latent_dim=3, image_shape=(32, 20, 3))
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(pictures(30, (32, 20, 3)), batch_size=10, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    drawn = model.sample(4, seed=0)
    assert drawn.shape == (4, 32, 20, 3)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert model.encode(pictures(5, (32, 20, 3))).shape == (5, 3)


@pytest.mark.slow
@every_class
def test_a_readers_own_networks_are_trained_saved_and_loaded(build, tmp_path):
    model = with_own_networks(build)
    model.compile(keras.optimizers.Adam(1e-2))
    before = model.encoder.get_weights()[0].copy()
    model.fit(pictures(40), batch_size=20, epochs=2, verbose=0)
    assert not np.array_equal(model.encoder.get_weights()[0], before)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(a) for a in again.encoder.layers] == [type(a) for a in model.encoder.layers]
    np.testing.assert_array_equal(again.encode(pictures(5)), model.encode(pictures(5)))
    np.testing.assert_array_equal(again.sample(3, seed=1), model.sample(3, seed=1))


@pytest.mark.slow
def test_a_fresh_process_loads_a_model_with_a_readers_own_networks(tmp_path):
    model = with_own_networks(VAE)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "codes.npy", model.encode(pictures(5)))
    script = """
import sys, keras, numpy as np, vae_helpers.models
model = keras.saving.load_model(sys.argv[1] + "/model.keras")
pictures = np.random.default_rng(0).uniform(size=(5, 48, 40, 3)).astype("float32")
np.testing.assert_array_equal(model.encode(pictures), np.load(sys.argv[1] + "/codes.npy"))
"""
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True)


def test_what_layers_add_to_the_loss_is_minimised_too():
    model = with_own_networks(VAE)
    terms = model.loss_terms(pictures(10))
    (kernel,) = (w for w in model.encoder.layers[3].get_weights() if w.ndim == 2)
    added = 0.01 * np.sum(kernel**2)  # what Keras means by "l2"
    expected = sum(float(terms[name]) for name in model.summands) + added
    assert float(model.total(terms)) == pytest.approx(expected, rel=1e-6)


def test_networks_cannot_be_swapped_afterwards():
    model = VAE()
    for name in ("encoder", "decoder"):
        with pytest.raises(AttributeError, match=rf"{name} is chosen when .*VAE\({name}=…\)"):
            setattr(model, name, build_encoder(4))
    assert len(model.weights) == len(VAE().weights)


@pytest.mark.parametrize(
    ("build", "networks", "message"),
    [
        (VAE, {"encoder": build_encoder(3)}, r"encoder must turn .* into \[n, 4\], not into"),
        (MMDVAE, {"encoder": build_encoder(4)}, r"encoder must turn .* into \[n, 2\], not into"),
        (VAE, {"encoder": build_encoder(4, (32, 32, 1))}, r"encoder must take \[n, 28, 28, 1\]"),
        (VAE, {"decoder": build_decoder(3)}, r"decoder must take \[n, 2\]"),
        (VAE, {"decoder": build_decoder(2, (32, 32, 1))}, r"decoder must turn .*28, 28, 1"),
        (VAE, {"decoder": build_decoder(2, activation="sigmoid")}, "decoder must give logits"),
        (MMDVAE, {"decoder": build_decoder(2)}, r"decoder must give pixels in \[0, 1\]"),
    ],
)
def test_networks_that_do_not_fit_are_refused_with_what_fits(build, networks, message):
    with pytest.raises(ValueError, match=message):
        build(**networks)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="encoder must be a Keras model or layer, not a str"):
        Autoencoder(encoder="small")


def test_the_two_networks_of_a_chapter_are_the_ones_that_a_model_trains():
    encoder, decoder = build_encoder(4), build_decoder(2)
    model = VAE(encoder=encoder, decoder=decoder)
    assert model.encoder is encoder
    assert model.decoder is decoder

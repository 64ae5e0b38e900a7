"""What latent_explorer refuses, and with which words."""

import keras
import numpy as np
import pytest
from keras import layers

from vae_helpers.models import VAE
from vae_helpers.widgets import latent_explorer


def chain(*stack, inputs=(2,)):
    return keras.Sequential([keras.Input(inputs), *stack])


class Given:
    """A model of parts that are given."""

    latent_dim, decoder_output = 2, "pixels"

    def __init__(self, decoder, **parts):
        self.decoder = decoder
        vars(self).update(parts)

    def encode(self, images):
        return np.zeros((len(images), self.latent_dim), "float32")


@pytest.fixture(scope="module")
def vae():
    return VAE()


def test_a_decoder_output_that_the_browser_cannot_draw_is_refused_by_name(vae):
    with pytest.raises(
        ValueError, match=r"a's decoder_output must be one of pixels, logits, .*'counts'"
    ):
        latent_explorer({"a": Given(vae.decoder, decoder_output="counts")})


def test_decoders_of_something_else_than_pictures_are_refused():
    for sizes in ((2, 2, 2), (12,)):
        decoder = chain(layers.Dense(int(np.prod(sizes))), layers.Reshape(sizes))
        with pytest.raises(
            ValueError, match=r"x's decoder must give images \[height, width, 1 or 3 colours\]"
        ):
            latent_explorer({"x": Given(decoder)})


def test_a_decoder_that_takes_something_else_than_z_is_refused(vae):
    with pytest.raises(ValueError, match=r"x's decoder must take \[latent_dim\], that is \[3\]"):
        latent_explorer({"x": Given(vae.decoder, latent_dim=3)})


def test_decoders_must_give_pictures_of_one_size_and_the_data_s(vae, data):
    small = Given(chain(layers.Dense(16), layers.Reshape((4, 4, 1))))
    assert latent_explorer({"small": small}, grid=True)
    with pytest.raises(ValueError, match="vae's decoder must give images of one size"):
        latent_explorer({"small": small, "vae": vae})
    with pytest.raises(ValueError, match="small's decoder must give images of data's size"):
        latent_explorer({"small": small}, data, map=True)


def test_what_is_no_dict_of_models_is_refused(vae):
    for wrong in ({}, [vae], vae):
        with pytest.raises(TypeError, match="dict of names and models"):
            latent_explorer(wrong)
    with pytest.raises(TypeError, match=r"models\['x'\] must be an Autoencoder; .* no latent_dim"):
        latent_explorer({"x": chain(layers.Dense(1))})


def test_models_must_share_their_latent_dim(vae):
    with pytest.raises(ValueError, match="latent_dim must be the same"):
        latent_explorer({"a": vae, "b": VAE(latent_dim=3)})


def test_map_and_grid_need_their_dimensions(data):
    with pytest.raises(ValueError, match="grid needs latent_dim = 2; these models have 3"):
        latent_explorer({"a": VAE(latent_dim=3)}, grid=True)
    with pytest.raises(ValueError, match="map needs latent_dim of at least 2"):
        latent_explorer({"a": VAE(latent_dim=1)}, data, map=True)


@pytest.mark.parametrize("panel", ["map", "pad", "walk"])
def test_all_panels_but_the_grid_need_data(vae, panel):
    with pytest.raises(ValueError, match=f"^{panel} needs data: .*{panel}=True"):
        latent_explorer({"a": vae}, **{panel: True})


def test_data_that_are_no_data_are_refused(vae, data):
    with pytest.raises(TypeError, match="has no test_images"):
        latent_explorer({"a": vae}, data.test_images)
    with pytest.raises(ValueError, match=r"test_images must lie in \[0, 1\]"):
        latent_explorer({"a": vae}, data._replace(test_images=255 * data.test_images))
    with pytest.raises(ValueError, match=r"test_images must have shape \[n, height"):
        latent_explorer({"a": vae}, data._replace(test_images=data.test_images[..., 0]))
    with pytest.raises(ValueError, match=r"test_labels must have shape \[300\]"):
        latent_explorer({"a": vae}, data._replace(test_labels=data.test_labels[:5]))
    with pytest.raises(ValueError, match="class_names must be at least 10"):
        latent_explorer({"a": vae}, data._replace(class_names=("one", "two")))


def test_an_encoder_that_does_not_fit_is_refused(vae, data):
    def refused(encoder, words):
        with pytest.raises(ValueError, match=words):
            latent_explorer({"x": Given(vae.decoder, encoder=encoder)}, data, pad=True)

    with pytest.raises(TypeError, match="has no encoder"):
        latent_explorer({"x": Given(vae.decoder)}, data, pad=True)
    image = (28, 28, 1)
    three = chain(layers.Flatten(), layers.Dense(3), inputs=image)
    refused(three, r"into 2 or 4 numbers; it turns \[28, 28, 1\] into \[3\]")
    small = chain(layers.Flatten(), layers.Dense(2), inputs=(14, 14, 1))
    refused(small, r"must turn images \[28, 28, 1\]")
    bent = chain(layers.Flatten(), layers.Dense(2, "gelu", name="bent"), inputs=image)
    refused(bent, "x's encoder: layer 'bent' has the activation")


def test_snapshots_of_something_else_are_refused(models, data, snapshots):
    a, b = snapshots.values()
    for wrong in ({"VAE": a}, [a], a):
        with pytest.raises(TypeError, match=r"names of models, \['VAE', 'MMD-VAE'\]"):
            latent_explorer(models, data, snapshots=wrong)
    with pytest.raises(ValueError, match=r"snapshots\['VAE'\] are of another training"):
        latent_explorer(models, data, snapshots={"VAE": b, "MMD-VAE": b})
    later = {**b, "epochs": np.array([0, 5, 40])}
    with pytest.raises(ValueError, match="same epochs for all models"):
        latent_explorer(models, data, snapshots={"VAE": a, "MMD-VAE": later})
    short = {**a, "epochs": a["epochs"][:1]}
    with pytest.raises(ValueError, match=r"\['codes'\] must have shape \[1, n, latent_dim\]"):
        latent_explorer(models, data, snapshots={**snapshots, "VAE": short})
    with pytest.raises(ValueError, match="map needs data"):
        latent_explorer(models, snapshots=snapshots)


def test_codes_that_are_not_finite_are_refused(vae, data):
    broken = Given(vae.decoder, encode=lambda images: np.full((len(images), 2), np.nan))
    with pytest.raises(ValueError, match="bad gives codes that are not finite"):
        latent_explorer({"bad": broken}, data)

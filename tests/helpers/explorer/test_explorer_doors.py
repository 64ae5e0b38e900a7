"""What latent_explorer refuses, and with which words."""

import keras
import numpy as np
import pytest
from keras import layers

from vae_helpers.models import VAE
from vae_helpers.widgets import latent_explorer


def chain(*stack, inputs=(2,)):
    return keras.Sequential([keras.Input(inputs), *stack])


@pytest.fixture(scope="module")
def vae():
    return VAE()


def test_a_decoder_output_that_the_browser_cannot_draw_is_refused_by_name():
    class Counting(VAE):
        decoder_output = "counts"

        def to_pixels(self, decoded):
            return decoded / 255

    with pytest.raises(
        ValueError, match=r"unknown decoder_output \(of a, .*'counts'; there are 'pixels', 'logits'"
    ):
        latent_explorer({"a": Counting()})


def test_pictures_that_are_neither_grey_nor_coloured_are_refused():
    with pytest.raises(ValueError, match=r"must be grey or in three colours, not \(4, 4, 2\)"):
        latent_explorer({"x": VAE(image_shape=(4, 4, 2))})


def test_decoders_must_give_pictures_of_one_size_and_the_data_s(vae, data):
    small = VAE(image_shape=(4, 4, 1))
    assert latent_explorer({"small": small}, grid=True)
    with pytest.raises(ValueError, match=r"image_shape must be the same for all models: .*4, 4, 1"):
        latent_explorer({"small": small, "vae": vae})
    with pytest.raises(ValueError, match=r"data\.test_images must have shape \[n, 4, 4, 1\]"):
        latent_explorer({"small": small}, data, map=True)


def test_what_is_no_dict_of_models_is_refused(vae):
    for wrong in ({}, [vae], vae):
        with pytest.raises(TypeError, match="dict of names and models"):
            latent_explorer(wrong)
    with pytest.raises(TypeError, match=r"models\['x'\] must be an Autoencoder, not a Sequential"):
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
    with pytest.raises(TypeError, match="data must be an ImageDataset, not a ndarray"):
        latent_explorer({"a": vae}, data.test_images)
    with pytest.raises(ValueError, match=r"test_images must lie in \[0, 1\]"):
        latent_explorer({"a": vae}, data._replace(test_images=255 * data.test_images))
    with pytest.raises(ValueError, match=r"test_images must have shape \[n, 28, 28, 1\]"):
        latent_explorer({"a": vae}, data._replace(test_images=data.test_images[..., 0]))
    with pytest.raises(ValueError, match=r"test_labels must have shape \[300\]"):
        latent_explorer({"a": vae}, data._replace(test_labels=data.test_labels[:5]))
    with pytest.raises(ValueError, match="class_names must be at least 10"):
        latent_explorer({"a": vae}, data._replace(class_names=("one", "two")))


def test_an_encoder_that_the_browser_cannot_run_is_refused(data):
    encoder = chain(layers.Flatten(), layers.Dense(4, "gelu", name="bent"), inputs=(28, 28, 1))
    model = VAE(encoder=encoder)
    assert latent_explorer({"x": model}, data, walk=True)
    with pytest.raises(ValueError, match="x's encoder: layer 'bent' has the activation"):
        latent_explorer({"x": model}, data, pad=True)


def test_snapshots_of_something_else_are_refused(models, data, snapshots):
    a, b = snapshots.values()
    for wrong in ({"VAE": a}, [a], a):
        with pytest.raises(TypeError, match=r"names of models, \['VAE', 'MMD-VAE'\]"):
            latent_explorer(models, data, snapshots=wrong)
    with pytest.raises(ValueError, match=r"snapshots\['VAE'\] are of another training"):
        latent_explorer(models, data, snapshots={"VAE": b, "MMD-VAE": b})
    later = {**b, "epochs": np.array([0, 5, 40])}
    with pytest.raises(
        ValueError, match=r"snapshots\['MMD-VAE'\] must have codes of the epochs \[0, 5, 50\]"
    ):
        latent_explorer(models, data, snapshots={"VAE": a, "MMD-VAE": later})
    short = {**a, "epochs": a["epochs"][:1]}
    with pytest.raises(ValueError, match=r"snapshots\['VAE'\] must have codes of the epochs \[0\]"):
        latent_explorer(models, data, snapshots={**snapshots, "VAE": short})
    with pytest.raises(ValueError, match="map needs data"):
        latent_explorer(models, snapshots=snapshots)


def test_codes_that_are_not_finite_are_refused(data):
    class Broken(VAE):
        def encode(self, images):
            return np.full((len(images), 2), np.nan, "float32")

    with pytest.raises(ValueError, match="bad gives codes that are not finite"):
        latent_explorer({"bad": Broken()}, data)

"""What the explorer's Python half packs for the browser."""

import json

import keras
import numpy as np
import pytest
from ipywidgets.embed import dependency_state

from vae_helpers.files import StreamedImages
from vae_helpers.models import MMDVAE, VAE
from vae_helpers.widgets import explorer_state, latent_explorer
from vae_helpers.widgets.layers import describe
from vae_helpers.widgets.page import module


@pytest.fixture(scope="module")
def vae():
    return VAE()


@pytest.fixture(scope="module")
def mmd_vae():
    return MMDVAE()


def embedded(widget):
    """The widget's state as a web page holds it: JSON, with its bytes in base64."""
    return dependency_state([widget])


def size(part):
    return len(json.dumps(part))


def halves(packed, *shape):
    return np.frombuffer(packed, "<f2").reshape(shape)


# ---- how much it is ----------------------------------------------------------------------------


def test_a_decoder_takes_at_most_150_kb_of_the_page(vae, mmd_vae):
    sizes = [
        size(embedded(latent_explorer(models))) for models in ({"a": vae}, {"a": vae, "b": mmd_vae})
    ]
    assert sizes[1] - sizes[0] < 155_000  # with its still picture
    assert sizes[0] < 155_000 + 100_000  # the module and the style sheet come once


def test_points_and_thumbnails_take_at_most_350_kb(vae, mmd_vae, fashion_mnist):
    models = {"a": vae, "b": mmd_vae}
    bare = size(embedded(latent_explorer(models, fashion_mnist)))
    for panels in ({"map": True}, {"map": True, "walk": True}):
        full = size(embedded(latent_explorer(models, fashion_mnist, **panels)))
        assert 200_000 < full - bare < 350_000, panels


def test_an_encoder_takes_at_most_80_kb_more(vae, mmd_vae, fashion_mnist):
    models = {"a": vae, "b": mmd_vae}
    sizes = [
        size(embedded(latent_explorer(models, fashion_mnist, walk=True, pad=wanted)))
        for wanted in (False, True)
    ]
    assert 100_000 < sizes[1] - sizes[0] < 2 * 80_000


def test_larger_pictures_bring_fewer_of_themselves(coloured):
    models, data = coloured
    points = latent_explorer(models, data, walk=True).view.points
    assert len(points["images"]) == len(points["marked"]) * 48 * 40 * 3 < 250_000


# ---- what it is ----------------------------------------------------------------------------------


def test_points_are_the_first_test_images_and_25_of_each_class_are_marked(vae, fashion_mnist):
    points = latent_explorer({"a": vae}, fashion_mnist, map=True).view.points
    labels = np.frombuffer(points["labels"], "<u2")
    np.testing.assert_array_equal(labels, fashion_mnist.test_labels[:2000])
    codes = vae.encode(fashion_mnist.test_images[:2000])
    np.testing.assert_allclose(halves(points["places"][0], 2000, 2), codes, atol=1e-2)

    marked = points["marked"]
    assert np.bincount(labels[marked]).tolist() == [25] * 10
    np.testing.assert_allclose(halves(points["codes"][0], 250, 2), codes[marked], atol=1e-2)
    images = np.frombuffer(points["images"], "uint8").reshape(-1, 28, 28, 1)
    np.testing.assert_allclose(images, fashion_mnist.test_images[marked] * 255, atol=1e-3)


def test_without_labels_all_points_are_of_one_kind(coloured):
    models, data = coloured
    points = latent_explorer(models, data, map=True).view.points
    assert points["class_names"] == []
    assert not np.frombuffer(points["labels"], "<u2").any()


def test_streamed_images_are_shown_like_those_in_memory(models, data):
    stream = StreamedImages(np.rint(data.test_images * 255).astype("uint8"))
    streamed, plain = (
        explorer_state(models, data._replace(test_images=images), map=True, walk=True, pad=True)
        for images in (stream, stream[:])
    )
    assert streamed == plain


def test_images_without_ink_do_not_count_for_the_size_of_a_drawing(models, data):
    blank = np.zeros_like(data.test_images)
    some = np.concatenate([data.test_images, blank[:40]])
    unlabelled = data._replace(test_labels=None, class_names=())
    boxes = [
        explorer_state(models, unlabelled._replace(test_images=images), pad=True)["points"]["ink"][
            "box"
        ]
        for images in (data.test_images, some, blank)
    ]
    assert boxes[0] == boxes[1] > boxes[2] == 1


def test_labels_without_names_are_named_by_their_numbers(models, data):
    points = latent_explorer(models, data._replace(class_names=()), walk=True).view.points
    assert points["class_names"] == [str(k) for k in range(10)]


def test_weights_are_those_of_the_decoder_in_order(mmd_vae):
    description = describe(mmd_vae.decoder, "decoder")
    numbers = np.frombuffer(description["weights"], "<f2")
    assert len(numbers) == mmd_vae.decoder.count_params()
    dense = mmd_vae.decoder.layers[0]
    first = np.concatenate([dense.kernel.numpy().ravel(), dense.bias.numpy()])
    np.testing.assert_array_equal(numbers[: len(first)], first.astype("<f2"))


def test_only_the_pad_brings_encoders(models, data):
    without = latent_explorer(models, data, map=True, walk=True).view
    assert all("encoder" not in facts for facts in without.models)
    with_pad = latent_explorer(models, data, pad=True).view
    for facts, model in zip(with_pad.models, models.values(), strict=True):
        assert facts["encoder"] == describe(model.encoder, "encoder")


def test_snapshots_bring_the_map_and_every_epoch_but_the_last(models, data, snapshots):
    before = {name: model.decoder.get_weights() for name, model in models.items()}
    # The order of the models counts, not that of the snapshots.
    view = latent_explorer(models, data, snapshots=dict(reversed(snapshots.items()))).view
    assert view.panels == ["map"]
    assert view.points["epochs"] == [0, 5, 50]
    for packed, taken in zip(view.points["earlier"], snapshots.values(), strict=True):
        expected = taken["codes"][:-1].astype("<f2")
        np.testing.assert_array_equal(halves(packed, 2, 300, 2), expected)

    vae, mmd_vae = view.models
    assert "earlier" not in vae
    assert len(mmd_vae["earlier"]) == 2
    assert len(mmd_vae["earlier"][0]) == len(mmd_vae["decoder"]["weights"])
    # The model has its own weights again.
    for name, weights in before.items():
        for a, b in zip(weights, models[name].decoder.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_an_explorer_takes_no_number_from_python_s_random_generator(models, data, snapshots):
    import random

    random.seed(3)
    latent_explorer(models, data, grid=True, pad=True, walk=True, snapshots=snapshots)
    random_after = random.random()
    random.seed(3)
    assert random.random() == random_after


@pytest.mark.parametrize(("name", "box", "pen"), [("mnist", 20, 2), ("fashion_mnist", 28, 5)])
def test_a_drawing_gets_the_size_and_the_pen_of_the_data(vae, load, name, box, pen):
    ink = latent_explorer({"a": vae}, load(name), pad=True).view.points["ink"]
    assert ink["box"] == box
    assert ink["pen"] == pytest.approx(pen, abs=0.5)


def test_plain_json_holds_the_same(models, data):
    state = explorer_state(models, data, map=True, pad=True)
    assert json.loads(json.dumps(state)) == state
    view = latent_explorer(models, data, map=True, pad=True).view
    assert state["panels"] == view.panels == ["map", "pad"]
    assert state["models"][0]["decoder"]["layers"] == view.models[0]["decoder"]["layers"]
    weights = view.models[1]["decoder"]["weights"]
    assert len(state["models"][1]["decoder"]["weights"]["base64"]) == 4 * -(-len(weights) // 3)


def test_the_module_is_its_files_without_their_imports():
    text = module()
    assert 'from "./' not in text
    assert text.count("export default") == 1


# ---- dimensions --------------------------------------------------------------------------------


class Given(MMDVAE):
    """A model whose codes are set by hand."""

    def __init__(self, codes, latent_dim=2):
        super().__init__(latent_dim, kernel="published")
        self.codes = np.float32(codes)

    def encode(self, images):
        return np.resize(self.codes, (len(images), self.latent_dim))


@pytest.mark.parametrize(
    ("codes", "low", "high"),
    [([[0.1, 0.2]], -4, 4), ([[-7.2, 0], [1, 5.5]], -8, 6), ([[9, 30.0]], -4, 30)],
)
def test_sliders_reach_the_codes_and_the_grid(codes, low, high, data):
    explorer = latent_explorer({"near": Given([[0, 0]]), "far": Given(codes)}, data)
    for slider in explorer.sliders:
        assert (slider.min, slider.max, slider.value) == (low, high, 0)


def test_without_data_sliders_reach_the_grid(vae):
    assert [(s.min, s.max) for s in latent_explorer({"a": vae}).sliders] == [(-4, 4)] * 2


def test_every_slider_is_linked_in_the_browser_under_its_dimension_s_name(vae):
    explorer = latent_explorer({"a": vae})
    links = [
        part["state"] for part in embedded(explorer).values() if part["model_name"] == "LinkModel"
    ]
    ends = {(link["source"][0], link["target"][0], link["target"][1]) for link in links}
    view = f"IPY_MODEL_{explorer.view.model_id}"
    assert ends == {
        (f"IPY_MODEL_{slider.model_id}", view, f"z{i + 1}")
        for i, slider in enumerate(explorer.sliders)
    }


def test_of_more_than_eight_dimensions_those_with_the_widest_codes_get_sliders(data):
    rng = np.random.default_rng(0)
    spreads = np.array([1, 0.1, 2, 3, 0.2, 1, 1, 1, 1, 1])
    codes = rng.standard_normal((300, 10)) * spreads + np.arange(10)
    explorer = latent_explorer({"a": Given(codes, 10)}, data, map=True)
    names = [slider.description for slider in explorer.sliders]
    assert names == ["z₁", "z₃", "z₄", "z₆", "z₇", "z₈", "z₉", "z₁₀"]
    facts = explorer.view.models[0]
    np.testing.assert_allclose(facts["mean"], np.float32(codes).mean(axis=0), rtol=1e-4)
    # The map shows the two directions in which they differ most: z₄ and z₃ here.
    axes = np.abs(facts["plane"]["axes"])
    assert axes[0].argmax() == 2
    assert axes[1].argmax() == 1
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=0.2)
    places = halves(explorer.view.points["places"][0], 300, 2)
    chosen = np.float32(codes)[:, explorer.view.dims]
    expected = (chosen - facts["plane"]["origin"]) @ np.transpose(facts["plane"]["axes"])
    np.testing.assert_allclose(places, expected, atol=0.01)
    assert np.std(places[:, 0]) > np.std(places[:, 1]) > 1.5


def test_without_data_the_first_eight_dimensions_get_sliders():
    explorer = latent_explorer({"a": VAE(latent_dim=11)})
    assert [slider.description for slider in explorer.sliders][-1] == "z₈"
    assert "mean" not in explorer.view.models[0]


def test_the_last_epoch_alone_rules_the_range(models, data):
    model = Given(np.random.default_rng(0).standard_normal((300, 2)).clip(-3, 3))
    codes = model.encode(data.test_images)
    taken = {"epochs": np.array([0, 1]), "codes": np.stack([codes + 100, codes])}
    explorer = latent_explorer({"a": model}, data, snapshots={"a": taken})
    assert (explorer.view.low, explorer.view.high) == (-4, 4)


# ---- its place in a page -----------------------------------------------------------------------


def test_where_widgets_cannot_be_shown_a_sentence_stands(vae):
    assert "VAE" in repr(latent_explorer({"VAE": vae}))


def test_names_in_the_still_picture_are_text(vae):
    place = latent_explorer({'<img src=x onerror="x()">': vae}).view.place
    assert "<img src=x" not in place
    assert "&lt;img" in place


def test_a_reader_s_own_five_layers_are_drawn_in_colour():
    from keras import layers

    decoder = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(12 * 10 * 8),
            layers.Reshape((12, 10, 8)),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.UpSampling2D(2),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
        ]
    )
    model = VAE(latent_dim=12, image_shape=(48, 40, 3), decoder=decoder)
    assert latent_explorer({"own": model}).view.models[0]["decoder"]["output"] == [48, 40, 3]

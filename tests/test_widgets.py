"""The explorer's Python half: what is packed for the browser, and what is refused."""

import base64
import hashlib
import importlib.util
import io
import json
import sys
import tarfile
import warnings
from pathlib import Path

import keras
import node
import numpy as np
import pytest
from keras import layers

from vae_helpers.models import MMDVAE, VAE
from vae_helpers.widgets import latent_explorer
from vae_helpers.widgets.layers import describe

PYTHON = sys.executable  # a test puts another there


@pytest.fixture(scope="module")
def vae():
    return VAE()


@pytest.fixture(scope="module")
def mmd_vae():
    return MMDVAE()


def embedded(widget):
    """The widget's state as a web page holds it: JSON, with its bytes in base64."""
    from ipywidgets.embed import dependency_state

    return dependency_state([widget])


def made_snapshots(codes, epochs=(0, 1, 50)):
    """What ``checkpoints.snapshots`` returns, of a training that ends at these codes."""
    earlier = [codes * (k + 1) / len(epochs) for k in range(len(epochs))]
    return {"epochs": np.array(epochs), "codes": np.array(earlier, "float16")}


@pytest.fixture(scope="module")
def taken(vae, mmd_vae, fashion_mnist):
    """Snapshots of seven epochs and 2,000 test images, as the shipped ones are."""
    images = fashion_mnist.test_images[:2000]
    epochs = (0, 1, 10, 20, 30, 40, 50)
    return {n: made_snapshots(m.encode(images), epochs) for n, m in (("a", vae), ("b", mmd_vae))}


def size(part):
    return len(json.dumps(part))


def chain(*stack, inputs=(2,)):
    return keras.Sequential([keras.Input(inputs), *stack])


# ---- state ------------------------------------------------------------------------------------------


def test_a_decoder_takes_at_most_150_kb_of_the_page(vae, mmd_vae):
    sizes = [
        size(embedded(latent_explorer(models))) for models in ({"a": vae}, {"a": vae, "b": mmd_vae})
    ]
    assert sizes[1] - sizes[0] < 150_000
    assert sizes[0] < 150_000 + 60_000  # the module and the style sheet come once


def test_points_and_thumbnails_take_at_most_350_kb(vae, mmd_vae, fashion_mnist):
    models = {"a": vae, "b": mmd_vae}
    bare, full = (
        size(embedded(latent_explorer(models, fashion_mnist, map=wanted)))
        for wanted in (False, True)
    )
    assert 200_000 < full - bare < 350_000


def test_an_encoder_takes_at_most_80_kb_more(vae, mmd_vae, fashion_mnist):
    models = {"a": vae, "b": mmd_vae}
    sizes = [
        size(embedded(latent_explorer(models, fashion_mnist, walk=True, pad=wanted)))
        for wanted in (False, True)
    ]
    assert 100_000 < sizes[1] - sizes[0] < 2 * 80_000


def test_points_thumbnails_and_epochs_take_at_most_350_kb(vae, mmd_vae, fashion_mnist, taken):
    models = {"a": vae, "b": mmd_vae}
    bare = size(embedded(latent_explorer(models, fashion_mnist)))
    for panels in ({"walk": True}, {"snapshots": taken}, {"snapshots": taken, "walk": True}):
        full = size(embedded(latent_explorer(models, fashion_mnist, **panels)))
        assert 200_000 < full - bare < 350_000, panels


def test_points_are_the_first_test_images_and_25_of_each_class_are_marked(vae, fashion_mnist):
    points = latent_explorer({"a": vae}, fashion_mnist, map=True).view.points
    labels = np.frombuffer(points["labels"], "uint8")
    assert len(labels) == 2000
    np.testing.assert_array_equal(labels, fashion_mnist.test_labels[:2000])
    codes = np.frombuffer(points["codes"][0], "<f2").reshape(-1, 2)
    np.testing.assert_allclose(codes, vae.encode(fashion_mnist.test_images[:2000]), atol=1e-2)

    marked = points["marked"]
    assert np.bincount(labels[marked]).tolist() == [25] * 10
    images = np.frombuffer(points["images"], "uint8").reshape(-1, 28, 28)
    expected = fashion_mnist.test_images[marked][..., 0] * 255
    np.testing.assert_allclose(images, expected, atol=1e-3)


def test_weights_are_those_of_the_decoder_in_order(mmd_vae):
    description = describe(mmd_vae.decoder, "decoder")
    numbers = np.frombuffer(description["weights"], "<f2")
    assert len(numbers) == mmd_vae.decoder.count_params()
    dense = mmd_vae.decoder.layers[0]
    first = np.concatenate([dense.kernel.numpy().ravel(), dense.bias.numpy()])
    np.testing.assert_array_equal(numbers[: len(first)], first.astype("<f2"))
    kinds = [layer["kind"] for layer in description["layers"]]
    assert kinds == ["dense"] + ["conv2d_transpose"] * 3


def test_only_the_pad_brings_encoders(vae, mmd_vae, fashion_mnist):
    models = {"a": vae, "b": mmd_vae}
    without = latent_explorer(models, fashion_mnist, map=True, walk=True).view
    assert all("encoder" not in facts for facts in without.models)
    with_pad = latent_explorer(models, fashion_mnist, pad=True).view
    for facts, model in zip(with_pad.models, models.values(), strict=True):
        assert facts["encoder"] == describe(model.encoder, "encoder")


def test_snapshots_bring_the_map_and_every_epoch_but_the_last(vae, mmd_vae, fashion_mnist, taken):
    # The order of the models counts, not that of the snapshots.
    snapshots = dict(reversed(taken.items()))
    view = latent_explorer({"a": vae, "b": mmd_vae}, fashion_mnist, snapshots=snapshots).view
    assert view.panels == ["map"]
    assert len(view.points["labels"]) == 1000
    assert view.points["epochs"] == [0, 1, 10, 20, 30, 40, 50]
    for packed, snapshot in zip(view.points["earlier"], taken.values(), strict=True):
        codes = np.frombuffer(packed, "<f2").reshape(6, 1000, 2)
        np.testing.assert_array_equal(codes, snapshot["codes"][:-1, :1000])


def test_the_last_epoch_alone_rules_the_range(vae, fashion_mnist):
    snapshot = made_snapshots(vae.encode(fashion_mnist.test_images[:2000]))
    snapshot["codes"][0] = 100
    explorer = latent_explorer({"a": vae}, fashion_mnist, snapshots={"a": snapshot})
    assert (explorer.view.low, explorer.view.high) == (-4, 4)


@pytest.mark.parametrize(("name", "box", "pen"), [("mnist", 20, 2), ("fashion_mnist", 28, 5)])
def test_a_drawing_gets_the_size_and_the_pen_of_the_data(vae, load, name, box, pen):
    points = latent_explorer({"a": vae}, load(name), pad=True).view.points
    assert points["box"] == box
    assert points["pen"] == pytest.approx(pen, abs=0.5)


def test_pad_and_walk_work_in_any_number_of_dimensions(fashion_mnist):
    model = MMDVAE(latent_dim=3)
    points = latent_explorer({"a": model}, fashion_mnist, pad=True, walk=True).view.points
    codes = np.frombuffer(points["codes"][0], "<f2").reshape(2000, 3)
    np.testing.assert_allclose(codes, model.encode(fashion_mnist.test_images[:2000]), atol=1e-2)


# ---- sliders ----------------------------------------------------------------------------------------


class Shifted:
    """A model whose codes are set by hand."""

    decoder_output, latent_dim = "pixels", 2

    def __init__(self, codes):
        self.decoder, self.codes = MMDVAE().decoder, codes

    def encode(self, images):
        return np.resize(np.float32(self.codes), (len(images), 2))


@pytest.mark.parametrize(
    ("codes", "low", "high"),
    [([[0.1, 0.2]], -4, 4), ([[-7.2, 0], [1, 5.5]], -8, 6), ([[9, 30.0]], -4, 30)],
)
def test_sliders_reach_the_codes_and_the_grid(codes, low, high, fashion_mnist):
    explorer = latent_explorer({"near": Shifted([[0, 0]]), "far": Shifted(codes)}, fashion_mnist)
    for slider in explorer.sliders:
        assert (slider.min, slider.max, slider.value) == (low, high, 0)


def test_a_decoder_output_that_the_browser_cannot_draw_is_refused_by_name():
    class Other(Shifted):
        decoder_output = "counts"

    with pytest.raises(
        ValueError, match=r"a's decoder_output must be one of pixels, logits, .*'counts'"
    ):
        latent_explorer({"a": Other([[0, 0]])})


def test_without_data_sliders_reach_the_grid(vae):
    assert [(s.min, s.max) for s in latent_explorer({"a": vae}).sliders] == [(-4, 4)] * 2


def test_one_slider_for_each_latent_dimension():
    explorer = latent_explorer({"a": VAE(latent_dim=11)})
    names = [slider.description for slider in explorer.sliders]
    assert names[:2] == ["z₁", "z₂"]
    assert names[-1] == "z₁₁"
    assert explorer.view.z11 == 0


def test_every_slider_is_linked_in_the_browser(vae):
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


def test_where_widgets_cannot_be_shown_a_sentence_stands(vae):
    assert "VAE" in repr(latent_explorer({"VAE": vae}))


# ---- what is refused --------------------------------------------------------------------------------


def refusal(network):
    with pytest.raises(ValueError, match="decoder") as caught:
        describe(network, "VAE's decoder")
    return str(caught.value)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (layers.LayerNormalization(name="norm_1"), "'norm_1' is a LayerNormalization"),
        (layers.Dropout(0.5, name="drop"), "'drop' is a Dropout"),
        (layers.Dense(4, activation="tanh", name="bent"), "'bent' has the activation 'tanh'"),
        (layers.Dense(4, activation=lambda x: x, name="odd"), "'odd' has the activation"),
    ],
)
def test_a_layer_that_the_browser_cannot_run_is_named(layer, complaint):
    assert complaint in refusal(chain(layer))


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (
            layers.Conv2DTranspose(2, 3, strides=2, output_padding=1, name="up"),
            "'up' has output_padding=",
        ),
        (layers.Conv2DTranspose(2, 3, dilation_rate=2, name="holes"), "'holes' has dilation_rate="),
        (layers.Conv2D(2, 3, dilation_rate=2, name="holes"), "'holes' has dilation_rate="),
        (layers.Conv2D(2, 3, groups=2, name="split"), "'split' has groups=2"),
        (layers.Dense(2, name="each"), "'each' works on 3 axes"),
    ],
)
def test_an_option_that_the_browser_does_not_know_is_named(layer, complaint):
    assert complaint in refusal(chain(layer, inputs=(8, 8, 2)))


def test_a_subclass_of_a_supported_layer_is_refused():
    class Twice(layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    assert "is a Twice" in refusal(chain(Twice(3)))


def test_a_skip_connection_is_refused():
    inputs = keras.Input((3,))
    hidden = layers.Dense(3, activation="relu")(inputs)
    network = keras.Model(inputs, layers.Dense(3)(hidden) + hidden)
    with pytest.raises(ValueError, match="decoder"):
        describe(network, "decoder")


def test_layers_that_are_used_twice_are_refused():
    inputs = keras.Input((3,))
    shared = layers.Dense(3, activation="sigmoid")
    network = keras.Model(inputs, shared(shared(inputs)))
    assert "not a plain chain" in refusal(network)


@pytest.mark.parametrize("value", [1e6, np.nan])
def test_weights_that_float16_cannot_hold_are_refused(value):
    network = chain(layers.Dense(3))
    network.layers[0].kernel.assign(np.full((2, 3), value, "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"float16|chain"):
            describe(network, "decoder")


def test_decoders_of_something_else_than_grey_images_are_refused(vae):
    class Other:
        latent_dim, decoder_output = 2, "pixels"
        decoder = chain(layers.Dense(12), layers.Reshape((2, 2, 3)))
        encode = None

    with pytest.raises(ValueError, match=r"Other's decoder must give images \[height, width, 1\]"):
        latent_explorer({"Other": Other()})


def test_a_decoder_that_takes_something_else_than_z_is_refused(vae):
    class Other:
        latent_dim, decoder_output, encode = 3, "pixels", None
        decoder = vae.decoder

    with pytest.raises(
        ValueError, match=r"Other's decoder must take \[latent_dim\], that is \[3\]"
    ):
        latent_explorer({"Other": Other()})


def test_a_decoder_of_another_size_than_the_test_images_is_refused(vae, fashion_mnist):
    class Small:
        latent_dim, decoder_output, encode = 2, "pixels", vae.encode
        decoder = chain(layers.Dense(16), layers.Reshape((4, 4, 1)))

    assert latent_explorer({"Small": Small()}, grid=True)
    with pytest.raises(ValueError, match=r"Small's decoder must give images of data's size"):
        latent_explorer({"Small": Small()}, fashion_mnist, map=True)


def test_layers_that_put_channels_first_are_refused():
    network = chain(layers.Dense(12), layers.Reshape((2, 2, 3)), layers.Flatten("channels_first"))
    with pytest.raises(ValueError, match="data_format='channels_first'"):
        describe(network, "decoder")


def test_what_is_no_dict_of_models_is_refused(vae):
    for wrong in ({}, [vae], vae):
        with pytest.raises(TypeError, match="dict of names and models"):
            latent_explorer(wrong)
    with pytest.raises(TypeError, match=r"models\['x'\] must be an Autoencoder; .* no latent_dim"):
        latent_explorer({"x": chain(layers.Dense(1))})


def test_models_must_share_their_latent_dim(vae):
    with pytest.raises(ValueError, match="latent_dim must be the same"):
        latent_explorer({"a": vae, "b": VAE(latent_dim=3)})


def test_map_and_grid_need_two_dimensions_and_the_map_data(vae, fashion_mnist):
    with pytest.raises(ValueError, match="grid needs latent_dim = 2"):
        latent_explorer({"a": VAE(latent_dim=3)}, grid=True)
    with pytest.raises(ValueError, match="map needs latent_dim = 2"):
        latent_explorer({"a": VAE(latent_dim=1)}, fashion_mnist, map=True)
    with pytest.raises(ValueError, match="map needs data"):
        latent_explorer({"a": vae}, map=True)


@pytest.mark.parametrize("panel", ["pad", "walk"])
def test_pad_and_walk_need_data(vae, panel):
    with pytest.raises(ValueError, match=f"^{panel} needs data: .*{panel}=True"):
        latent_explorer({"a": vae}, **{panel: True})


def test_an_encoder_that_does_not_fit_is_refused(vae, fashion_mnist):
    class Other:
        latent_dim, decoder_output, decoder = 2, "pixels", vae.decoder

        def encode(self, images):
            return np.zeros((len(images), 2))

    model = Other()
    with pytest.raises(TypeError, match="has no encoder"):
        latent_explorer({"Other": model}, fashion_mnist, pad=True)
    model.encoder = chain(layers.Flatten(), layers.Dense(3), inputs=(28, 28, 1))
    with pytest.raises(ValueError, match=r"into 2 or 4 numbers; it turns \[28, 28, 1\] into \[3\]"):
        latent_explorer({"Other": model}, fashion_mnist, pad=True)
    model.encoder = chain(layers.Flatten(), layers.Dense(2), inputs=(14, 14, 1))
    with pytest.raises(ValueError, match=r"must turn images \[28, 28, 1\]"):
        latent_explorer({"Other": model}, fashion_mnist, pad=True)
    model.encoder = chain(
        layers.Flatten(), layers.Dense(2, "tanh", name="bent"), inputs=(28, 28, 1)
    )
    with pytest.raises(ValueError, match="Other's encoder: layer 'bent' has the activation"):
        latent_explorer({"Other": model}, fashion_mnist, pad=True)


def test_snapshots_of_something_else_are_refused(vae, mmd_vae, fashion_mnist, taken):
    models = {"a": vae, "b": mmd_vae}
    for wrong in ({"a": taken["a"]}, [taken["a"]], taken["a"]):
        with pytest.raises(TypeError, match=r"names of models, \['a', 'b'\]"):
            latent_explorer(models, fashion_mnist, snapshots=wrong)
    with pytest.raises(ValueError, match=r"snapshots\['a'\] are of another training"):
        latent_explorer(models, fashion_mnist, snapshots={"a": taken["b"], "b": taken["b"]})
    other = made_snapshots(taken["b"]["codes"][-1])
    with pytest.raises(ValueError, match="same epochs for all models"):
        latent_explorer(models, fashion_mnist, snapshots={"a": taken["a"], "b": other})
    short = {**taken["a"], "epochs": taken["a"]["epochs"][:1]}
    with pytest.raises(ValueError, match=r"\['codes'\] must have shape \[1, n, 2\]"):
        latent_explorer(models, fashion_mnist, snapshots={**taken, "a": short})
    with pytest.raises(ValueError, match="map needs latent_dim = 2"):
        latent_explorer({"a": VAE(latent_dim=3)}, fashion_mnist, snapshots={"a": taken["a"]})
    with pytest.raises(ValueError, match="map needs data"):
        latent_explorer(models, snapshots=taken)


def test_codes_that_are_not_finite_are_refused(fashion_mnist):
    with pytest.raises(ValueError, match="bad gives codes that are not finite"):
        latent_explorer({"bad": Shifted([[np.nan, 0]])}, fashion_mnist)


# ---- the book's offline assets ------------------------------------------------------------------------


@pytest.fixture
def book_assets(monkeypatch):
    """tools/book_assets.py with one small package to fetch, from a stand-in for npm."""
    path = Path(__file__).parent.parent / "tools" / "book_assets.py"
    spec = importlib.util.spec_from_file_location("book_assets", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    facts = {
        "version": "1.0",
        "integrity": "sha256-" + "A" * 43 + "=",
        "take": {"dist": "widgets"},
        "leave": (".map",),
    }
    monkeypatch.setattr(module, "PACKAGES", {"thing": facts})
    return module


def archive_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def program(path, *lines):
    """A program in Python, as a path that can be run."""
    path.with_suffix(".py").write_text("\n".join(lines))
    path.write_text(f"#!/bin/sh\nexec '{PYTHON}' '{path.with_suffix('.py')}' \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def stand_in_npm(module, monkeypatch, folder, archive, pin=True):
    (folder / "thing.tgz").write_bytes(archive)
    lines = ["import shutil", f"shutil.copy({str(folder / 'thing.tgz')!r}, 'thing-1.0.tgz')"]
    script = program(folder / "npm", *lines, "print('thing-1.0.tgz')")
    monkeypatch.setattr(module, "npm", lambda: script)
    if pin:
        digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
        module.PACKAGES["thing"]["integrity"] = f"sha256-{digest}"


def test_assets_are_fetched_once_and_again_when_one_is_gone(book_assets, monkeypatch, tmp_path):
    files = {"package/dist/a.js": b"a", "package/dist/a.js.map": b"-", "package/src/b.js": b"-"}
    stand_in_npm(book_assets, monkeypatch, tmp_path, archive_of(files))
    vendor = tmp_path / "static" / "vendor"
    assert book_assets.fetch_all(vendor)
    there = sorted(path.name for path in (vendor / "widgets").iterdir())
    assert there == ["a.js", "anywidget.js"]
    assert not book_assets.fetch_all(vendor)
    (vendor / "widgets" / "a.js").unlink()
    assert book_assets.fetch_all(vendor)
    assert (vendor / "widgets" / "a.js").read_bytes() == b"a"
    assert [path.name for path in vendor.parent.iterdir()] == ["vendor"]


def test_an_archive_other_than_the_pinned_one_is_refused(book_assets, monkeypatch, tmp_path):
    archive = archive_of({"package/dist/a.js": b"something else"})
    stand_in_npm(book_assets, monkeypatch, tmp_path, archive, pin=False)
    with pytest.raises(book_assets.AssetError, match=r"thing@1\.0 is not what was pinned"):
        book_assets.fetch_all(tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_what_the_policy_forbids_is_taken_out_once_or_the_version_is_refused(
    book_assets, monkeypatch, tmp_path
):
    facts = book_assets.PACKAGES["thing"]
    facts["change"] = {"widgets/a.js": {"compile(x)": "() => true"}}
    for content, count in ((b"y = compile(x);", 1), (b"y = x;", 0), (b"compile(x), compile(x)", 2)):
        stand_in_npm(book_assets, monkeypatch, tmp_path, archive_of({"package/dist/a.js": content}))
        vendor = tmp_path / f"vendor-{count}"
        if count == 1:
            assert book_assets.fetch_all(vendor)
            assert (vendor / "widgets" / "a.js").read_text() == "y = () => true;"
            facts["change"] = {"widgets/a.js": {"compile(x)": "z"}}  # not what is there: once more
            assert book_assets.fetch_all(vendor)
            assert (vendor / "widgets" / "a.js").read_text() == "y = z;"
        else:
            with pytest.raises(book_assets.AssetError, match=r"does not hold 'compile\(x\)' once"):
                book_assets.fetch_all(vendor)
            assert not vendor.exists()


def test_an_archive_that_reaches_outside_is_refused(book_assets, monkeypatch, tmp_path):
    archive = archive_of({"package/dist/../../../../outside.js": b"out"})
    stand_in_npm(book_assets, monkeypatch, tmp_path, archive)
    with pytest.raises(book_assets.AssetError, match="outside itself"):
        book_assets.fetch_all(tmp_path / "vendor")


def test_without_a_network_one_message_says_so(book_assets, monkeypatch, tmp_path):
    complaint = program(tmp_path / "npm", "import sys; sys.exit('npm error network')")
    monkeypatch.setattr(book_assets, "npm", lambda: complaint)
    monkeypatch.setattr(book_assets, "VENDOR", tmp_path / "vendor")
    with pytest.raises(
        SystemExit, match=r"book assets: thing@1\.0 could not be fetched .* network"
    ):
        book_assets.main()


def test_where_there_is_no_npm_one_is_installed_beside_python_or_the_error_says_why(
    book_assets, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    offline = program(tmp_path / "python", "import sys; sys.exit('no network')")
    monkeypatch.setattr(sys, "executable", offline)
    with pytest.raises(
        book_assets.AssetError, match=r"npm is missing, and .* no network\. Install"
    ):
        book_assets.fetch_all(tmp_path / "vendor")

    asked = tmp_path / "asked"
    lines = ["import pathlib, sys", f"pathlib.Path({str(asked)!r}).write_text(str(sys.argv))"]
    program(tmp_path / "python", *lines, f"pathlib.Path({str(tmp_path / 'npm')!r}).touch()")
    assert node.npm() == str(tmp_path / "npm")
    assert node.NODE in asked.read_text()
    asked.unlink()
    assert node.npm() == str(tmp_path / "npm")
    assert not asked.exists()

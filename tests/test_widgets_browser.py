"""The explorer in a real browser: a page of its own, no kernel, every other host refused."""

import base64
import html
import importlib.util
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from browsing import running_chromium, serving, visiting, wait_until
from ipywidgets.embed import dependency_state, embed_data
from keras import layers
from page_head import with_policy
from playwright.sync_api import expect

from vae_helpers.checkpoints import restore
from vae_helpers.data import CLASS_NAMES, ImageDataset
from vae_helpers.family import ContinuousBernoulliVAE
from vae_helpers.models import MMDVAE, VAE
from vae_helpers.widgets import latent_explorer
from vae_helpers.widgets.layers import describe

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "book" / "static"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Explorer</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<script src="/static/vendor/widgets/require.js"></script>
<script src="/static/widgets/config.js"></script>
<script data-jupyter-widgets-cdn="about:blank#" src="/static/vendor/widgets/embed-amd.js"></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
</head><body style="{style}"><main><h1>Explorer</h1>
<script type="application/vnd.jupyter.widget-view+json">{view}</script>
<p style="height: 900px">The page goes on.</p></main></body></html>"""

# What becomes HTML, wherever a name is put into a page as such.
HOSTILE = """<img src=x onerror="window.harm=1"><svg onload="window.harm=2">"""


# ---- models, pages, server, browser -----------------------------------------------------------------


def lively(model):
    """An untrained model whose pictures differ from place to place, as a trained one's do."""
    for layer in [*model.encoder.layers, *model.decoder.layers]:
        if layer.weights:
            layer.kernel.assign(2 * layer.kernel)
            layer.bias.assign(keras.random.normal(layer.bias.shape, stddev=0.3))
    codes = model.encoder.layers[-1]
    codes.kernel.assign(3 * codes.kernel)  # some of them beyond ±4
    return model


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(1)
    return {"VAE": lively(VAE()), "MMD-VAE": lively(MMDVAE())}


@pytest.fixture(scope="module")
def grey():
    """A model whose pictures are not the sigmoid of its logits; these run from about −20 to 20."""
    keras.utils.set_random_seed(2)
    model = lively(ContinuousBernoulliVAE())
    last = model.decoder.layers[-1]
    spread = np.std(model.decoder(np.random.default_rng(0).standard_normal((50, 2))))
    last.kernel.assign(8 / spread * last.kernel)
    return {"continuous Bernoulli": model}


@pytest.fixture(scope="module")
def reshaped():
    """Decoders and an encoder whose first or last layer with weights has not the network's shape."""
    keras.utils.set_random_seed(3)
    chains = {
        "dense": [layers.Dense(32, "relu"), layers.Dense(784), layers.Reshape((28, 28, 1))],
        "convolutions": [
            layers.Reshape((1, 1, 2)),
            layers.Conv2DTranspose(8, 7, activation="relu"),
            layers.Conv2DTranspose(1, 4, strides=4),
        ],
    }
    models = {}
    for name, chain in chains.items():
        models[name] = model = VAE()
        model.decoder = keras.Sequential([keras.Input((2,)), *chain])
        model.encoder = keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Conv2D(4, 28), layers.Flatten()]
        )
        for layer in model.decoder.layers:
            if layer.weights:
                layer.kernel.assign(4 * layer.kernel)
                layer.bias.assign(keras.random.normal(layer.bias.shape, stddev=0.3))
    return models


@pytest.fixture(scope="module")
def data():
    """Test images like a data set's: 300 soft blobs, ten classes by where they lie."""
    rng = np.random.default_rng(0)
    labels = (np.arange(300) % 10).astype("uint8")
    rows, columns = np.mgrid[:28, :28]
    centres = np.stack([6 + 4 * (labels % 5), 8 + 10 * (labels // 5)], 1) + rng.normal(
        0, 1, (300, 2)
    )
    distance = (rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2
    images = np.exp(-distance / rng.uniform(5, 40, (300, 1, 1)))[..., None].astype("float32")
    images = np.rint(255 * images) / np.float32(255)
    names = CLASS_NAMES["fashion_mnist"]
    return ImageDataset(images[:1], labels[:1], images, labels, names, "fashion_mnist")


@pytest.fixture(scope="module")
def snapshots(models, data):
    """Codes of three epochs: close together, then wide apart, then the model's own."""
    return {
        name: {
            "epochs": np.array([0, 5, 50]),
            "codes": np.stack(
                [factor * model.encode(data.test_images) for factor in (0.4, 1.7, 1)]
            ),
        }
        for name, model in models.items()
    }


def page_of(explorer, style="margin: 8px; font-family: sans-serif"):
    data = embed_data([explorer], state=dependency_state([explorer], drop_defaults=False))
    state = json.dumps(data["manager_state"]).replace("<", "\\u003c")
    view = json.dumps(data["view_specs"][0]).replace("<", "\\u003c")
    # Under the policy that every page of the book has.
    return with_policy(PAGE.format(state=state, view=view, style=html.escape(style)))


@pytest.fixture(scope="module")
def site(tmp_path_factory, models, grey, reshaped, data, snapshots):
    """The address of a server with the pages of this file on it."""
    spec = importlib.util.spec_from_file_location("book_assets", ROOT / "tools" / "book_assets.py")
    book_assets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(book_assets)
    book_assets.fetch_all()

    folder = tmp_path_factory.mktemp("site")
    (folder / "static").symlink_to(STATIC)
    (folder / "module.js").symlink_to(ROOT / "vae_helpers" / "widgets" / "latent_explorer.js")
    (folder / "blank.html").write_text("<!doctype html><link rel='icon' href='data:,'>")
    explorers = {
        "core": latent_explorer(models),
        "all": latent_explorer(
            models, data, map=True, grid=True, pad=True, walk=True, snapshots=snapshots
        ),
        "map": latent_explorer(models, data, map=True),
        "grid": latent_explorer(models, grid=True),
        "pad": latent_explorer(models, data, pad=True),
        "walk": latent_explorer(models, data, walk=True),
        "grey": latent_explorer(grey),
        "reshaped": latent_explorer(reshaped, data, map=True, pad=True),
        "hostile": latent_explorer(
            {f"{HOSTILE}{name}": model for name, model in models.items()},
            data._replace(class_names=tuple(f"{HOSTILE}{name}" for name in data.class_names)),
            grid=True,
            pad=True,
            walk=True,
            snapshots={f"{HOSTILE}{name}": taken for name, taken in snapshots.items()},
        ),
        "three": latent_explorer({"VAE": lively(VAE(latent_dim=3))}),
    }
    for name, explorer in explorers.items():
        (folder / f"{name}.html").write_text(page_of(explorer))

    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium, site):
    """Open a page; when the test ends, nothing may have gone wrong or gone out."""
    with visiting(chromium, site) as open_page:

        def visit(name, **options):
            page = open_page(f"{name}.html", **options)
            if name != "blank":
                page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
            return page

        yield visit


# ---- what a reader sees -----------------------------------------------------------------------------


def shown_z(page):
    """z as the sliders' numbers say it."""
    readouts = page.locator(".widget-readout").all_inner_texts()
    return [float(text.replace("−", "-")) for text in readouts]


def drawn_z(page):
    return [
        float(number)
        for number in page.locator(".pictures canvas").first.get_attribute("data-z").split()
    ]


def pixels(canvas, box=None):
    """Ink in 0 … 1: [height, width] of a canvas, or of a box (x, y, width, height) in it."""
    script = """(canvas, box) => {
        const [x, y, w, h] = box ?? [0, 0, canvas.width, canvas.height];
        const { data } = canvas.getContext("2d").getImageData(x, y, w, h);
        return [h, w, ...data.filter((_, i) => i % 4 === 0)];
    }"""
    height, width, *values = canvas.evaluate(script, box)
    return 1 - np.reshape(values, (height, width)) / 255


def settle(page):
    """Wait until all that was asked for is drawn: two frames."""
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")


def check_pictures(page, models):
    """The pictures are Keras's for the z that the sliders show, and that z has been drawn."""
    settle(page)
    z = shown_z(page)
    assert drawn_z(page) == pytest.approx(z, abs=1e-9)
    canvases = page.locator(".pictures canvas").all()
    assert len(canvases) == len(models)
    for canvas, model in zip(canvases, models.values(), strict=True):
        expected = model.decode([z])[0, ..., 0]
        assert expected.max() - expected.min() > 0.2, "the picture is too flat to tell anything"
        # 1/255, and what rounding to 256 greys adds.
        np.testing.assert_allclose(pixels(canvas), expected, atol=1.5 / 255)
    return z


def centre(locator):
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, *stops, steps=8):
    page.mouse.move(*start)
    page.mouse.down()
    for stop in stops:
        page.mouse.move(*stop, steps=steps)
    page.mouse.up()


def finger_drag(page, start, end, steps=8):
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        points = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", start)
    for i in range(1, steps + 1):
        touch("touchMove", [a + (b - a) * i / steps for a, b in zip(start, end, strict=True)])
    touch("touchEnd")


# ---- sliders ----------------------------------------------------------------------------------------


def test_a_mouse_drags_a_slider(visit, models):
    page = visit("core")
    assert check_pictures(page, models) == [0, 0]
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 70, y))
    z1, z2 = check_pictures(page, models)
    assert z1 > 0.5
    assert z2 == 0
    x, y = centre(page.locator(".noUi-handle").nth(1))
    drag(page, (x, y), (x - 500, y))
    assert check_pictures(page, models) == [z1, -4]


def test_the_keyboard_moves_a_slider(visit, models):
    page = visit("core")
    page.keyboard.press("Tab")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    z1, z2 = check_pictures(page, models)
    assert z1 == pytest.approx(12 * 0.05)
    assert z2 == 0


def test_a_finger_drags_a_slider(visit, models):
    page = visit("core", has_touch=True, viewport={"width": 390, "height": 844})
    x, y = centre(page.locator(".noUi-handle").first)
    finger_drag(page, (x, y), (x - 60, y))
    assert check_pictures(page, models)[0] < -0.5


def test_the_last_position_of_a_fast_drag_is_drawn(visit, models):
    page = visit("core")
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 150, y), (x - 150, y), (x + 90, y), steps=40)
    assert check_pictures(page, models)[0] > 0.5
    drag(page, (x + 90, y), (x - 150, y), (x + 150, y), (x - 91, y), steps=40)
    assert check_pictures(page, models)[0] < -0.5


@pytest.mark.parametrize("means", ["mouse", "keyboard", "finger"])
def test_in_the_built_book_the_pictures_are_keras_s_of_the_shipped_weights(chromium, means):
    shipped = {"VAE": "vae", "MMD-VAE": "mmd_vae"}
    shipped = {name: restore(run, "fashion_mnist")[0] for name, run in shipped.items()}
    with serving(ROOT / "_build" / "html") as address, visiting(chromium, address) as visit:
        page = visit("notebooks/03_mmd_vae.html", has_touch=True)
        page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
        before = check_pictures(page, shipped)
        for handle in page.locator(".noUi-handle").all():
            x, y = centre(handle)
            if means == "mouse":
                drag(page, (x, y), (x + 40, y))
            elif means == "finger":
                finger_drag(page, (x, y), (x + 40, y))
            else:
                handle.press("ArrowRight")
        assert all(a > b for a, b in zip(check_pictures(page, shipped), before, strict=True))


def test_the_pictures_of_a_continuous_bernoulli_are_its_mean(visit, grey):
    page = visit("grey")
    check_pictures(page, grey)
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 60, y))
    check_pictures(page, grey)


def test_networks_that_begin_or_end_with_a_change_of_shape_are_drawn(visit, reshaped):
    page = visit("reshaped")
    check_pictures(page, reshaped)
    for handle in page.locator(".noUi-handle").all():
        before = pixels(page.locator(".pictures canvas").last)
        x, y = centre(handle)
        drag(page, (x, y), (x + 60, y))
        check_pictures(page, reshaped)
        assert np.abs(pixels(page.locator(".pictures canvas").last) - before).max() > 0.05
    # Four numbers come out of the encoder, standard deviations among them.
    expect(page.get_by_text("an ellipse one σ of q(z|x)")).to_be_visible()


def test_a_theme_of_high_contrast_keeps_the_colours_that_mean_something(visit):
    page = visit("all", forced_colors="active", color_scheme="dark")
    for part in (".map", ".pad"):
        background = page.locator(f".latent-explorer {part}").first.evaluate(
            "(element) => getComputedStyle(element).backgroundColor"
        )
        assert background == "rgb(255, 255, 255)"
    shadow = page.locator(".latent-explorer .frame").first.evaluate(
        "(element) => getComputedStyle(element).boxShadow"
    )
    assert shadow != "none"


def test_names_that_are_html_are_shown_as_text(visit, models, data):
    page = visit("hostile")
    for name in models:
        shown = page.get_by_text(f"{HOSTILE}{name}", exact=True)
        assert shown.count() == 5  # pictures, map, pad, walk, grid
    legend = page.get_by_role("group", name="Classes").get_by_role("button").all_inner_texts()
    assert legend == [f"{HOSTILE}{name}" for name in data.class_names]
    # What is said only once something is chosen, drawn or dragged.
    page.locator(".handle").first.press("Enter")
    note = page.locator(".chosen").first.inner_text()
    assert HOSTILE in note
    page.get_by_role("button", name="Test image").press("Enter")
    page.get_by_role("slider", name="Position").press("ArrowRight")
    labels = page.locator("canvas[aria-label]").evaluate_all("all => all.map(c => c.ariaLabel)")
    assert sum(HOSTILE in label for label in labels) > 10
    # Not even as elements, so that it is not the page's policy alone that holds them off.
    assert page.locator(".latent-explorer").locator("img, svg[onload], [onerror]").count() == 0
    assert page.evaluate("window.harm === undefined")


def test_one_slider_for_each_of_three_dimensions(visit):
    page = visit("three")
    expect(page.locator(".noUi-handle")).to_have_count(3)
    x, y = centre(page.locator(".noUi-handle").nth(2))
    drag(page, (x, y), (x + 60, y))
    settle(page)
    assert drawn_z(page) == pytest.approx(shown_z(page), abs=1e-9)
    assert shown_z(page)[2] > 0.5


def test_everything_that_can_be_moved_has_a_name(visit):
    page = visit("all")
    settle(page)
    names = {
        "slider": [
            "z₁",
            "z₂",
            "z on the map of VAE",
            "z on the grid of MMD-VAE",
            "Epoch",
            "Position",
        ],
        "button": ["Sneaker", "Undo", "Clear", "Test image", "Play"],
        "combobox": ["From", "To", "Pace"],
        "img": ["MMD-VAE: reconstruction", "what the networks see"],
    }
    for role, those in names.items():
        for name in those:
            expect(page.get_by_role(role, name=name, exact=True)).to_have_count(1)
    expect(
        page.get_by_role("img", name="MMD-VAE: the image decoded at z₁ 0.00, z₂ 0.00")
    ).to_have_count(1)


# ---- the map ----------------------------------------------------------------------------------------


def map_range(page):
    grip = page.get_by_role("slider", name="z on the map of VAE")
    return float(grip.get_attribute("aria-valuemin")), float(grip.get_attribute("aria-valuemax"))


def on_map(page, z, which=0):
    """Where z lies on a map, in pixels of the window."""
    area = page.locator(".map").nth(which)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    low, high = map_range(page)
    part = (np.array(z) - low) / (high - low)
    return (
        float(box["x"] + part[0] * box["width"]),
        float(box["y"] + (1 - part[1]) * box["height"]),
    )


@pytest.mark.parametrize("which", [0, 1])
def test_the_handle_on_the_map_moves_sliders_and_pictures(visit, models, which):
    page = visit("all")
    low, high = map_range(page)
    target = [low + 0.8 * (high - low), low + 0.3 * (high - low)]
    drag(page, on_map(page, [0, 0], which), on_map(page, target, which))
    assert check_pictures(page, models) == pytest.approx(target, abs=0.01 * (high - low))
    for i, grip in enumerate(page.locator(".handle").all()):
        place = on_map(page, shown_z(page), i)
        assert centre(grip) == pytest.approx(place, abs=1)


def test_a_finger_drags_the_handle_and_scrolls_beside_it(visit, models):
    page = visit("all", has_touch=True, viewport={"width": 390, "height": 844})
    low, high = map_range(page)
    target = [0.5 * high, 0.5 * low]
    start = on_map(page, [0, 0])
    finger_drag(page, start, on_map(page, target))
    assert check_pictures(page, models) == pytest.approx(target, abs=0.02 * (high - low))

    before, scrolled = shown_z(page), page.evaluate("scrollY")
    x, y = on_map(page, [0.8 * low, 0.8 * low])
    finger_drag(page, (x, y), (x, y - 120))
    wait_until(page, f"() => scrollY > {scrolled} + 50")
    assert shown_z(page) == before


def test_a_second_pointer_neither_ends_a_drag_nor_begins_one(visit, models):
    page = visit("all")
    low, high = map_range(page)
    target = [0.5 * high, 0.5 * low]
    area = page.locator(".map").first
    page.mouse.move(*on_map(page, [0, 0]))
    page.mouse.down()
    page.mouse.move(*on_map(page, [0.2 * high, 0]), steps=4)
    for kind in ("pointerdown", "pointermove", "pointerup"):
        second = {"pointerId": 99, "pointerType": "touch", "isPrimary": False, "bubbles": True}
        area.dispatch_event(kind, {**second, "clientX": 5, "clientY": 5})
    page.mouse.move(*on_map(page, target), steps=4)
    page.mouse.up()
    assert check_pictures(page, models) == pytest.approx(target, abs=0.01 * (high - low))


def check_map(page, codes, data):
    """The second map shows these codes: it has the class's colour at the one farthest from others."""
    low, high = map_range(page)
    inside = np.flatnonzero((np.abs(codes - (low + high) / 2) < 0.49 * (high - low)).all(1))
    lonely = max(inside, key=lambda i: np.sort(np.hypot(*(codes - codes[i]).T))[1])
    x, y = (
        640 * (codes[lonely, 0] - low) / (high - low),
        640 * (high - codes[lonely, 1]) / (high - low),
    )
    color = (
        page.locator(".map canvas")
        .nth(1)
        .evaluate(
            "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)]",
            [round(float(x)), round(float(y))],
        )
    )
    dot = page.locator(".legend .dot").nth(int(data.test_labels[lonely]))
    named = dot.evaluate("dot => getComputedStyle(dot).backgroundColor")
    assert color == pytest.approx([int(part) for part in re.findall(r"\d+", named)], abs=2)


def test_the_map_shows_the_codes_in_their_colours(visit, models, data):
    check_map(visit("all"), models["MMD-VAE"].encode(data.test_images), data)


def test_the_epoch_slider_shows_that_epoch_s_codes(visit, snapshots, data):
    page = visit("all")
    epoch = page.get_by_role("slider", name="Epoch")
    codes = snapshots["MMD-VAE"]["codes"]
    epoch.focus()
    for key, place, number in (("Home", 0, 0), ("ArrowRight", 1, 5), ("End", 2, 50)):
        page.keyboard.press(key)
        expect(epoch).to_have_attribute("aria-valuetext", f"epoch {number}")
        check_map(page, codes[place], data)


def test_what_is_not_of_the_epoch_shown_is_said_or_hidden(visit, models, snapshots):
    page = visit("all")
    page.get_by_role("slider", name="Epoch").fill("1")
    low, high = map_range(page)
    codes = snapshots["MMD-VAE"]["codes"][1]
    outside = ((codes < low) | (codes > high)).any(1).sum()
    assert 0 < outside < 300
    note = page.locator(".note").nth(1)
    expect(note).to_contain_text(f"epoch 5. {outside} of 300 lie outside this map.")
    expect(page.locator(".way").first).to_have_attribute("visibility", "hidden")
    # The point there is another epoch's, so a tap is one on the plane.
    page.mouse.click(*on_map(page, [1, -1]))
    assert check_pictures(page, models) == pytest.approx([1, -1], abs=0.01 * (high - low))
    expect(note).not_to_contain_text("test image")


def test_the_axes_of_the_map_have_equal_units_and_the_circles_their_radius(visit):
    page = visit("all")
    low, high = map_range(page)
    area = page.locator(".map").first.bounding_box()
    assert area["width"] == pytest.approx(area["height"], abs=0.5)
    for sigmas, circle in enumerate(
        page.locator(".map").first.locator(".axes circle").all(), start=1
    ):
        box = circle.bounding_box()
        assert box["width"] == pytest.approx(2 * sigmas * area["width"] / (high - low), abs=3)


def test_a_tap_on_a_ringed_point_shows_that_image_and_its_reconstructions(visit, models, data):
    page = visit("all")
    model = models["MMD-VAE"]
    marked = np.sort(
        np.concatenate([np.flatnonzero(data.test_labels == k)[:25] for k in range(10)])
    )
    codes = model.encode(data.test_images)[marked]
    # The point whose nearest neighbour is farthest away: no doubt about which was meant.
    gaps = [np.sort(np.hypot(*(codes - code).T))[1] for code in codes]
    chosen = marked[int(np.argmax(gaps))]
    code = model.encode(data.test_images[[chosen]])[0]
    page.mouse.click(*on_map(page, code, 1))

    assert check_pictures(page, models) == pytest.approx(code, abs=0.026)
    name = data.class_names[data.test_labels[chosen]]
    for i, model in enumerate(models.values()):
        truth, again = page.locator(".pair").nth(i).locator("canvas").all()
        np.testing.assert_allclose(pixels(truth), data.test_images[chosen, ..., 0], atol=1e-6)
        reconstruction = model.predict(data.test_images[[chosen]], verbose=0)[0, ..., 0]
        np.testing.assert_allclose(pixels(again), reconstruction, atol=2.5 / 255)
        expect(page.locator(".note").nth(i)).to_contain_text(f"{name} (test image {chosen})")


def test_a_tap_elsewhere_on_the_map_moves_z_there(visit, models):
    page = visit("all", has_touch=True, viewport={"width": 390, "height": 844})
    low, high = map_range(page)
    corner = [low + 0.03 * (high - low), low + 0.03 * (high - low)]
    page.touchscreen.tap(*on_map(page, corner))
    assert check_pictures(page, models) == pytest.approx(corner, abs=0.02 * (high - low))


def test_keys_move_the_handle_and_choose_the_nearest_image(visit, models):
    page = visit("all")
    page.get_by_role("slider", name="z on the map of VAE").focus()
    # With Control, Alt or Meta an arrow is the browser's.
    for key in ("ArrowRight", "Control+ArrowUp", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert check_pictures(page, models) == pytest.approx([-0.3, 0.1])
    page.keyboard.press("Enter")
    expect(page.locator(".note").first).to_contain_text("test image")
    check_pictures(page, models)


def test_the_legend_brings_one_class_forward(visit):
    page = visit("all")
    canvas = page.locator(".map canvas").first

    def ink():
        return canvas.evaluate(
            "c => c.getContext('2d').getImageData(0, 0, 640, 640).data"
            ".reduce((sum, value, i) => sum + (i % 4 === 3 ? value : 0), 0)"
        )

    before = ink()
    button = page.get_by_role("button", name="Sneaker")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert ink() < 0.75 * before
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert ink() == before


# ---- the grid ---------------------------------------------------------------------------------------


def full_grid(page, which=0):
    canvas = page.locator(".grid canvas").nth(which)
    canvas.scroll_into_view_if_needed()
    expect(canvas).to_have_attribute("data-done", "256", timeout=30_000)
    return canvas


def test_the_grid_is_keras_s(visit, models):
    page = visit("all")
    for which, model in enumerate(models.values()):
        canvas = full_grid(page, which)
        z1, z2 = np.meshgrid(np.linspace(-4, 4, 16), np.linspace(4, -4, 16))
        expected = model.decode(np.stack([z1.ravel(), z2.ravel()], 1))[..., 0]
        expected = expected.reshape(16, 16, 28, 28).transpose(0, 2, 1, 3).reshape(448, 448)
        np.testing.assert_allclose(pixels(canvas), expected, atol=2.5 / 255)


def test_a_tap_on_the_grid_moves_the_sliders_and_the_frame(visit, models):
    page = visit("all")
    canvas = page.locator(".grid canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    column, row = 12, 3
    side = box["width"] / 16
    page.mouse.click(box["x"] + (column + 0.5) * side, box["y"] + (row + 0.3) * side)
    z = [-4 + 8 * column / 15, -4 + 8 * (15 - row) / 15]
    assert check_pictures(page, models) == pytest.approx(z, abs=0.026)
    frame = page.locator(".frame").first.bounding_box()
    assert frame["x"] == pytest.approx(box["x"] + column * side, abs=1)
    assert frame["y"] == pytest.approx(box["y"] + row * side, abs=1)

    page.keyboard.press("ArrowDown")
    z[1] -= 8 / 15
    assert check_pictures(page, models) == pytest.approx(z, abs=0.026)


def test_the_frame_fades_where_z_lies_beyond_the_grid(visit):
    page = visit("all")
    _, high = map_range(page)
    assert high > 4.5, "this test needs codes beyond the grid"
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 600, y))
    settle(page)
    expect(page.locator(".frame").first).to_have_class("frame outside")


# ---- the pad ----------------------------------------------------------------------------------------

SEVEN = ([0.3, 0.25], [0.7, 0.2], [0.45, 0.8])  # corners, in fractions of the pad


def on_pad(page, *fractions):
    pad = page.locator(".pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in fractions]


def seen_image(page):
    settle(page)
    return pixels(page.get_by_role("img", name="what the networks see"))


def map_marks(page, which, name):
    """Centre and half size, in z, of an SVG element on one of the maps."""
    low, high = map_range(page)
    element = page.locator(".map").nth(which).locator(f"{name}.stroke")
    left, top, width, height = element.evaluate(
        "e => { const b = e.getBBox(); return [b.x, b.y, b.width, b.height]; }"
    )
    unit = (high - low) / 100
    centre = [low + unit * (left + width / 2), high - unit * (top + height / 2)]
    return np.array(centre), unit * np.array([width, height]) / 2


def check_codes(page, models, image):
    """Each model's code of the image, in words, on the map and decoded, is where Keras has it."""
    on_maps = page.locator(".map").count()
    for which, (name, model) in enumerate(models.items()):
        mean, logvar = np.split(model.encoder(image[None, ..., None]).numpy()[0], [2])
        said = page.locator(".code").nth(which).inner_text().replace("−", "-")
        numbers = np.float64(re.findall(r"z.\s(-?[\d.]+)", said))
        np.testing.assert_allclose(numbers, mean, atol=0.015)  # two decimals
        spreads = np.float64(re.findall(r"σ\s([\d.]+)", said))
        np.testing.assert_allclose(spreads, np.exp(logvar / 2), rtol=0.05)  # two digits
        if on_maps:
            np.testing.assert_allclose(map_marks(page, which, "path")[0], mean, atol=0.01)
        if on_maps and len(logvar):
            centre, sigma = map_marks(page, which, "ellipse")
            np.testing.assert_allclose(centre, mean, atol=0.01)
            np.testing.assert_allclose(sigma, np.exp(logvar / 2), rtol=0.01)
        canvas = page.get_by_role("img", name=f"{name}: reconstruction", exact=True)
        np.testing.assert_allclose(pixels(canvas), model.decode(mean[None])[0, ..., 0], atol=0.01)


def test_the_code_of_a_drawing_is_where_keras_puts_it(visit, models):
    page = visit("all")
    drag(page, *on_pad(page, *SEVEN))
    first = seen_image(page)
    assert first.max() == 1
    check_codes(page, models, first)
    drag(page, *on_pad(page, [0.3, 0.5], [0.7, 0.5]))
    both = seen_image(page)
    assert both.sum() > first.sum() + 5
    check_codes(page, models, both)

    page.get_by_role("button", name="Undo").click()
    np.testing.assert_array_equal(seen_image(page), first)
    page.get_by_role("button", name="Clear").click()
    assert not seen_image(page).any()
    expect(page.locator(".mark").first).to_be_empty()


def test_a_finger_draws_without_scrolling(visit, models):
    page = visit("pad", has_touch=True, viewport={"width": 390, "height": 600})
    start, _, end = on_pad(page, *SEVEN)
    before = page.evaluate("scrollY")
    finger_drag(page, start, end)
    image = seen_image(page)
    assert image.max() == 1
    check_codes(page, models, image)
    assert page.evaluate("scrollY") == before


def test_the_button_takes_test_images(visit, models, data):
    page = visit("all")
    taken = set()
    for _ in range(3):
        page.get_by_role("button", name="Test image").press("Enter")
        image = seen_image(page)
        status = page.locator(".results .note").first.inner_text()
        name, number = re.fullmatch(r"(.+) \(test image (\d+)\)", status).groups()
        assert name == data.class_names[data.test_labels[int(number)]]
        np.testing.assert_allclose(image, data.test_images[int(number), ..., 0], atol=1e-6)
        check_codes(page, models, image)
        taken.add(number)
    assert len(taken) == 3


CENTRE = """async (drawings) => {
    const { centre } = await import("/module.js");
    return drawings.map(([digit, left, top]) => {
        const ink = new Float32Array(280 * 280);
        for (let i = 0; i < 224 * 224; i++) {
            const [x, y] = [i % 224, Math.floor(i / 224)];
            ink[(top + y) * 280 + left + x] = digit[Math.floor(y / 8)][Math.floor(x / 8)];
        }
        return [...centre(ink, 280, { width: 28, height: 28, box: 20 })];
    });
}"""


def test_drawings_are_scaled_and_centred_as_mnist_s_were(visit, load):
    page = visit("blank")
    digits = load("mnist").test_images[:30, ..., 0]
    # Eight times enlarged, anywhere on the pad: each comes back pixel for pixel.
    places = np.random.default_rng(0).integers(0, 280 - 224, (len(digits), 2)).tolist()
    drawings = [[digit, *place] for digit, place in zip(digits.tolist(), places, strict=True)]
    made = np.reshape(page.evaluate(CENTRE, drawings), digits.shape)
    np.testing.assert_allclose(made, digits, atol=1e-6)


# ---- the walk ---------------------------------------------------------------------------------------


def reached(page):
    return float(page.locator(".walks canvas[data-position]").first.get_attribute("data-position"))


def check_walk(page, models, data):
    """The pictures are Keras's at the place reached between Keras's codes; gives that place."""
    settle(page)
    place = reached(page)
    said = page.get_by_role("slider", name="Position").get_attribute("aria-valuetext")
    percent, *ends = map(int, re.findall(r"\d+(?= %)|(?<=test image )\d+", said))
    assert percent == pytest.approx(100 * place, abs=0.51)
    for which, model in enumerate(models.values()):
        start, end = model.encode(data.test_images[ends])
        z = (1 - place) * start + place * end
        canvas = page.locator(".walks canvas[data-position]").nth(which)
        np.testing.assert_allclose(pixels(canvas), model.decode(z[None])[0, ..., 0], atol=1.5 / 255)
        if page.locator(".map").count():
            middle, half = map_marks(page, which, ".way line")
            np.testing.assert_allclose(middle, (start + end) / 2, atol=0.01)
            np.testing.assert_allclose(half, np.abs(end - start) / 2, atol=0.01)
    return place


def test_the_walk_goes_from_one_code_straight_to_the_other(visit, models, data):
    page = visit("all")
    for percent in ("0", "100", "37"):
        page.get_by_role("slider", name="Position").fill(percent)
        assert check_walk(page, models, data) == int(percent) / 100


def test_the_reader_chooses_the_classes_at_the_ends(visit, models, data):
    page = visit("walk")
    page.get_by_role("combobox", name="From").select_option("Sneaker")
    page.get_by_role("combobox", name="To").select_option("Sneaker")
    page.get_by_role("slider", name="Position").fill("100")
    check_walk(page, models, data)
    said = page.get_by_role("slider", name="Position").get_attribute("aria-valuetext")
    start, end = re.findall(r"Sneaker \(test image (\d+)\)", said)
    assert start != end
    for number, picture in zip((start, end), page.locator(".end canvas").all(), strict=True):
        np.testing.assert_allclose(
            pixels(picture), data.test_images[int(number), ..., 0], atol=1e-6
        )


def test_the_last_position_of_a_fast_drag_is_the_walk_s(visit, models, data):
    page = visit("walk")
    position = page.get_by_role("slider", name="Position")
    x, y = centre(position)
    drag(page, (x, y), (x + 110, y), (x - 110, y), (x + 60, y), steps=40)
    assert check_walk(page, models, data) == int(position.input_value()) / 100 > 0.6


def test_play_walks_to_the_end_and_can_be_paused(visit, models, data):
    page = visit("walk")
    page.get_by_role("combobox", name="Pace").select_option("fast")
    page.get_by_role("button", name="Play").press("Space")
    wait_until(
        page, "() => document.querySelector('.walks canvas[data-position]').dataset.position > 0.2"
    )
    page.get_by_role("button", name="Pause").press("Space")
    place = check_walk(page, models, data)
    assert 0.2 < place < 1
    page.wait_for_timeout(300)
    assert reached(page) == place

    page.get_by_role("button", name="Play").click()
    # The button has its first name again only at the end.
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=30_000)
    assert check_walk(page, models, data) == 1


def test_who_wants_no_motion_gets_steps(visit, models, data):
    page = visit("walk", reduced_motion="reduce")
    expect(page.get_by_role("combobox", name="Pace")).to_be_hidden()
    for place in (0.1, 0.2):
        page.get_by_role("button", name="Next step").click()
        page.wait_for_timeout(300)
        assert check_walk(page, models, data) == pytest.approx(place)


# ---- the page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", ["map", "grid", "pad", "walk"])
def test_each_panel_stands_alone(visit, models, panel):
    page = visit(panel)
    rows = page.locator(".row").evaluate_all("rows => rows.map((row) => row.className)")
    assert rows == ["row pictures", f"row {panel}s"]
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    check_pictures(page, models)


def test_on_a_phone_nothing_hangs_over_and_pictures_stay_together(visit):
    page = visit("all", viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    first, second = (c.bounding_box() for c in page.locator(".pictures canvas").all())
    assert first["y"] == second["y"]
    maps = [m.bounding_box() for m in page.locator(".map").all()]
    assert maps[0]["x"] == maps[1]["x"]
    for control in page.locator(".controls :is(button, select, input)").all():
        assert control.bounding_box()["height"] >= 44, "too small for a finger"


# ---- the networks -----------------------------------------------------------------------------------

RUN = """async ([layers, weights, inputs]) => {
    const { network } = await import("/module.js");
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    const run = network({ layers, weights: new DataView(bytes.buffer) });
    return inputs.map((input) => [...run(Float32Array.from(input))]);
}"""


def random_network(rng):
    """A chain as a decoder or an encoder may be, of sizes nobody chose."""

    def some(low, high):
        return int(rng.integers(low, high + 1))

    def options():
        return {
            "kernel_size": (some(1, 4), some(1, 4)),
            "strides": (some(1, 3), some(1, 3)),
            "padding": str(rng.choice(["same", "valid"])),
            "activation": str(rng.choice(["linear", "relu", "sigmoid"])),
            "use_bias": bool(rng.integers(2)),
            "bias_initializer": "random_normal",
        }

    if rng.integers(2):
        height, width, channels = some(1, 5), some(1, 5), some(1, 5)
        return keras.Sequential(
            [
                keras.Input((some(1, 4),)),
                layers.Dense(height * width * channels, "relu", bias_initializer="random_normal"),
                layers.Reshape((height, width, channels)),
                layers.Conv2DTranspose(some(1, 4), **options()),
                layers.Conv2DTranspose(some(1, 4), **options()),
            ]
        )
    return keras.Sequential(
        [
            keras.Input((some(9, 14), some(9, 14), some(1, 3))),
            layers.Conv2D(some(1, 4), **{**options(), "strides": 1}),
            layers.Conv2D(some(1, 4), **options()),
            layers.Flatten(),
            layers.Dense(some(1, 4)),
        ]
    )


def test_networks_in_javascript_give_what_keras_gives(visit):
    page = visit("blank")
    kinds = set()
    for seed in range(25):
        rng = np.random.default_rng(seed)
        keras.utils.set_random_seed(seed)
        network = random_network(rng)
        network.set_weights([w.astype("float16").astype("float32") for w in network.get_weights()])
        inputs = rng.normal(size=(2, *network.input_shape[1:])).astype("float32")
        description = describe(network, "network")
        kinds |= {(layer["kind"], *layer.get("strides", ())) for layer in description["layers"]}
        weights = base64.b64encode(description["weights"]).decode()
        flat = inputs.reshape(2, -1).tolist()
        outputs = np.array(page.evaluate(RUN, [description["layers"], weights, flat]))
        expected = network(inputs).numpy().reshape(2, -1)
        np.testing.assert_allclose(outputs, expected, atol=2e-5, err_msg=f"{description['layers']}")
    assert {kind[0] for kind in kinds} == {"dense", "conv2d", "conv2d_transpose"}


def test_float16_is_read_to_the_last_bit(visit):
    page = visit("blank")
    numbers = np.arange(0x7C00, dtype="<u2")  # every finite one that is not negative
    numbers = np.concatenate([numbers, numbers | 0x8000]).view("<f2")
    script = """async (text) => {
        const { fromHalf } = await import("/module.js");
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        return [...fromHalf(new DataView(bytes.buffer))];
    }"""
    read = page.evaluate(script, base64.b64encode(numbers.tobytes()).decode())
    np.testing.assert_array_equal(np.float32(read), numbers.astype("float32"))

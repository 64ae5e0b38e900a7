"""Map, grid, walk and drawing in a real browser: what they show is what Keras gives."""

import re

import numpy as np
import pytest
from browsing import wait_until
from looking import (
    centre,
    check_pictures,
    colours,
    drag,
    drawn_z,
    finger_drag,
    large_pictures,
    lonely_image,
    map_marks,
    map_range,
    on_map,
    open_tab,
    pixels,
    settle,
    shown_z,
)
from playwright.sync_api import expect
from scipy.special import expit

from vae_helpers import losses
from vae_helpers.models import MMDVAE, VAE
from vae_helpers.widgets import explorer_state

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


# ---- the map -------------------------------------------------------------------------------------


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
    page = visit("all", **PHONE)
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
    page = visit("map")
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
    settle(page)
    low, high = map_range(page)
    inside = np.flatnonzero((np.abs(codes - (low + high) / 2) < 0.49 * (high - low)).all(1))
    lonely = max(inside, key=lambda i: np.sort(np.hypot(*(codes - codes[i]).T))[1])
    x = round(float(640 * (codes[lonely, 0] - low) / (high - low)))
    y = round(float(640 * (high - codes[lonely, 1]) / (high - low)))
    color = colours(page.locator(".map .points").nth(1), [x, y, 1, 1])[0, 0]
    dot = page.locator(".legend .dot").nth(int(data.test_labels[lonely]))
    named = dot.evaluate("dot => getComputedStyle(dot).backgroundColor")
    assert 255 * color == pytest.approx([int(part) for part in re.findall(r"\d+", named)], abs=2)


def test_the_map_shows_the_codes_in_their_colours(visit, models, data):
    check_map(visit("map"), models["MMD-VAE"].encode(data.test_images), data)


def test_the_epoch_slider_moves_codes_and_the_decoders_that_there_are(
    visit, models, snapshots, data
):
    page = visit("all")
    epoch = page.get_by_role("slider", name="Epoch")
    codes = snapshots["MMD-VAE"]["codes"]
    decoder = models["MMD-VAE"].decoder
    own = decoder.get_weights()
    for key, place, number in (("Home", 0, 0), ("ArrowRight", 1, 5), ("End", 2, 50)):
        epoch.press(key)
        expect(epoch).to_have_attribute("aria-valuetext", f"epoch {number}")
        check_map(page, codes[place], data)
        taken = [snapshots["MMD-VAE"][f"decoder_{i}"][place] for i in range(len(own))]
        decoder.set_weights([np.float32(part) for part in taken])
        expected = np.asarray(decoder(np.zeros((1, 2), "float32")))[0, ..., 0]
        np.testing.assert_allclose(pixels(large_pictures(page)[1]), expected, atol=2 / 255)
        decoder.set_weights(own)
    # Walk and drawing have the trained networks' codes, so they go to the last epoch.
    epoch.press("Home")
    open_tab(page, "Walk")
    open_tab(page, "Map")
    expect(epoch).to_have_attribute("aria-valuetext", "epoch 50")


def test_what_is_not_of_the_epoch_shown_is_said(visit, models, snapshots):
    page = visit("all")
    page.get_by_role("slider", name="Epoch").fill("1")
    low, high = map_range(page)
    codes = snapshots["MMD-VAE"]["codes"][1]
    outside = ((codes < low) | (codes > high)).any(1).sum()
    assert 0 < outside < 300
    note = page.locator(".status")
    expect(note).to_contain_text(f"MMD-VAE: {outside} of 300 lie outside this map.")
    expect(note).to_contain_text("The pictures of VAE are of epoch 50.")
    # The point there is another epoch's, so a tap is one on the plane.
    page.mouse.click(*on_map(page, [1, -1]))
    settle(page)
    assert shown_z(page) == pytest.approx([1, -1], abs=0.01 * (high - low))
    expect(note).not_to_contain_text("test image")


def test_the_axes_of_the_map_have_equal_units_and_the_circles_their_radius(visit):
    page = visit("map")
    low, high = map_range(page)
    area = page.locator(".map").first.bounding_box()
    assert area["width"] == pytest.approx(area["height"], abs=0.5)
    circles = page.locator(".map").first.locator(".axes circle").all()
    for sigmas, circle in enumerate(circles, start=1):
        box = circle.bounding_box()
        assert box["width"] == pytest.approx(2 * sigmas * area["width"] / (high - low), abs=3)


def check_comparison(page, models, data, chosen):
    """Beside each picture stand the test image and the model's own reconstruction."""
    settle(page)
    for i, model in enumerate(models.values()):
        truth, again = page.locator(".pair").nth(i).locator("canvas").all()
        np.testing.assert_allclose(pixels(truth), data.test_images[chosen, ..., 0], atol=1e-6)
        reconstruction = model.predict(data.test_images[[chosen]], verbose=0)[0, ..., 0]
        np.testing.assert_allclose(pixels(again), reconstruction, atol=2.5 / 255)
    name = data.class_names[data.test_labels[chosen]]
    expect(page.locator(".status")).to_contain_text(f"{name} (test image {chosen})")


def test_pointing_at_a_ringed_point_shows_it_and_a_tap_goes_there(visit, models, data):
    page = visit("map")
    codes = models["MMD-VAE"].encode(data.test_images)
    chosen = lonely_image(data, codes)
    x, y = on_map(page, codes[chosen], 1)
    page.mouse.move(x, y)
    check_comparison(page, models, data, chosen)
    assert shown_z(page) == [0, 0]
    page.mouse.move(5, 5)
    expect(page.locator(".pair.full")).to_have_count(0)

    page.mouse.click(x, y)
    assert check_pictures(page, models) == pytest.approx(codes[chosen], abs=0.026)
    page.mouse.move(5, 5)
    check_comparison(page, models, data, chosen)


def test_a_finger_that_presses_a_point_sees_it_before_it_lets_go(visit, models, data):
    page = visit("map", **PHONE)
    codes = models["MMD-VAE"].encode(data.test_images)
    chosen = lonely_image(data, codes)
    x, y = on_map(page, codes[chosen], 1)
    session = page.context.new_cdp_session(page)
    press = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    session.send("Input.dispatchTouchEvent", press)
    check_comparison(page, models, data, chosen)
    assert shown_z(page) == [0, 0]


def test_keys_move_the_handle_and_choose_the_nearest_image(visit, models):
    page = visit("map")
    page.get_by_role("slider", name="z on the map of VAE").focus()
    # With Control, Alt or Meta an arrow is the browser's.
    for key in ("ArrowRight", "Control+ArrowUp", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
        settle(page)
    assert check_pictures(page, models) == pytest.approx([-0.3, 0.1])
    page.keyboard.press("Enter")
    expect(page.locator(".status")).to_contain_text("test image")
    check_pictures(page, models)


def test_the_legend_brings_one_class_forward_and_the_switch_takes_the_grid_away(visit):
    page = visit("map")
    canvas = page.locator(".map .points").first

    def ink():
        settle(page)
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

    expect(page.locator(".backdrop").first).to_be_visible()
    page.get_by_role("button", name="Decoded grid behind").click()
    expect(page.locator(".backdrop").first).to_be_hidden()


# ---- the grid ------------------------------------------------------------------------------------


def keras_grid(model):
    z1, z2 = np.meshgrid(np.linspace(-4, 4, 16), np.linspace(4, -4, 16))
    images = model.decode(np.float32(np.stack([z1.ravel(), z2.ravel()], 1)))[..., 0]
    return images.reshape(16, 16, 28, 28).transpose(0, 2, 1, 3).reshape(448, 448)


def test_the_grid_is_keras_s_by_itself_and_behind_the_map(visit, models):
    page = visit("all")
    page.wait_for_timeout(300)
    open_tab(page, "Grid")
    for which, model in enumerate(models.values()):
        canvas = page.locator(".grid canvas").nth(which)
        expect(canvas).to_have_attribute("data-done", "256", timeout=30_000)
        np.testing.assert_allclose(pixels(canvas), keras_grid(model), atol=2.5 / 255)
    open_tab(page, "Map")
    backdrop = page.locator(".map .backdrop").first
    np.testing.assert_allclose(pixels(backdrop), keras_grid(models["VAE"]), atol=2.5 / 255)
    # Half an image beyond −4 and 4, at the place that the map has for it.
    left, _ = on_map(page, [-4 - 4 / 15, 0])
    right, _ = on_map(page, [4 + 4 / 15, 0])
    box = backdrop.bounding_box()
    assert box["x"] == pytest.approx(left, abs=1)
    assert box["x"] + box["width"] == pytest.approx(right, abs=1)


def test_a_tap_on_the_grid_moves_the_sliders_and_the_frame(visit, models):
    page = visit("grid")
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
    assert map_range(page)[1] > 4.5, "this test needs codes beyond the grid"
    open_tab(page, "Grid")
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 600, y))
    settle(page)
    expect(page.locator(".frame").first).to_have_class("frame outside")


# ---- drawing ---------------------------------------------------------------------------------------

SEVEN = ([0.3, 0.25], [0.7, 0.2], [0.45, 0.8])  # corners, in fractions of the pad


def on_pad(page, *fractions):
    pad = page.locator(".pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in fractions]


def seen_image(page):
    settle(page)
    return pixels(page.get_by_role("img", name="what the networks see").first)


def said_numbers(page, which):
    """{name: numbers} that stand beside a model's picture."""
    lines = page.locator(".numbers").nth(which).locator("div").all_inner_texts()
    found = {}
    for line in lines:
        match = re.match(r"(.*?) (-?[\d.e-]+(?:; -?[\d.e-]+)*)$", line.replace("−", "-"))
        found[match[1]] = [float(value) for value in match[2].split("; ")]
    return found


def check_codes(page, models, image, sampled=False):
    """Each model's code of the image and the terms of its loss, in words, on the map and decoded."""
    on_maps = page.locator(".map").count()
    for which, (name, model) in enumerate(models.items()):
        mean, logvar = np.split(model.encoder(image[None, ..., None]).numpy()[0], [2])
        said = said_numbers(page, which)
        z = np.float32(said["z"])
        if len(logvar):
            np.testing.assert_allclose(said["μ"], mean, atol=0.015)  # two decimals
            np.testing.assert_allclose(said["σ"], np.exp(logvar / 2), rtol=0.05)  # two digits
            if not sampled:
                np.testing.assert_allclose(z, mean, atol=0.015)
        else:
            np.testing.assert_allclose(z, mean, atol=0.015)
        if on_maps:
            np.testing.assert_allclose(map_marks(page, which, "path")[0], mean, atol=0.01)
        if on_maps and len(logvar):
            middle, sigma = map_marks(page, which, "ellipse")
            np.testing.assert_allclose(middle, mean, atol=0.01)
            np.testing.assert_allclose(sigma, np.exp(logvar / 2), rtol=0.01)
        if not sampled:
            decoded = model.decoder(mean[None]).numpy()[0, ..., 0]
            shown = pixels(large_pictures(page)[which])
            picture = expit(decoded) if name == "VAE" else decoded
            np.testing.assert_allclose(shown, picture, atol=0.01)
            check_terms(said, image, decoded, mean, logvar)


def check_terms(said, x, decoded, mean, logvar):
    """The numbers are those of the loss, at z = μ: Keras's networks, and formulas written out here."""
    if not len(logvar):
        assert said["squared error"] == pytest.approx([np.mean((x - decoded) ** 2)], abs=2e-3)
        return
    p = expit(decoded.astype("float64"))
    reconstruction = -np.sum(x * np.log(p) + (1 - x) * np.log1p(-p))
    assert said["reconstruction"] == pytest.approx([reconstruction], rel=0.01)
    logpz = -np.sum(mean**2) / 2 - np.log(2 * np.pi)
    logqz_x = -np.sum(logvar) / 2 - np.log(2 * np.pi)
    kl = np.sum(mean**2 + np.exp(logvar) - 1 - logvar) / 2
    assert said["log p(z)"] == pytest.approx([logpz], abs=0.1)
    assert said["log q(z|x)"] == pytest.approx([logqz_x], abs=0.05)
    assert said["KL"] == pytest.approx([kl], abs=0.15)


TERMS = """async ([state, images, noise]) => {
    const { openModels, withBytes } = await import("/module.js");
    return openModels(withBytes(state.models), state.dims).map((model) => images.map((image, i) => {
        const code = model.encode(image);
        const z = code.mean.map((m, k) => m + Math.exp((code.logvar[k] ?? -Infinity) / 2) * noise[i][k]);
        return { z, ...Object.fromEntries(model.terms(image, z, code)) };
    }));
}"""


def test_the_terms_of_a_drawn_code_are_those_of_training(visit, models, data):
    """At draws from q(z|x), with losses.py's functions and Keras's networks, for each model."""
    rounded = {"VAE": VAE(), "MMD-VAE": MMDVAE()}
    for name, model in rounded.items():  # the browser has float16 of the weights: so has Keras here
        model.set_weights([np.float32(np.float16(part)) for part in models[name].get_weights()])
    models = rounded
    images, noise = data.test_images[:20], np.random.default_rng(0).normal(size=(20, 2))
    state = explorer_state(models, data, pad=True)
    sent = [state, images.reshape(20, -1).tolist(), noise.tolist()]
    vae, mmd_vae = visit("blank").evaluate(TERMS, sent)

    def close(name, expected, rows=vae):
        np.testing.assert_allclose([row[name] for row in rows], expected, rtol=1e-4, atol=1e-4)

    mean, logvar = np.split(models["VAE"].encoder(images).numpy(), [2], axis=1)
    z = losses.reparameterize(mean, logvar, noise.astype("float32"))
    close("z", z)
    close("reconstruction", -losses.bernoulli_loglik(images, models["VAE"].decoder(z)))
    close("log p(z)", losses.normal_loglik(z, 0.0, 0.0))
    close("log q(z|x)", losses.normal_loglik(z, mean, logvar))
    close("KL", losses.normal_kl(mean, logvar))
    codes = models["MMD-VAE"].encoder(images)
    close("z", codes, mmd_vae)
    again = models["MMD-VAE"].decoder(codes)
    close("squared error", np.mean((images - again) ** 2, axis=(1, 2, 3)), mmd_vae)
    assert set(mmd_vae[0]) == {"z", "squared error"}


@pytest.mark.parametrize("name", ["all", "pad"])
def test_a_drawing_goes_through_each_network_as_keras_has_it(visit, models, name):
    page = visit(name)
    if name == "all":
        open_tab(page, "Draw")
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
    settle(page)
    expect(page.locator(".pair.full")).to_have_count(0)
    assert check_pictures(page, models) == [0, 0]


def test_resampling_draws_z_from_the_ellipse(visit, models):
    page = visit("all")
    open_tab(page, "Draw")
    page.get_by_role("button", name="Test image").click()
    image = seen_image(page)
    mean, logvar = np.split(models["VAE"].encoder(image[None, ..., None]).numpy()[0], [2])
    drawn = []
    for _ in range(30):
        page.get_by_role("button", name="Resample").click()
        settle(page)
        drawn.append(said_numbers(page, 0)["z"])
    check_codes(page, models, image, sampled=True)
    # Thirty draws: their standard deviation is the encoder's, give or take 40 %.
    spread = np.std((drawn - mean) / np.exp(logvar / 2))
    assert 0.6 < spread < 1.4
    assert len({tuple(z) for z in drawn}) > 20


def test_a_finger_draws_without_scrolling(visit, models):
    page = visit("pad", **PHONE)
    start, _, end = on_pad(page, *SEVEN)
    before = page.evaluate("scrollY")
    finger_drag(page, start, end)
    image = seen_image(page)
    assert image.max() == 1
    check_codes(page, models, image)
    assert page.evaluate("scrollY") == before


def test_the_button_takes_test_images(visit, models, data):
    page = visit("pad")
    taken = set()
    for _ in range(3):
        page.get_by_role("button", name="Test image").press("Enter")
        image = seen_image(page)
        status = page.locator(".buttons .note").inner_text()
        name, number = re.match(r"(.+?) \(test image (\d+)\)", status).groups()
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


# ---- the walk --------------------------------------------------------------------------------------


def reached(page):
    return float(large_pictures(page)[0].get_attribute("data-position"))


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
        shown = pixels(large_pictures(page)[which])
        np.testing.assert_allclose(shown, model.decode(z[None])[0, ..., 0], atol=1.5 / 255)
        film = pixels(page.locator(".film canvas").nth(which))
        stops = [start + (end - start) * part for part in np.linspace(0, 1, 8)]
        expected = np.concatenate(list(model.decode(np.float32(stops))[..., 0]), axis=1)
        np.testing.assert_allclose(film, expected, atol=1.5 / 255)
        if page.locator(".map").count():
            middle, half = map_marks(page, which, ".way line")
            np.testing.assert_allclose(middle, (start + end) / 2, atol=0.01)
            np.testing.assert_allclose(half, np.abs(end - start) / 2, atol=0.01)
    return place


@pytest.mark.parametrize("name", ["all", "walk"])
def test_the_walk_goes_from_one_code_straight_to_the_other(visit, models, data, name):
    page = visit(name)
    if name == "all":
        open_tab(page, "Walk")
    for percent in ("0", "100", "37"):
        page.get_by_role("slider", name="Position").fill(percent)
        page.wait_for_timeout(500)
        assert check_walk(page, models, data) == int(percent) / 100


def test_the_reader_chooses_the_classes_at_the_ends(visit, models, data):
    page = visit("walk")
    page.get_by_role("combobox", name="From").select_option("Sneaker")
    page.get_by_role("combobox", name="To").select_option("Sneaker")
    page.get_by_role("slider", name="Position").fill("100")
    page.wait_for_timeout(500)
    check_walk(page, models, data)
    said = page.get_by_role("slider", name="Position").get_attribute("aria-valuetext")
    start, end = re.findall(r"Sneaker \(test image (\d+)\)", said)
    assert start != end
    for number, picture in zip((start, end), page.locator(".end canvas").all(), strict=True):
        np.testing.assert_allclose(
            pixels(picture), data.test_images[int(number), ..., 0], atol=1e-6
        )


def test_play_walks_to_the_end_and_can_be_paused(visit, models, data):
    page = visit("walk")
    page.get_by_role("combobox", name="Pace").select_option("fast")
    page.get_by_role("button", name="Play").press("Space")
    wait_until(page, "() => document.querySelector('[data-position]')?.dataset.position > 0.2")
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
    page.wait_for_timeout(500)
    expect(page.get_by_role("combobox", name="Pace")).to_be_hidden()
    for place in (0.1, 0.2):
        page.get_by_role("button", name="Next step").click()
        page.wait_for_timeout(300)
        assert check_walk(page, models, data) == pytest.approx(place)


# ---- colour, other sizes, many dimensions ----------------------------------------------------------


def test_pictures_in_colour_of_another_size_in_twelve_dimensions(visit, coloured):
    models, data = coloured
    (model,) = models.values()
    page = visit("colours")
    settle(page)
    expect(page.get_by_text("Sliders for 8 of 12 dimensions")).to_be_visible()
    assert len(shown_z(page)) == 8
    codes = model.encode(data.test_images)
    dims = np.sort(np.argsort(-codes.var(axis=0))[:8])

    def check_z():
        settle(page)
        z = codes.mean(axis=0)
        z[dims] = drawn_z(page)
        expected = model.decode(np.float32([z]))[0]
        np.testing.assert_allclose(colours(large_pictures(page)[0]), expected, atol=1.6 / 255)

    check_z()
    x, y = centre(page.locator(".noUi-handle").nth(2))
    drag(page, (x, y), (x + 40, y))
    check_z()
    # The handle moves z along the map's two directions.
    before = np.array(drawn_z(page))
    x, y = centre(page.locator(".handle"))
    drag(page, (x, y), (x + 40, y))
    check_z()
    assert (np.abs(np.array(drawn_z(page)) - before) > 0.04).sum() > 2

    open_tab(page, "Walk")
    assert page.get_by_role("combobox", name="From").locator("option").first.inner_text() == (
        "test image 0"
    )
    open_tab(page, "Draw")
    settle(page)
    seen = colours(page.get_by_role("img", name="what the networks see"))
    np.testing.assert_allclose(seen, data.test_images[0], atol=1e-6)
    drag(page, *on_pad(page, [0.2, 0.2], [0.8, 0.2]))
    settle(page)
    painted = colours(page.get_by_role("img", name="what the networks see"))
    assert np.abs(painted - seen).max() > 0.3
    assert painted[9, 16:24].mean(axis=0) == pytest.approx([208 / 255, 48 / 255, 48 / 255], abs=0.1)

"""The explorer in a real browser: sliders, strip, tabs, and that what moves is on the screen."""

import functools

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import wait_until
from looking import (
    centre,
    check_pictures,
    drag,
    drawn_z,
    finger_drag,
    large_pictures,
    open_tab,
    pixels,
    settle,
    shown_z,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 720}}
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])


# ---- sliders -------------------------------------------------------------------------------------


def test_a_mouse_drags_a_slider(visit, models):
    page = visit("core")
    assert check_pictures(page, models) == [0, 0]
    assert page.locator(".latent-explorer").get_attribute("data-engine") == "wasm"
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 70, y))
    z1, z2 = check_pictures(page, models)
    assert z1 > 0.5
    assert z2 == 0
    x, y = centre(page.locator(".noUi-handle").nth(1))
    drag(page, (x, y), (x - 500, y))
    assert check_pictures(page, models) == [z1, -4]


def test_the_keyboard_moves_a_slider_and_it_says_so(visit, models):
    page = visit("core")
    page.keyboard.press("Tab")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    assert check_pictures(page, models) == [pytest.approx(0.35), 0]
    handle = page.get_by_role("slider", name="z₁", exact=True)
    expect(handle).to_have_attribute("aria-valuetext", "0.35")
    titles = page.locator("[title]").evaluate_all("all => all.map((e) => e.title)")
    assert "null" not in titles
    expect(page.get_by_role("textbox", name="z₁ as a number")).to_have_count(1)


def test_a_finger_drags_a_slider_and_scrolls_on_its_track(visit, models):
    page = visit("core", **PHONE)
    x, y = centre(page.locator(".noUi-handle").first)
    finger_drag(page, (x, y), (x - 60, y))
    z = check_pictures(page, models)
    assert z[0] < -0.5
    finger_drag(page, (x + 40, y), (x + 40, y - 70))
    wait_until(page, "() => scrollY > 20")
    assert shown_z(page) == z


def test_the_last_position_of_a_fast_drag_is_drawn(visit, models):
    page = visit("core")
    x, y = centre(page.locator(".noUi-handle").first)
    drag(page, (x, y), (x + 150, y), (x - 150, y), (x + 90, y), steps=40)
    assert check_pictures(page, models)[0] > 0.5


def test_where_a_page_forbids_webassembly_the_pictures_are_the_same(visit, models, site):
    folder, _ = site
    text = (folder / "core.html").read_text()
    assert "'wasm-unsafe-eval' " in text
    (folder / "plain.html").write_text(text.replace("'wasm-unsafe-eval' ", ""))
    # Chromium reports what the policy refused, which is what this test is about.
    page = visit("plain")
    assert page.locator(".latent-explorer").get_attribute("data-engine") == "plain"
    check_pictures(page, models)


# ---- one view ------------------------------------------------------------------------------------

STATE = """() => [...document.querySelectorAll(".latent-explorer canvas, .latent-explorer svg")]
    .map((node) => !node.checkVisibility() ? null : node.tagName === "CANVAS"
        ? node.getContext("2d").getImageData(0, 0, node.width, node.height).data.join()
        : node.textContent + node.innerHTML)"""
PLACES = """() => [...document.querySelectorAll(".latent-explorer canvas, .latent-explorer svg")]
    .map((node) => {
        const { top, bottom, left, right } = node.getBoundingClientRect();
        const middle = document.elementFromPoint((left + right) / 2, top + 3);
        return [node.className.baseVal ?? node.className, top, bottom, left, right,
            node.contains(middle) || node.parentElement.contains(middle)];
    })"""


def assert_what_changes_is_on_the_screen(page, act, least):
    """The act changes at least so many pictures, and each of them is whole in the window."""
    settle(page)
    before, size = page.evaluate(STATE), page.viewport_size
    act()
    settle(page)
    page.wait_for_timeout(300)
    after, places = page.evaluate(STATE), page.evaluate(PLACES)
    changed = [place for a, b, place in zip(before, after, places, strict=True) if b and a != b]
    assert len(changed) >= least, f"only {changed}"
    for name, top, bottom, left, right, on_top in changed:
        assert top >= -1, f"{name} begins above the window: {top}"
        assert bottom <= size["height"] + 1, f"{name} ends below the window: {bottom}"
        assert left >= -1, name
        assert right <= size["width"] + 1, name
        assert on_top, f"{name} is covered"


def to_the_top(page):
    """Where somebody has scrolled who wants to see the explorer."""
    page.evaluate("document.querySelector('.explorer-place').scrollIntoView()")
    settle(page)


@SIZES
def test_whatever_is_dragged_all_that_it_changes_is_on_the_screen(visit, size):
    page = visit("all", **size)

    def by_hand(locator, dx, dy=0):
        box = locator.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        if size is PHONE:
            return lambda: finger_drag(page, (x, y), (x + dx, y + dy))
        return lambda: drag(page, (x, y), (x + dx, y + dy))

    for tab in ("Map", "Grid", "Walk", "Draw"):
        open_tab(page, tab)
        page.wait_for_timeout(1500)  # grids fill
        to_the_top(page)
        for handle in page.locator(".noUi-handle").all():
            assert_what_changes_is_on_the_screen(page, by_hand(handle, 30), least=2)
        if tab == "Map":
            handle = page.locator(".handle").first
            assert_what_changes_is_on_the_screen(page, by_hand(handle, 25, 20), least=2)
        if tab in ("Map", "Grid"):
            epoch = page.get_by_role("slider", name="Epoch")
            least = 4 if tab == "Map" else 2  # both maps and one decoder; its picture and its grid
            earlier = functools.partial(epoch.press, "ArrowLeft")
            assert_what_changes_is_on_the_screen(page, earlier, least)
            epoch.press("End")
            page.wait_for_timeout(1000)
        if tab == "Grid":
            frame = page.locator(".frame").first
            assert_what_changes_is_on_the_screen(page, by_hand(frame, -25, 20), least=2)
        if tab == "Walk":
            position = page.get_by_role("slider", name="Position")
            go_on = functools.partial(position.fill, "40")
            assert_what_changes_is_on_the_screen(page, go_on, least=4)
        if tab == "Draw":
            pad = page.locator(".pad")
            # The pad, what the networks see, both pictures and both maps.
            assert_what_changes_is_on_the_screen(page, by_hand(pad, 20, 30), least=5)
            resample = page.get_by_role("button", name="Resample")
            assert_what_changes_is_on_the_screen(page, resample.click, least=2)


@SIZES
def test_two_models_stand_side_by_side_and_nothing_hangs_over(visit, size):
    page = visit("all", **size)
    for tab in ("Map", "Grid", "Walk", "Draw"):
        open_tab(page, tab)
        width = size["viewport"]["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        first, second = (picture.bounding_box() for picture in large_pictures(page))
        assert first["y"] == pytest.approx(second["y"], abs=1)
    open_tab(page, "Map")
    maps = [area.bounding_box() for area in page.locator(".map").all()]
    assert maps[0]["y"] == maps[1]["y"]
    if size is PHONE:
        assert maps[0]["width"] > 165
    # Bootstrap's .row has 12 px of padding on both sides; none of it is here.
    assert page.locator(".latent-explorer .row").count() == 0


def test_what_a_finger_presses_is_large_enough(visit):
    page = visit("all", **PHONE)
    for tab in ("Map", "Walk", "Draw"):
        open_tab(page, tab)
        parts = page.locator(".latent-explorer :is(button, select, input)")
        for control in parts.filter(visible=True).all():
            box = control.bounding_box()
            assert box["height"] >= 44, control.evaluate("e => e.outerHTML")


def test_pictures_stay_in_view_below_ten_models(visit):
    page = visit("ten")
    assert page.locator(".strip .large").count() == 10
    page.locator(".map").last.scroll_into_view_if_needed()
    settle(page)
    for picture in large_pictures(page):
        assert picture.bounding_box()["y"] >= 0
    x, y = centre(page.locator(".handle").last)
    drag(page, (x, y), (x + 20, y))
    settle(page)
    assert drawn_z(page)[0] > 0.2


def test_of_ten_models_only_the_maps_on_the_screen_have_their_grids_decoded(visit):
    page = visit("ten")
    page.wait_for_timeout(1500)
    inked = page.locator(".backdrop").evaluate_all(INKED)
    assert inked[0]
    assert not inked[-1]


def test_ten_models_stand_in_rows_and_only_pictures_on_the_screen_are_decoded(visit, models):
    page = visit("ten")
    large = page.locator(".strip .large")
    rows = [round(picture.bounding_box()["y"]) for picture in large.all()]
    assert [rows.count(row) for row in dict.fromkeys(rows)] == [5, 5]
    squares = [round(square.bounding_box()["y"]) for square in page.locator(".map").all()]
    assert [squares.count(row) for row in dict.fromkeys(squares)] == [3, 3, 3, 1]
    # Below the explorer its strip is off the screen: what moves z there decodes nothing.
    page.evaluate("document.querySelector('.latent-explorer').style.marginBottom = '3000px'")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(500)
    before = large.evaluate_all("all => all.map((e) => e.dataset.z)")
    page.evaluate("location.hash = 'nothing'")
    page.locator(".noUi-handle").first.evaluate("e => e.focus({ preventScroll: true })")
    page.keyboard.press("ArrowRight")
    settle(page)
    settle(page)
    assert shown_z(page) == [0.05, 0]
    assert large.evaluate_all("all => all.map((e) => e.dataset.z)") == before == ["0 0"] * 10
    to_the_top(page)
    page.wait_for_timeout(500)
    assert large.evaluate_all("all => all.map((e) => e.dataset.z)") == ["0.05 0"] * 10


def test_the_room_is_kept_before_anything_is_drawn(visit, site):
    """With JavaScript off, the text after the explorer stands where it stands with it."""
    for name in ("core", "all", "walk", "pad", "grid"):
        for size in (DESKTOP, PHONE):
            drawn = visit(name, **size)
            drawn.wait_for_timeout(300)
            bottom = "document.querySelector('#after').getBoundingClientRect().top + scrollY"
            after = drawn.evaluate(bottom)
            bare = drawn.context.browser.new_context(java_script_enabled=False, **size)
            page = bare.new_page()
            page.goto(f"{site[1]}/{name}.html")
            before = page.locator("#after").bounding_box()["y"]
            expect(page.locator(".explorer-still img").first).to_be_visible()
            expect(page.locator(".explorer-still")).to_contain_text("With JavaScript, sliders")
            bare.close()
            assert before == pytest.approx(after, abs=2), (name, size)


# ---- addresses, themes, paper --------------------------------------------------------------------


def test_an_address_restores_a_position(visit, models, site):
    page = visit("core")
    page.goto(f"{site[1]}/core.html#z=0.5,-1.2")
    page.reload()
    page.wait_for_selector(".pictures canvas[data-z]")
    assert check_pictures(page, models) == [0.5, -1.2]
    page.goto(f"{site[1]}/core.html#z=1,2")
    assert check_pictures(page, models) == [1, 2]


def test_the_button_puts_the_position_into_the_address(visit):
    page = visit("core", permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.url.endswith("#z=0.05,0")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


@pytest.mark.parametrize("tab", ["Map", "Grid", "Walk", "Draw"])
def test_axe_finds_nothing_on_an_open_tab(visit, tab):
    page = visit("all")
    open_tab(page, tab)
    if tab == "Draw":
        page.get_by_role("button", name="Test image").click()
    settle(page)
    found = Axe().run(page, context=".latent-explorer").response
    assert not [(f["id"], [n["html"] for n in f["nodes"]]) for f in found["violations"]]


def test_in_the_dark_there_is_no_light_box(visit):
    page = visit("all", color_scheme="dark")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    map_ = page.locator(".map").first
    background = map_.evaluate("e => getComputedStyle(e).backgroundColor")
    assert background == "rgb(20, 24, 30)"
    open_tab(page, "Draw")
    page.get_by_role("button", name="Test image").click()
    settle(page)
    cross = page.locator(".drawn path.stroke").first
    (axis,) = (
        page.locator(".map")
        .first.locator(".axes line")
        .first.evaluate_all("all => all.map((e) => getComputedStyle(e).stroke)")
    )
    assert cross.evaluate("e => getComputedStyle(e).stroke") == axis


def test_forced_colours_keep_what_means_something_and_show_what_is_pressed(visit):
    page = visit("all", forced_colors="active", color_scheme="dark")
    background = page.locator(".map").first.evaluate("e => getComputedStyle(e).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    for theme, ink in (("light", "rgb(51, 51, 51)"), ("dark", "rgb(208, 215, 222)")):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.locator(".map").first.evaluate("e => getComputedStyle(e).color") == ink
    tab = page.get_by_role("tab", name="Map")
    assert tab.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    track = page.locator(".noUi-target").first
    assert track.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"


INKED = """all => all.map((canvas) => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"""


def test_printed_grids_are_whole_by_themselves_and_behind_maps_that_nobody_has_seen(visit):
    page = visit("ten")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    # At once: paper does not wait for a frame.
    assert page.locator(".backdrop").evaluate_all(INKED) == [True] * 10
    page = visit("all")
    open_tab(page, "Grid")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for grid in page.locator(".grid canvas").all():
        assert grid.get_attribute("data-done") == "256"
    page.emulate_media(media="print")
    assert page.locator(".strip").evaluate("e => getComputedStyle(e).position") == "static"


def test_a_page_of_its_own_needs_no_server(chromium, site, models):
    from browsing import visiting

    folder, _ = site
    with visiting(chromium, folder.as_uri()) as open_page:
        page = open_page("own.html", viewport={"width": 1280, "height": 720})
        page.wait_for_selector(".pictures canvas[data-z]")
        assert page.title() == "One & only"
        slider = page.get_by_role("slider", name="z₁", exact=True)
        slider.fill("0.35")
        assert check_pictures(page, models)[0] == 0.35
        assert slider.get_attribute("aria-valuetext") == "0.35"
        assert page.locator(".latent-explorer").get_attribute("data-engine") == "wasm"
        found = Axe().run(page, context=".latent-explorer").response
        assert not [f["id"] for f in found["violations"]]
        before = pixels(large_pictures(page)[0])
        open_tab(page, "Draw")
        page.get_by_role("button", name="Test image").click()
        settle(page)
        assert np.abs(pixels(large_pictures(page)[0]) - before).max() > 0.05

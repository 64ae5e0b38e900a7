"""The explorer on a page without ipywidgets, as the book's first page has it."""

import gzip
import shutil

import front_page
import numpy as np
import pytest
from browsing import serving, visiting, wait_until
from looking import centre, drag, drawn_z, large_pictures, pixels, settle
from page_head import with_policy

from vae_helpers.widgets.page import STYLE, script

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8" /><title>Front page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="../_static/book.css"></head>
<body style="margin: 8px; font-family: sans-serif"><main style="max-width: 688px"><h1>A book</h1>
{fragment}<p id="after">The page goes on.</p></main></body></html>"""
SIZES = pytest.mark.parametrize(
    "size", [(1280, 720), (390, 844)], ids=lambda size: f"{size[0]} × {size[1]}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models, data):
    folder = tmp_path_factory.mktemp("front")
    static = folder / "_static"
    named = dict(zip(("A <b>VAE</b>", "MMD-VAE"), models.values(), strict=True))
    written = front_page.write(named, data, static / "front")
    assert {path.name for path in written} == {"explorer.html", "models.js", "0.webp", "1.webp"}
    (static / "explorer.js").write_text(script())
    shutil.copy(STYLE, static / "explorer.css")
    shutil.copy(front_page.BOOK / "static" / "book.css", static)
    fragment = (static / "front" / "explorer.html").read_text()
    (folder / "book").mkdir()
    (folder / "book" / "index.html").write_text(with_policy(PAGE.format(fragment=fragment)))
    return folder


@pytest.fixture(params=["from a server", "from a disk"])
def visit(request, chromium, folder):
    with serving(folder) as address:
        place = address if request.param == "from a server" else folder.as_uri()
        with visiting(chromium, place) as open_page:
            yield lambda **options: open_page("book/index.html", **options)


def stopped(page):
    """Wait for the end of what it does by itself."""
    page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
    page.wait_for_timeout(5500)
    assert drawn_z(page) == [0, 0]


@SIZES
def test_it_moves_by_itself_and_then_under_a_thumb(visit, models, size):
    page = visit(viewport={"width": size[0], "height": size[1]})
    wait_until(
        page, "() => document.querySelector('canvas[data-z]')?.dataset.z.split(' ').some(Number)"
    )
    stopped(page)
    # Pictures and squares are whole on the first screen, without scrolling.
    for part in page.locator(".large, .map").all():
        box = part.bounding_box()
        assert box["y"] + box["height"] <= size[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    x, y = centre(page.locator(".handle").first)
    drag(page, (x, y), (x + 40, y - 30))
    settle(page)
    z = drawn_z(page)
    assert z[0] > 0.3
    assert z[1] > 0.3
    for canvas, model in zip(large_pictures(page), models.values(), strict=True):
        expected = model.decode(np.float32([z]))[0, ..., 0]
        np.testing.assert_allclose(pixels(canvas), expected, atol=1.5 / 255)


def test_a_touch_ends_what_it_does_by_itself_and_who_wants_no_motion_sees_none(visit):
    page = visit()
    wait_until(
        page, "() => document.querySelector('canvas[data-z]')?.dataset.z.split(' ').some(Number)"
    )
    page.locator(".map").first.dispatch_event("pointerdown")
    settle(page)
    z = drawn_z(page)
    page.wait_for_timeout(500)
    assert drawn_z(page) == z != [0, 0]
    page = visit(reduced_motion="reduce")
    page.wait_for_selector(".pictures canvas[data-z]")
    page.wait_for_timeout(700)
    assert drawn_z(page) == [0, 0]


@SIZES
def test_without_javascript_the_models_grids_stand_there(chromium, folder, models, size):
    with serving(folder) as address:
        options = {"viewport": {"width": size[0], "height": size[1]}}
        context = chromium.new_context(java_script_enabled=False, **options)
        page = context.new_page()
        page.goto(f"{address}/book/index.html")
        for still in page.locator(".explorer-still img").all():
            box = still.bounding_box()
            assert box["width"] > 150
            assert box["y"] + box["height"] <= size[1]
        assert "A <b>VAE</b>" in page.locator(".explorer-still").inner_text()
        after = page.locator("#after").bounding_box()["y"]
        context.close()
        context = chromium.new_context(**options)
        page = context.new_page()
        page.goto(f"{address}/book/index.html")
        page.wait_for_selector(".pictures canvas[data-z]")
        # What comes after does not move when the explorer is drawn.
        assert page.locator("#after").bounding_box()["y"] == pytest.approx(after, abs=2)
        context.close()


def test_it_is_light(folder):
    static = folder / "_static"
    files = [static / "explorer.js", static / "explorer.css", *(static / "front").iterdir()]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 600_000

"""The built book in a real browser, with every other host refused."""

import importlib.util
from pathlib import Path

import pytest
from browsing import running_chromium, serving, visiting

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"

spec = importlib.util.spec_from_file_location("build_book", ROOT / "tools" / "build_book.py")
build_book = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build_book)
PAGES = [str(page.relative_to(HTML)) for page in build_book.pages()]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


@pytest.fixture(scope="module")
def site():
    assert (HTML / "index.html").exists(), "build the book first: make book"
    with serving(HTML) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium, site):
    with visiting(chromium, site) as visit:
        yield visit


def shoot(page, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_stands_on_its_own(visit, path):
    page = visit(path, viewport={"width": 1280, "height": 900})
    page.wait_for_load_state("networkidle")
    assert page.locator("article h1").count() == 1
    assert page.title()
    broken = page.eval_on_selector_all(
        "main img", "imgs => imgs.filter(i => !(i.complete && i.naturalWidth)).map(i => i.src)"
    )
    assert not broken
    unnamed = page.eval_on_selector_all(
        "main img", "imgs => imgs.filter(i => !i.alt).map(i => i.src)"
    )
    assert not unnamed
    shoot(page, path.replace("/", "-") + "-light")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone(visit, path):
    page = visit(path, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth")
    shoot(page, path.replace("/", "-") + "-phone-dark")
    assert wide <= 390, f"the page is {wide} pixels wide"


@pytest.mark.parametrize("path", PAGES)
def test_links_within_the_book_lead_somewhere(visit, path):
    page = visit(path)
    targets = page.eval_on_selector_all(
        "main a[href], nav a[href]", "links => links.map(a => a.href)"
    )
    inside = {t.split("#")[0].split("?")[0] for t in targets if t.startswith("http://127.0.0.1")}
    missing = [t for t in inside if page.request.get(t).status != 200]
    assert not missing


@pytest.mark.parametrize("path", CHAPTERS)
def test_a_chapter_shows_results_and_no_noise(visit, path):
    page = visit(path)
    assert page.locator(".cell_output img").count() >= 3
    text = page.locator("main").inner_text()
    for noise in ("Traceback", "UserWarning", "Could not find cuda", "E0000"):
        assert noise not in text
    assert page.locator("a[href*='colab.research.google.com']").count() >= 1


@pytest.mark.parametrize("path", CHAPTERS)
def test_formulas_are_set(visit, path):
    page = visit(path)
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", timeout=15_000)
        assert page.locator("mjx-merror").count() == 0


def test_a_slider_in_the_book_redraws_both_pictures_without_a_kernel(visit):
    """The page is as a reader has it: no Python anywhere, and every other host refused."""
    page = visit("notebooks/03_mmd_vae.html", viewport={"width": 1280, "height": 900})
    page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
    canvases = page.locator(".pictures canvas")
    assert canvases.count() == 2
    ink = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join()"
    before = [canvas.evaluate(ink) for canvas in canvases.all()]
    slider = page.locator(".widget-slider .noUi-handle").first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + box["height"] / 2, steps=6)
    page.mouse.up()
    page.wait_for_timeout(300)
    after = [canvas.evaluate(ink) for canvas in canvases.all()]
    assert before[0] != after[0]
    assert before[1] != after[1]
    shoot(page, "slider-dragged")


@pytest.mark.parametrize(
    ("path", "explorers"), [("02_vae", 1), ("03_mmd_vae", 1), ("04_comparing", 2)]
)
def test_every_explorer_of_a_chapter_is_alive_on_its_page(visit, path, explorers):
    page = visit(f"notebooks/{path}.html")
    page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
    page.wait_for_function(
        f"document.querySelectorAll('.pictures').length === {explorers}", timeout=30_000
    )

"""The built book: its files, and its pages in a real browser with every other host refused."""

import functools
import gzip
import itertools
import re
import urllib.parse
from pathlib import Path
from types import SimpleNamespace

import build_book
import nbformat
import page_head
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from browsing import (
    assert_a_drag_redraws_every_picture,
    redrawing_every_picture,
    serving,
    visiting,
    wait_until,
)
from bs4 import BeautifulSoup

pytestmark = [pytest.mark.browser, pytest.mark.book]

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"
REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]

PAGES = [page.relative_to(HTML).as_posix() for page in build_book.pages()]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


def notebook(path):
    return nbformat.read(ROOT / Path(path).with_suffix(".ipynb"), as_version=4)


def calls_of_the_explorer(path):
    sources = (cell.source for cell in notebook(path).cells if cell.cell_type == "code")
    return sum(source.count("latent_explorer(") for source in sources)


EXPLORERS = {path: calls_of_the_explorer(path) for path in CHAPTERS}
WITH_EXPLORERS = [path for path in CHAPTERS if EXPLORERS[path]]
SHORTEST = min(WITH_EXPLORERS, key=lambda path: len(notebook(path).cells))

every_page = pytest.mark.parametrize("path", PAGES)
every_chapter = pytest.mark.parametrize("path", CHAPTERS)


@pytest.fixture(scope="module")
def site():
    assert (HTML / "index.html").exists(), "build the book first: make book"
    with serving(HTML) as address:
        yield address


@pytest.fixture
def visit(chromium, site):
    with visiting(chromium, site) as visit:
        yield visit


def shoot(page, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@functools.cache
def soup(path):
    return BeautifulSoup((HTML / path).read_text(), "html.parser")


def settle(page, path):
    """Wait until everything that the page draws by itself is drawn."""
    page.wait_for_load_state("networkidle")
    for number in range(EXPLORERS.get(path, 0)):  # each draws when it is scrolled to
        pictures = page.locator(".pictures").nth(number)
        pictures.scroll_into_view_if_needed(timeout=30_000)
        pictures.locator("canvas[data-z]").first.wait_for(timeout=30_000)
    page.evaluate("scrollTo(0, 0)")


# ---- files ------------------------------------------------------------------------------------


def head_of(path):
    page = soup(path)
    tags = {tag.get("name") or tag.get("property"): tag["content"]
            for tag in page.head.find_all("meta") if tag.has_attr("content")}  # fmt: skip
    return page.title.text, tags


@pytest.mark.parametrize("path", ["index.html", *PAGES])
def test_a_page_says_what_it_is_to_search_engines_and_where_it_is_shared(path):
    title, tags = head_of(path)
    assert title.strip()
    assert 50 <= len(tags["description"]) <= 170, tags["description"]
    assert tags["og:description"] == tags["description"]
    assert tags["og:title"] in title
    site = f"{page_head.site_address(REPOSITORY)}/"
    assert tags["og:url"] == site + (PAGES[0] if path == "index.html" else path)
    assert tags["og:image"].startswith(site)
    picture = HTML / tags["og:image"].removeprefix(site)
    assert 20_000 < picture.stat().st_size < 200_000
    assert tags["og:image:alt"]


def test_no_two_pages_have_the_same_title_or_description():
    heads = [head_of(path) for path in PAGES]
    assert len({title for title, _ in heads}) == len(PAGES)
    assert len({tags["description"] for _, tags in heads}) == len(PAGES)


def test_the_book_has_the_pages_of_its_contents_and_no_others():
    found = {page.relative_to(HTML).as_posix() for page in HTML.rglob("*.html")}
    found = {page for page in found if not page.startswith("_static/")}
    assert found == {*PAGES, "index.html", "search.html", "genindex.html"}


@every_page
def test_links_within_the_book_lead_somewhere(path):
    for link in soup(path).select("main a[href], nav a[href]"):
        target = urllib.parse.urlsplit(link["href"])
        if target.scheme or target.netloc:
            continue
        file = (
            (HTML / path).parent / urllib.parse.unquote(target.path) if target.path else HTML / path
        )
        assert file.is_file(), link["href"]
        if target.fragment and file.suffix == ".html":
            page = soup(file.resolve().relative_to(HTML).as_posix())
            assert page.find(id=urllib.parse.unquote(target.fragment)), link["href"]


@pytest.mark.parametrize("number", range(len(PAGES)), ids=PAGES)
def test_each_page_leads_to_the_one_before_and_the_one_after(number):
    page, here = soup(PAGES[number]), (HTML / PAGES[number]).parent
    for kind, other in (("left-prev", number - 1), ("right-next", number + 1)):
        links = page.select(f".prev-next-area a.{kind}")
        wanted = [HTML / PAGES[other]] if 0 <= other < len(PAGES) else []
        assert [(here / link["href"]).resolve() for link in links] == wanted


COLAB = "a[href*='colab.research.google.com']"


@every_chapter
def test_colab_opens_this_chapter_once_the_repository_has_an_address(path):
    place = REPOSITORY.removeprefix("https://github.com/")
    notebook = Path(path).with_suffix(".ipynb").as_posix()
    wanted = f"https://colab.research.google.com/github/{place}/blob/main/{notebook}"
    links = [link["href"] for link in soup(path).select(COLAB)]
    # At the top of the text, and under the rocket.
    assert links == ([] if "/-unset-/" in REPOSITORY else [wanted] * 2)


def test_colab_is_offered_for_notebooks_only():
    for path in {*PAGES} - {*CHAPTERS}:
        assert not soup(path).select(COLAB), path


@every_page
def test_no_link_leads_to_a_repository_without_an_address(path):
    assert not soup(path).select("a[href*='/-unset-/'], form[action*='/-unset-/']")


@pytest.mark.parametrize(
    ("address", "page", "left"),
    [
        ("https://github.com/-unset-/book", "a.ipynb", ["fullscreen-button"]),
        ("https://github.com/you/book", "a.md", ["source-buttons", "fullscreen-button"]),
        (
            "https://github.com/you/book",
            "a.ipynb",
            ["launch-buttons", "source-buttons", "fullscreen-button"],
        ),
    ],
)
def test_buttons_lead_to_what_is_there(address, page, left):
    app = SimpleNamespace(
        env=SimpleNamespace(doc2path=lambda name: page),
        config=SimpleNamespace(html_theme_options={"repository_url": address}),
    )
    labels = ["launch-buttons", "source-buttons", "fullscreen-button"]
    context = {"header_buttons": [{"label": label} for label in labels]}
    page_head.drop_rocket(app, "a", "page.html", context, None)
    assert [button["label"] for button in context["header_buttons"]] == left


@every_chapter
def test_the_downloaded_notebook_is_the_committed_one(path):
    (link,) = soup(path).select(".dropdown-download-buttons a[href$='.ipynb']")
    downloaded = nbformat.read((HTML / path).parent / link["href"], as_version=4)
    nbformat.validate(downloaded)
    cells = [[(c.cell_type, c.source) for c in n.cells] for n in (downloaded, notebook(path))]
    assert cells[0] == cells[1]


@every_chapter
def test_a_chapter_shows_results_and_no_noise(path):
    main = soup(path).main
    assert len(main.select(".cell_output img")) + EXPLORERS[path] >= 3
    for noise in ("Traceback", "UserWarning", "Could not find cuda", "E0000"):
        assert noise not in main.text


# ---- what a page may do -----------------------------------------------------------------------


def policy_of(path):
    """A page's content-security policy: {directive: its sources}."""
    (tag,) = soup(path).select("meta[http-equiv=Content-Security-Policy]")
    directives = [directive.split() for directive in tag["content"].split(";")]
    return {name: sources for name, *sources in directives}


@pytest.mark.parametrize("path", [*PAGES, "index.html", "search.html", "genindex.html"])
def test_a_page_carries_a_policy_that_names_no_other_host_and_no_eval(path):
    policy = policy_of(path)
    assert policy.pop("default-src") == ["'none'"]
    scripts = policy.pop("script-src")
    digests = [source for source in scripts if re.fullmatch(r"'sha256-[\w+/]{43}='", source)]
    assert sorted({*scripts} - {*digests}) == [
        "'self'", "'unsafe-hashes'", "'wasm-unsafe-eval'", "blob:",
    ]  # fmt: skip
    assert len(digests) < 20
    assert policy == {
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
    }
    # It covers what comes after it; only the encoding comes before, among the first 1,024 bytes.
    first, second = soup(path).head.find_all(True)[:2]
    assert (first.name, first["charset"]) == ("meta", "utf-8")
    assert second.has_attr("http-equiv")


# What somebody would try who had got a string into a page. Timers, for the browser lets a script that
# a debugger runs do more than a page's own.
ATTACKS = """() => new Promise(resolve => {
  window.ran = [];
  const refused = [];
  document.addEventListener('securitypolicyviolation', e => refused.push(e.effectiveDirective));
  setTimeout(() => {
    try { eval("ran.push('eval')"); } catch {}
    try { new Function("ran.push('Function')")(); } catch {}
    const inline = document.createElement('script');
    inline.textContent = "ran.push('inline')";
    document.body.append(inline);
    const foreign = document.createElement('script');
    foreign.src = 'https://example.org/x.js';
    document.body.append(foreign);
    document.body.insertAdjacentHTML('beforeend',
      `<img src="data:," onerror="ran.push('handler')"><img src="https://example.org/x.png">`);
    fetch('https://example.org/').catch(() => {});
  });
  setTimeout(() => resolve([window.ran, refused.sort()]), 2000);
})"""


@pytest.mark.parametrize("path", [SHORTEST, "search.html"])
def test_under_its_policy_a_page_runs_and_asks_for_nothing_that_was_put_into_it(
    chromium, site, path
):
    with chromium.new_context() as context:
        page, asked = context.new_page(), []
        # What the policy refuses does not come as far as this.
        context.route("https://**", lambda route: (asked.append(route.request.url), route.abort()))
        page.goto(f"{site}/{path}")
        page.wait_for_load_state("networkidle")
        ran, refused = page.evaluate(ATTACKS)
    assert ran == []
    assert refused == sorted(
        ["script-src", "script-src", "script-src-elem", "script-src-elem", "script-src-attr",
         "img-src", "connect-src"]
    )  # fmt: skip
    assert asked == []


def test_the_themes_buttons_work_under_the_policy(visit):
    page = visit(SHORTEST, viewport={"width": 1280, "height": 900})
    settle(page, SHORTEST)
    theme = "() => document.documentElement.dataset.theme"
    before = page.evaluate(theme)
    for _ in range(3):  # light, dark, and as the system has it
        page.locator(".theme-switch-button:visible").first.click()
        if page.evaluate(theme) != before:
            break
    assert page.evaluate(theme) != before
    # These two are inline handlers.
    page.evaluate("window.print = () => { window.printed = true; }")
    page.locator(".dropdown-download-buttons > button").click()
    page.locator("button[onclick='window.print()']").click()
    assert page.evaluate("window.printed")
    page.locator("button[onclick='toggleFullScreen()']").click()
    wait_until(page, "() => document.fullscreenElement !== null")


# ---- pages ------------------------------------------------------------------------------------


@functools.cache
def compressed_bytes(file):
    return len(gzip.compress(file.read_bytes()))


def compressed_megabytes(page, site):
    """What the page and everything that it has loaded weigh as a host would send it."""
    loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    addresses = {url.split("?")[0].split("#")[0] for url in [page.url, *loaded]}
    files = [HTML / url.removeprefix(f"{site}/") for url in addresses if url.startswith(site)]
    assert len(files) > 10
    return sum(map(compressed_bytes, files)) / 1e6


def texts(page, selector, condition, what="textContent"):
    """What those elements say for which a JavaScript condition on ``e`` holds."""
    found = f"all => all.filter(e => {condition}).map(e => e.{what})"
    return page.eval_on_selector_all(selector, found)


# Numbers in tables that begin on one line and end on another.
BROKEN_NUMBERS = """
[...document.querySelectorAll('.bd-article td')].flatMap((cell) => {
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
  for (let node; (node = walker.nextNode()); ) {
    for (const { 0: number, index } of node.data.matchAll(/[+−]?\\d[\\d.]*%?/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + number.length);
      const tops = [...range.getClientRects()].map((box) => Math.round(box.top));
      if (new Set(tops).size > 1) found.push(number);
    }
  }
  return found;
})
"""


@every_page
def test_a_page_stands_on_its_own_and_fits_a_desk_and_a_phone(visit, site, path):
    page = visit(path, viewport={"width": 1280, "height": 900}, color_scheme="light")
    settle(page, path)
    assert page.locator("article h1").count() == 1
    assert page.locator(".pictures").count() == EXPLORERS.get(path, path == PAGES[0])
    assert texts(page, "main img", "!(e.complete && e.naturalWidth)", "src") == []
    assert texts(page, "main img", "!e.alt", "src") == []
    assert texts(page, "main p", "e.textContent.startsWith('| ')") == []  # no table was made of it
    # No code is cut off, but for the install cell's address, and in folded cells, which are narrower.
    cut_off = (
        "e.scrollWidth > e.clientWidth && !e.textContent.includes('%pip') && !e.closest('details')"
    )
    assert texts(page, ".cell_input pre", cut_off) == []
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached", timeout=15_000)
        assert page.locator("mjx-merror").count() == 0
    # Ten decoders stand in the chapter that has all models.
    # Chapters 4 and 6 hold what happened at all epochs.
    heavy = path.endswith(("04_comparing.html", "06_exploring.html", "13_family.html"))
    most = 3.3 if heavy else 2.8 if path in WITH_EXPLORERS else 1.2
    assert compressed_megabytes(page, site) < most
    shoot(page, path.replace("/", "-") + "-light")

    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.wait_for_load_state("networkidle")
    shoot(page, path.replace("/", "-") + "-phone-dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(BROKEN_NUMBERS) == []


def test_the_index_fits_a_phone(visit):
    page = visit("genindex.html", viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# A page with much code takes axe half a minute: the short run has one of those with an explorer.
IN_SHORT_RUN = (SHORTEST, "dark")
AXE_RUNS = [
    pytest.param(*run, marks=() if run == IN_SHORT_RUN else pytest.mark.long)
    for run in itertools.product([*PAGES, "search.html"], ["light", "dark"])
]
AXE_OPTIONS = {
    # Names that differ from what is shown: axe leaves this rule off unless asked.
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    # It would fetch style sheets by itself, and some of them from the wrong place.
    "preload": False,
}


@pytest.mark.parametrize(("path", "scheme"), AXE_RUNS)
def test_axe_finds_nothing_serious(visit, path, scheme):
    page = visit(path, viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    settle(page, path)
    found = Axe().run(page, options=AXE_OPTIONS).response
    assert len(found["passes"]) > 20
    grave = [
        (finding["id"], [node["html"] for node in finding["nodes"]])
        for finding in found["violations"]
        if finding["impact"] in ("serious", "critical")
    ]
    assert not grave


def test_search_finds_the_chapter_of_a_word_and_leads_to_it(visit):
    page = visit(PAGES[-1], viewport={"width": 1280, "height": 900})
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    page.keyboard.type("discrepancy")
    page.keyboard.press("Enter")
    hit = page.locator("#search-results li a[href*='03_mmd_vae.html']").first
    hit.wait_for(timeout=15_000)
    hit.click()
    page.wait_for_url("**/notebooks/03_mmd_vae.html*")
    assert "discrepancy" in page.locator("main").inner_text()


def test_search_works_from_a_disk_and_says_what_it_cannot_show(chromium):
    with visiting(chromium, HTML.as_uri()) as visit:
        page = visit("search.html?q=discrepancy")
        hit = page.locator("#search-results li a[href*='03_mmd_vae.html']").first
        hit.wait_for(timeout=15_000)
        assert "opened from a disk" in page.locator("main").inner_text()
        hit.click()
        page.wait_for_url("**/notebooks/03_mmd_vae.html*")
    # From a server it shows them.
    with serving(HTML) as address, visiting(chromium, address) as visit:
        page = visit("search.html?q=discrepancy")
        page.locator("#search-results li p.context").first.wait_for(timeout=15_000)
        assert "opened from a disk" not in page.locator("main").inner_text()


# ---- formulae ---------------------------------------------------------------------------------


FORMULAE = max(WITH_EXPLORERS, key=lambda path: len(soup(path).select(".math")))
COUNT = """new MutationObserver((_, observer) => {
    if (!document.querySelector(".pictures canvas[data-z]")) return;
    observer.disconnect();
    window.formulaeBefore = document.querySelectorAll("mjx-container").length;
}).observe(document, { childList: true, subtree: true, attributeFilter: ["data-z"] });"""


@pytest.mark.parametrize("number", [0, 2])
def test_formulae_below_the_screen_wait_for_the_first_picture_and_then_are_all_set(
    visit, site, number
):
    page = visit("genindex.html", viewport={"width": 390, "height": 844})
    page.wait_for_load_state("networkidle")
    page.add_init_script(COUNT)
    headings = soup(FORMULAE).select("main section[id]")
    # Who comes to a section finds what is above it set already.
    target = f"#{headings[number]['id']}" if number else ""
    page.goto(f"{site}/{FORMULAE}{target}")
    page.wait_for_selector(".pictures canvas[data-z]", state="attached", timeout=60_000)
    if not target:
        assert page.evaluate("window.formulaeBefore") == 0
    wait_until(page, """() => [...document.querySelectorAll(".math")]
        .every((math) => math.querySelector("mjx-container"))""")  # fmt: skip
    assert page.locator("mjx-merror").count() == 0
    if target:
        assert 0 <= page.locator(target).bounding_box()["y"] < 80  # below the header


# ---- sliders ----------------------------------------------------------------------------------


def test_a_slider_redraws_both_pictures_without_a_kernel_and_without_a_network(visit):
    """As a reader has it: no Python anywhere, other hosts refused, and after loading no host."""
    page = visit(SHORTEST, viewport={"width": 1280, "height": 900})
    settle(page, SHORTEST)
    page.context.set_offline(True)
    assert_a_drag_redraws_every_picture(page)
    shoot(page, "slider-dragged")


def tab_to(page, selector):
    """Press Tab until the focus is on what the selector names, as somebody without a mouse does."""
    for _ in range(300):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def test_the_keyboard_alone_moves_a_slider_and_turns_the_page(visit):
    page = visit(SHORTEST, viewport={"width": 1280, "height": 900})
    settle(page, SHORTEST)
    tab_to(page, ".widget-slider .noUi-handle")
    with redrawing_every_picture(page):
        for _ in range(5):
            page.keyboard.press("ArrowRight")
    tab_to(page, ".prev-next-area a.right-next")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{PAGES[PAGES.index(SHORTEST) + 1]}")


def test_the_book_works_below_a_path(chromium):
    with serving(HTML.parent) as address, visiting(chromium, address) as visit:
        page = visit(f"html/{SHORTEST}", viewport={"width": 1280, "height": 900})
        assert_a_drag_redraws_every_picture(page)
        page.goto(f"{address}/html/")
        page.wait_for_url(f"**/html/{PAGES[0]}")


def test_the_book_works_as_files_without_a_server(chromium):
    with visiting(chromium, HTML.as_uri()) as visit:
        page = visit(SHORTEST, viewport={"width": 1280, "height": 900})
        assert_a_drag_redraws_every_picture(page)
        page.locator(".prev-next-area a.right-next").click()
        page.wait_for_url("file://**/*.html")
        assert page.locator("article h1").count() == 1

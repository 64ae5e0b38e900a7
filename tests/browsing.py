"""A server for a folder and a browser that refuses every other host: for the tests of pages."""

import contextlib
import functools
import http.server
import threading
import time

import get_browser
from playwright.sync_api import sync_playwright

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(folder):
    """Serve a folder on this machine; gives the address."""
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def running_chromium():
    path = get_browser.find()
    if path is None:
        raise RuntimeError("these tests need Chromium (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@contextlib.contextmanager
def visiting(browser, address):
    """Gives ``visit(path)``, which opens a page; at the end nothing may have gone wrong or out."""
    contexts, trouble = [], []

    def refuse_others(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            trouble.append(f"asked for {route.request.url}")
            route.abort()

    def visit(path, **options):
        context = browser.new_context(**options)
        context.set_default_navigation_timeout(120_000)  # a busy machine is no fault of the page
        contexts.append(context)
        context.route("**/*", refuse_others)
        page = context.new_page()
        page.on("console", lambda m: m.type == "error" and trouble.append(m.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("response", lambda r: r.status >= 400 and trouble.append(f"{r.status} {r.url}"))
        page.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
        page.goto(f"{address}/{path}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not trouble, trouble


def wait_until(page, function, arg=None, seconds=30):
    """Wait until a JavaScript function of ``arg`` says yes.

    Playwright's wait_for_function evaluates a string in the page, which the book's policy forbids.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(function, arg):
        assert time.monotonic() < end, f"after {seconds} seconds still not so: {function}"
        page.wait_for_timeout(50)


INK = (
    "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.join()"
)
ALL_CHANGED = f"([canvases, before]) => canvases.every((c, i) => ({INK})(c) !== before[i])"


@contextlib.contextmanager
def redrawing_every_picture(page):
    """At the end all pictures of the page's first explorer differ from what they were before."""
    # It draws when it is scrolled to.
    page.locator(".pictures").first.scroll_into_view_if_needed(timeout=30_000)
    page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
    canvases = page.locator(".pictures").first.locator("canvas[data-z]").element_handles()
    assert canvases
    before = [canvas.evaluate(INK) for canvas in canvases]
    yield
    wait_until(page, ALL_CHANGED, [canvases, before])


def assert_a_drag_redraws_every_picture(page):
    with redrawing_every_picture(page):
        slider = page.locator(".widget-slider .noUi-handle").first
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 90, y, steps=6)
        page.mouse.up()

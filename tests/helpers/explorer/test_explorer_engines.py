"""Every feature once in Firefox and in WebKit: that it is there and moves. Chromium has the details."""

import pytest
from driving import running

pytestmark = [pytest.mark.browser, pytest.mark.long]

Z = "JSON.parse(document.querySelector('.latent-explorer').dataset.z)"
DRAWN = """[...document.querySelectorAll('.latent-explorer canvas')].filter((c) => c.checkVisibility?.() ??
    c.getBoundingClientRect().width > 0).map((c) => {
        const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        let sum = 0;
        for (let i = 0; i < data.length; i++) sum = (31 * sum + data[i]) % 1000003;
        return [c.className, sum];
    })"""
PICTURES = f"({DRAWN}).filter(([name]) => name.includes('large')).map(([, sum]) => sum)"


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def browser(request):
    with running(request.param) as driven:
        yield driven


@pytest.fixture
def page(browser, site):
    browser.goto(f"{site[1]}/all.html")
    browser.wait("document.querySelector('.pictures canvas[data-z]') !== null")
    browser.settle()
    return browser


def tab(page, name):
    page.click(f"[role=tab][id$=-tab-{name}]")
    assert page.run("document.querySelector('.latent-explorer').dataset.tab") == name


def changed(page, act):
    before = page.run(PICTURES)
    act()
    page.settle()
    after = page.run(PICTURES)
    return [a != b for a, b in zip(before, after, strict=True)]


def test_it_decodes_in_webassembly(page):
    assert page.run("document.querySelector('.latent-explorer').dataset.engine") == "wasm"


def test_sliders_and_the_map_move_both_pictures(page):
    assert all(changed(page, lambda: page.drag(".noUi-handle", 50, 0)))
    assert page.run(Z)[0] > 0.2
    assert all(changed(page, lambda: page.drag(".map .handle", -40, 30)))
    assert page.run(Z)[1] < -0.2


def test_epochs_move_the_decoder_that_there_is(page):
    script = """(() => {
        const range = document.querySelector('.epochs input');
        range.value = 0;
        range.dispatchEvent(new Event('input'));
        return true;
    })()"""
    assert changed(page, lambda: page.run(script)) == [False, True]
    assert "Epoch 0." in page.run("document.querySelector('.status').textContent")


def test_pointing_at_a_point_compares(page):
    # Any of the places on the map will do that has a ringed point.
    page.middle(".map")
    script = "(() => { const r = document.querySelector('.map').getBoundingClientRect();" + (
        " return [r.left, r.top, r.width]; })()"
    )
    left, top, width = page.run(script)
    for i in range(2, 9):
        for j in range(2, 9):
            page.hover(left + width * i / 10, top + width * j / 10)
            if page.run("document.querySelectorAll('.pair.full').length") == 2:
                return
    raise AssertionError("nothing was compared")


def test_the_grid_fills_and_its_frame_moves(page):
    tab(page, "grid")
    page.wait(
        "[...document.querySelectorAll('.grid canvas')].every((c) => c.dataset.done === '256')"
    )
    assert all(changed(page, lambda: page.drag(".grid .frame", -60, 40)))


def test_the_walk_walks(page):
    tab(page, "walk")
    assert all(changed(page, lambda: page.click(".controls .action")))
    page.wait("document.querySelector('[data-position]').dataset.position === '1'")


def test_a_drawing_is_encoded_and_resampled(page):
    tab(page, "pad")
    assert all(changed(page, lambda: page.drag(".pad", 40, 50)))
    assert "KL" in page.run("document.querySelector('.numbers').textContent")
    assert len(page.run("[...document.querySelectorAll('.drawn ellipse')].map(() => 1)")) == 2
    # Not the MMD-VAE's, whose encoder has no spread.
    resample = "[...document.querySelectorAll('.buttons button')].find((b) => b.textContent === 'Resample').click()"
    assert changed(page, lambda: page.run(f"({resample}, true)")) == [True, False]


def test_an_address_restores_a_position(page, site):
    page.goto(f"{site[1]}/core.html#z=0.5,-1.2")
    page.wait("document.querySelector('.latent-explorer')?.dataset.z === '[0.5,-1.2]'")


def test_a_page_of_its_own_moves(page, site):
    page.goto(f"{site[1]}/own.html")
    page.wait("document.querySelector('.pictures canvas[data-z]') !== null")
    page.settle()
    assert all(changed(page, lambda: page.drag(".slider input", 60, 0)))


@pytest.mark.parametrize("name", ["all", "core"])
def test_what_comes_after_stays_where_it_was(page, site, name):
    """A link to what comes after lands there, and the explorer that is drawn later moves it nowhere."""
    page.goto(f"{site[1]}/blank.html")
    page.goto(f"{site[1]}/{name}.html#after")
    page.wait("document.querySelector('.pictures canvas[data-z]') !== null")
    page.settle()
    page.settle()
    most = "document.documentElement.scrollHeight - innerHeight - scrollY < 2"
    top = page.run("document.querySelector('#after').getBoundingClientRect().top")
    assert abs(top) < 3 or page.run(most), top

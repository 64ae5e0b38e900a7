"""What a reader of a page sees and does, for the explorer's tests in a browser."""

import numpy as np
import pytest


def settle(page):
    """Wait until all that was asked for is drawn: a few frames."""
    page.evaluate(
        """() => new Promise((done) => {
            let frames = 0;
            const next = () => (++frames < 4 ? requestAnimationFrame(next) : done());
            next();
        })"""
    )


def shown_z(page):
    """z as the sliders' numbers say it."""
    readouts = page.locator(".widget-readout, .slider output").all_inner_texts()
    return [float(text.replace("−", "-")) for text in readouts]


def drawn_z(page):
    said = page.locator(".pictures canvas[data-z]").first.get_attribute("data-z")
    return [float(number) for number in said.split()]


def pixels(canvas, box=None):
    """Ink in 0 … 1, [height, width], of a canvas in grey, or of a box (x, y, width, height) in it."""
    return 1 - colours(canvas, box)[..., 0]


def colours(canvas, box=None):
    """Red, green and blue in 0 … 1, [height, width, 3]."""
    script = """(canvas, box) => {
        const [x, y, w, h] = box ?? [0, 0, canvas.width, canvas.height];
        const { data } = canvas.getContext("2d").getImageData(x, y, w, h);
        return [h, w, ...data];
    }"""
    height, width, *values = canvas.evaluate(script, box)
    return np.reshape(values, (height, width, 4))[..., :3] / 255


def large_pictures(page):
    return page.locator(".pictures canvas.large").all()


def check_pictures(page, models):
    """The pictures are Keras's for the z that the sliders show, and that z has been drawn."""
    settle(page)
    z = shown_z(page)
    assert drawn_z(page) == pytest.approx(z, abs=1e-9)
    canvases = large_pictures(page)
    assert len(canvases) == len(models)
    for canvas, model in zip(canvases, models.values(), strict=True):
        expected = model.decode(np.float32([z]))[0, ..., 0]
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


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()
    settle(page)


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


def map_marks(page, which, name):
    """Centre and half size, in z, of an SVG element on one of the maps."""
    low, high = map_range(page)
    element = page.locator(".map").nth(which).locator(f"{name}.stroke")
    left, top, width, height = element.evaluate(
        "e => { const b = e.getBBox(); return [b.x, b.y, b.width, b.height]; }"
    )
    unit = (high - low) / 100
    middle = [low + unit * (left + width / 2), high - unit * (top + height / 2)]
    return np.array(middle), unit * np.array([width, height]) / 2


def lonely_image(data, codes):
    """The marked test image whose code is farthest from the others': no doubt about which is meant."""
    marked = np.sort(
        np.concatenate([np.flatnonzero(data.test_labels == k)[:25] for k in range(10)])
    )
    inside = marked[(np.abs(codes[marked]) < 3.8).all(1)]
    return max(inside, key=lambda i: np.sort(np.hypot(*(codes[marked] - codes[i]).T))[1])

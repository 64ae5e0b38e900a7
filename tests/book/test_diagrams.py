"""The drawings of the networks, beside the networks."""

import itertools
import re

import make_diagrams
import numpy as np
import pytest

from vae_helpers.checkpoints import build

RUNS = ["vae", "mmd_vae"]


def without_pixels(svg):
    return re.sub(r"base64,[^\"]*", "", svg)


@pytest.mark.parametrize("run", RUNS)
def test_a_diagram_is_drawn_from_the_network_as_it_is(run):
    drawn = make_diagrams.diagram(build(run), np.zeros((28, 28, 1), "float32"))
    committed = (make_diagrams.IMAGES / f"{run}.svg").read_text()
    assert without_pixels(drawn) == without_pixels(committed)


def test_other_layers_and_sizes_show_in_it():
    drawn = make_diagrams.diagram(build("mmd_vae", (32, 32, 3)), np.zeros((32, 32, 3), "float32"))
    assert "8 × 8 × 32" in drawn
    assert "7 × 7 × 32" not in drawn


@pytest.mark.browser
def test_a_diagram_follows_the_theme_of_its_page_and_not_the_systems(tmp_path, chromium):
    """The theme sets color-scheme; a reader can choose it against the system's."""
    path, corners = tmp_path / "page.html", {}
    for theme, system in itertools.product(("light", "dark"), repeat=2):
        picture = (make_diagrams.IMAGES / "vae.svg").as_uri()
        path.write_text(
            f'<html style="color-scheme: {theme}"><body style="margin: 0">'
            f'<img src="{picture}"></body></html>'
        )
        with chromium.new_context(color_scheme=system) as context:
            page = context.new_page()
            page.goto(path.as_uri())
            corner = {"x": 5, "y": 5, "width": 4, "height": 4}
            corners[theme, system] = page.screenshot(clip=corner)
    assert corners["light", "light"] == corners["light", "dark"]
    assert corners["dark", "light"] == corners["dark", "dark"]
    assert corners["light", "light"] != corners["dark", "dark"]

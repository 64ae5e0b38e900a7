"""Pictures: what is drawn where, grey and in colour."""

from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vae_helpers
from vae_helpers.plotting import (
    CLASS_COLORS,
    WIDTH,
    latent_grid,
    plot_codes,
    plot_history,
    show_images,
    show_latent_grid,
    straight_line,
    three_views,
    tiled,
)

WIDGETS = Path(vae_helpers.__file__).parent / "widgets"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def pictures(n, shape=(6, 4, 1)):
    return np.random.default_rng(0).uniform(size=(n, *shape)).astype("float32")


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.floats(0.5, 10))
def test_the_grid_runs_from_the_top_left_with_z1_to_the_right_and_z2_upwards(steps, limit):
    rows = latent_grid(steps, limit).reshape(steps, steps, 2)
    expected = np.linspace(-limit, limit, steps)
    for row in rows:
        np.testing.assert_allclose(row[:, 0], expected, atol=1e-5 * limit)
    for column in rows.transpose(1, 0, 2):
        np.testing.assert_allclose(column[:, 1], expected[::-1], atol=1e-5 * limit)
    assert rows.dtype == np.float32


@pytest.mark.parametrize("shape", [(6, 4, 1), (5, 7, 3)])
def test_tiles_stand_row_by_row_and_keep_their_colours(shape):
    images = pictures(6, shape)
    whole, (height, width) = tiled(images, 3), shape[:2]
    assert whole.shape == (2 * height, 3 * width, shape[2])
    for i, image in enumerate(images):
        row, column = divmod(i, 3)
        found = whole[row * height : (row + 1) * height, column * width : (column + 1) * width]
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("shape", [(6, 4, 1), (5, 7, 3)])
def test_the_decoded_grid_lies_where_its_codes_are(shape):
    ax = show_latent_grid(pictures(16, shape), limit=3)
    left, right, bottom, top = ax.images[0].get_extent()
    # Four images a side: the outermost are centred on ±3, two units apart.
    assert (left, right, bottom, top) == (-4, 4, -4, 4)
    assert ax.images[0].get_array().shape[:2] == (4 * shape[0], 4 * shape[1])


def test_images_in_colour_are_drawn_in_colour_and_grey_ones_as_ink():
    grey, colour = pictures(2), pictures(2, (5, 5, 3))
    for images in (grey, colour):
        axes = show_images(images, columns=2, titles=["a", "b"], row_titles=["row"]).axes
        for ax, image in zip(axes, images, strict=True):
            np.testing.assert_array_equal(np.squeeze(ax.images[0].get_array()), np.squeeze(image))
        assert [ax.get_title() for ax in axes] == ["a", "b"]
        assert axes[0].get_ylabel() == "row"
    assert show_images(grey).axes[0].images[0].get_cmap().name == "gray_r"


def test_a_row_of_images_is_no_wider_than_the_books_column():
    for columns, titles in ((3, None), (12, None), (12, ["row"])):
        figure = show_images(pictures(12, (4, 4, 1)), columns, row_titles=titles)
        boxes = [ax.get_position().width * figure.get_figwidth() for ax in figure.axes]
        assert figure.get_figwidth() < WIDTH + 1e-6
        assert min(boxes) > 0.3  # inches: 30 px
        assert max(boxes) < 0.8 + 1e-6


def test_codes_are_drawn_in_the_colours_of_their_classes():
    codes, labels = np.arange(12.0).reshape(6, 2), np.array([0, 1, 1, 2, 0, 2])
    ax = plot_codes(codes, labels, ("a", "b", "c"))
    points = ax.collections[0]
    np.testing.assert_array_equal(points.get_offsets(), codes)
    found = [plt.matplotlib.colors.to_hex(color) for color in points.get_facecolor()]
    assert found == [CLASS_COLORS[label] for label in labels]
    assert [patch.radius for patch in ax.patches] == [1, 2]
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    shown = [plt.matplotlib.colors.to_hex(h.get_facecolor()[0]) for h in legend.legend_handles]
    assert shown == list(CLASS_COLORS[:3])


def test_codes_without_labels_are_drawn_in_one_colour():
    ax = plot_codes(np.zeros((5, 2)), None, ())
    assert len(ax.collections[0].get_offsets()) == 5
    assert ax.get_legend() is None


def test_codes_of_other_than_two_dimensions_are_refused():
    with pytest.raises(ValueError, match="draws a plane; these codes have 3 dimensions"):
        plot_codes(np.zeros((5, 3)), np.zeros(5, int), ("a",))


@pytest.mark.parametrize("lines", [(), (4,)])
def test_a_straight_line_has_both_ends_and_equal_steps(lines):
    rng = np.random.default_rng(1)
    first, last = rng.standard_normal((2, *lines, 3))
    found = straight_line(first, last, steps=7)
    assert found.shape == (*lines, 7, 3)
    np.testing.assert_allclose(found[..., 0, :], first)
    np.testing.assert_allclose(found[..., -1, :], last)
    steps = np.diff(found, axis=-2)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[..., :1, :], steps.shape), atol=1e-12)


def test_the_history_has_a_line_for_each_term():
    history = [{"epoch": 1, "loss": 3.0, "mmd": 1.0}, {"epoch": 2, "loss": 2.0, "mmd": 0.5}]
    ax = plot_history(history, ["loss", "mmd"])
    assert [line.get_label() for line in ax.lines] == ["loss", "mmd"]
    assert [list(line.get_ydata()) for line in ax.lines] == [[3.0, 2.0], [1.0, 0.5]]


@pytest.mark.parametrize("far", [False, True])
def test_three_views_show_samples_codes_and_the_plane(far):
    codes = np.array([[0.0, 0.0], [1.0, -2.0], [12.0 if far else 3.0, 0.0]])
    figure = three_views(pictures(64), codes, [0, 1, 0], ("a", "b"), pictures(256))
    samples, plane, grid = figure.axes
    np.testing.assert_array_equal(samples.images[0].get_array(), tiled(pictures(64), 16)[..., 0])
    np.testing.assert_array_equal(plane.collections[0].get_offsets(), codes)
    assert grid.images[0].get_array().shape == (16 * 6, 16 * 4)
    assert [patch.radius for patch in grid.patches] == [1, 2]
    # The codes' axes are the grid's, or wider ones with the grid's square drawn.
    edge = grid.get_xlim()[1]
    assert plane.get_xlim() == (grid.get_xlim() if not far else pytest.approx((-edge, 12), abs=3))
    assert plane.patches[-1].get_bbox().extents.tolist() == [-edge, -edge, edge, edge]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


# What a deficiency of full severity makes of linear RGB: Machado, Oliveira & Fernandes (2009).
SEEN = {
    "as most people see": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
OVERLAP = ((0, 2, 3, 4, 6), (5, 7, 9), (4, 7, 9), (3, 5, 8))  # tops, shoes; 4 7 9, 3 5 8


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(light):
    t = np.clip(light, 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def rgb(colors):
    return np.array([plt.matplotlib.colors.to_rgb(color) for color in colors])


def in_the_dark(colors):
    """What the explorer's dark theme shows: invert(1) hue-rotate(180deg), in sRGB."""
    grey, turn = np.array([0.213, 0.715, 0.072]), np.array([[0.787, -0.715, -0.072],
        [-0.213, 0.285, -0.072], [-0.213, -0.715, 0.928]])  # fmt: skip
    return np.clip((1 - colors) @ (grey - turn).T, 0, 1)


# On matplotlib's white paper, and through the explorer's filter on its dark one.
PAPERS = {"#ffffff": rgb(CLASS_COLORS), "#14181e": in_the_dark(rgb(CLASS_COLORS))}


@pytest.mark.parametrize("paper", PAPERS)
def test_every_classs_colour_has_a_contrast_of_3_to_its_paper(paper):
    """The least that WCAG 2 asks of graphics (1.4.11)."""
    light = linear(np.vstack([PAPERS[paper], rgb([paper])])) @ XYZ[1] + 0.05
    contrast = np.maximum(light[:-1], light[-1]) / np.minimum(light[:-1], light[-1])
    assert contrast.min() > 3


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("eyes", SEEN)
def test_the_classes_colours_stay_apart(paper, eyes):
    """By 20 in CIELAB, where 2 can just be told apart; those of classes that overlap by 25."""
    seen = lab(linear(PAPERS[paper]) @ np.transpose(SEEN[eyes]))
    for pair in combinations(range(10), 2):
        overlap = any(set(pair) <= set(group) for group in OVERLAP)
        assert np.linalg.norm(seen[pair[0]] - seen[pair[1]]) > (25 if overlap else 20), pair


def test_the_explorers_dark_theme_is_the_one_that_the_colours_are_checked_for():
    css = (WIDGETS / "latent_explorer.css").read_text()
    assert (
        css.count("--paper: #14181e;") == css.count("--turned: invert(1) hue-rotate(180deg);") == 2
    )

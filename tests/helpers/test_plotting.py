"""Pictures: what is drawn where, grey and in colour."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_helpers.plotting import (
    CLASS_COLORS,
    latent_grid,
    plot_codes,
    plot_history,
    show_images,
    show_latent_grid,
    straight_line,
    three_views,
    tiled,
)


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


def test_codes_are_drawn_in_the_colours_of_their_classes():
    codes, labels = np.arange(12.0).reshape(6, 2), np.array([0, 1, 1, 2, 0, 2])
    ax = plot_codes(codes, labels, ("a", "b", "c"))
    for label, points in enumerate(ax.collections):
        np.testing.assert_array_equal(points.get_offsets(), codes[labels == label])
        assert plt.matplotlib.colors.to_hex(points.get_facecolor()[0]) == CLASS_COLORS[label]
    assert [patch.radius for patch in ax.patches] == [1, 2]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


def test_codes_without_labels_are_drawn_in_one_colour():
    ax = plot_codes(np.zeros((5, 2)), None, ())
    assert [len(points.get_offsets()) for points in ax.collections] == [5]


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


def test_three_views_show_samples_codes_and_the_plane():
    figure = three_views(pictures(64), np.zeros((3, 2)), [0, 1, 0], ("a", "b"), pictures(256))
    samples, codes, grid = figure.axes
    np.testing.assert_array_equal(samples.images[0].get_array(), tiled(pictures(64), 8)[..., 0])
    assert sum(len(points.get_offsets()) for points in codes.collections) == 3
    assert grid.images[0].get_array().shape == (16 * 6, 16 * 4)

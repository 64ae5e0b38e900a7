"""Sharpness and morphing, against pictures and paths made for the purpose."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from vae_study import picture_measures as pictures


def stripes(low=0.0, high=1.0, width=1):
    """Vertical stripes: one picture, half of it low, half high."""
    columns = np.where(np.arange(28) // width % 2, high, low)
    return np.tile(columns, (28, 1))[None, ..., None].astype("float32")


def test_the_sharpness_of_stripes_is_what_counting_gives():
    # Standardised, black is −1 and white 1: each of 27 steps across is 2 and none down is other than 0.
    found = pictures.sharpness(stripes())
    assert found["gradient_energy"] == pytest.approx(4)
    # Inside −4 or 4; at both edges, where the picture is mirrored, −2 or 2.
    assert found["laplacian_variance"] == pytest.approx((26 * 16 + 2 * 4) / 28)
    assert found["blank_share"] == 0
    # Stripes of seven: three steps of 27.
    wide = pictures.sharpness(stripes(width=7))
    assert wide["gradient_energy"] == pytest.approx(4 * 3 / 27)


def test_contrast_is_taken_out_of_sharpness_and_blur_is_not():
    faint = pictures.sharpness(stripes(0.4, 0.5))
    assert faint == pytest.approx(pictures.sharpness(stripes()), rel=1e-5)
    edges = stripes(width=7)
    softer = gaussian_filter(edges, (0, 1, 1, 0))
    ratios = pictures.sharpness_ratios(softer, edges)
    assert ratios["gradient_energy"] < 0.6
    assert ratios["laplacian_variance"] < 0.3
    assert pictures.sharpness_ratios(edges, edges) == {
        "gradient_energy": 1, "laplacian_variance": 1, "blank_share": 0,
    }  # fmt: skip


def test_a_blank_picture_counts_as_not_sharp_at_all():
    blank = np.full((1, 28, 28, 1), 0.3, "float32")
    assert pictures.sharpness(blank) == {
        "gradient_energy": 0, "laplacian_variance": 0, "blank_share": 1,
    }  # fmt: skip
    both = pictures.sharpness(np.concatenate([blank, stripes()]))
    assert both["gradient_energy"] == pytest.approx(2)
    assert both["blank_share"] == 0.5


def test_pairs_are_of_different_classes_and_follow_from_the_seed_alone():
    labels = np.random.default_rng(0).integers(3, size=50)
    pairs = pictures.pairs_of_different_classes(labels, n=300, seed=4)
    assert pairs.shape == (300, 2)
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    np.testing.assert_array_equal(pairs, pictures.pairs_of_different_classes(labels, 300, 4))
    assert (pairs != pictures.pairs_of_different_classes(labels, 300, 5)).any()
    with pytest.raises(ValueError, match="two classes"):
        pictures.pairs_of_different_classes(np.zeros(10))


def path(*positions):
    """One path of pictures that are black but for their first two pixels."""
    x = np.zeros((1, len(positions), 28, 28, 1))
    x[0, :, 0, :2, 0] = positions
    return x


@pytest.mark.parametrize(
    ("positions", "variation", "ratio"),
    [
        ([(0, 0), (0.5, 0), (1, 0)], 0, 1),  # a fade
        ([(0, 0), (0.25, 0), (1, 0)], 0.5, 1),  # steps of ¼ and ¾
        ([(0, 0), (1, 0), (1, 1)], 0, np.sqrt(2)),  # around a corner
    ],
)
def test_path_measures_of_paths_of_known_lengths(positions, variation, ratio):
    found = pictures.path_measures(path(*positions))
    assert found["step_variation"] == pytest.approx(variation)
    assert found["path_ratio"] == pytest.approx(ratio)


def test_path_measures_are_medians_over_the_paths_that_move():
    even, uneven = path((0, 0), (0.5, 0), (1, 0)), path((0, 0), (0.25, 0), (1, 0))
    still = path((1, 1), (1, 1), (1, 1))
    found = pictures.path_measures(np.concatenate([uneven, even, still, uneven]))
    assert found["step_variation"] == pytest.approx(0.5)
    assert np.isnan(pictures.path_measures(still)["path_ratio"])


def test_changes_per_path_counts_each_change():
    assert pictures.changes_per_path(np.array([[1, 1, 1, 2], [3, 1, 3, 1]])) == 2
    assert pictures.changes_per_path(np.zeros((4, 9), "uint8")) == 0


def test_the_largest_singular_value_of_a_linear_decoder_is_that_of_its_matrix():
    matrix = np.random.default_rng(1).standard_normal((3, 784)).astype("float32")
    found = pictures.largest_singular_values(
        lambda z: tf.reshape(z @ matrix, (-1, 28, 28, 1)), np.zeros((5, 3))
    )
    np.testing.assert_allclose(found, np.linalg.svd(matrix)[1][0], rtol=1e-5)


def test_the_largest_singular_value_of_a_curved_decoder_is_that_at_the_point():
    """(sin 3z₁, z₂): the slopes 3 |cos 3z₁| and 1."""
    z = np.random.default_rng(2).standard_normal((50, 2))
    found = pictures.largest_singular_values(
        lambda z: tf.stack([tf.sin(3 * z[:, 0]), z[:, 1]], axis=1), z
    )
    np.testing.assert_allclose(found, np.maximum(3 * np.abs(np.cos(3 * z[:, 0])), 1), rtol=1e-4)

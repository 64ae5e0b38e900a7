"""The doors: whatever is wrong with what enters is refused by name, and nothing right is."""

import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_helpers import checks
from vae_helpers.models import MMDVAE, VAE


def good_images(draw, shape=None):
    shape = shape or tuple(draw(st.integers(1, 5)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.uniform(size=(draw(st.integers(1, 4)), *shape)).astype("float32")


def spoilt(draw, images):
    """Images with one thing wrong, and the error that says so."""
    kind = draw(st.sampled_from(["value", "shape", "dtype", "empty", "no array"]))
    if kind == "value":
        images = images.copy()
        at = draw(st.integers(0, images.size - 1))
        images.flat[at] = draw(st.sampled_from([np.nan, np.inf, -np.inf, -0.01, 1.01, 255.0]))
        return images, ValueError
    if kind == "shape":
        return images[..., 0] if draw(st.booleans()) else images[None], ValueError
    if kind == "dtype":
        return images.astype(draw(st.sampled_from(["float64", "uint8", "float16"]))), TypeError
    if kind == "empty":
        return images[:0], ValueError
    return draw(st.sampled_from([None, "images", [0.5], {"images": images}])), TypeError


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_images_are_taken_and_spoilt_ones_refused_by_name(data):
    images = good_images(data.draw)
    for right in (images, tf.constant(images)):
        checks.check_images(right)
        checks.check_images(right, image_shape=images.shape[1:])
    wrong, error = spoilt(data.draw, images)
    with pytest.raises(error, match=r"^pictures .*(must|holds no)"):
        checks.check_images(wrong, "pictures")
    other = (images.shape[1] + 1, *images.shape[2:])
    with pytest.raises(ValueError, match=re.escape(f"must have shape [n, {other[0]}, ")):
        checks.check_images(images, image_shape=other)


@pytest.fixture(scope="module")
def models():
    models = [build(image_shape=(8, 8, 3)) for build in (VAE, MMDVAE)]
    for model in models:
        model.compile("adam")
    return models


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_door_of_a_model_refuses_spoilt_images(models, data):
    wrong, error = spoilt(data.draw, good_images(data.draw, shape=(8, 8, 3)))
    model = data.draw(st.sampled_from(models))
    for door in (model.fit, model.evaluate, model.predict, model.encode):
        with pytest.raises(error, match=r"^(x|images) "):
            door(wrong)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_points_are_taken_and_spoilt_ones_refused_by_name(models, data):
    model = data.draw(st.sampled_from(models))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    z = 10 * rng.standard_normal((data.draw(st.integers(1, 5)), 2))
    for right in (z, z.astype("float16"), z.tolist(), np.rint(z).astype(int)):
        assert model.decode(right).shape == (len(z), 8, 8, 3)
    kind = data.draw(st.sampled_from(["value", "columns", "row", "empty", "words"]))
    wrong = {
        "value": np.where(np.arange(z.size).reshape(z.shape) == 0, np.nan, z),
        "columns": np.hstack([z, z]),
        "row": z[0],
        "empty": z[:0],
        "words": np.full(z.shape, "a"),
    }[kind]
    with pytest.raises((ValueError, TypeError), match=r"^z must "):
        model.decode(wrong)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.integers(-5, 20), st.floats(), st.booleans(), st.none(), st.just("3")))
def test_numbers_are_taken_within_their_range_and_others_refused_by_name(value):
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if whole and 1 <= value <= 10:
        assert checks.check_number(value, "n", low=1, high=10, whole=True) == value
    else:
        with pytest.raises(ValueError, match=r"^n must be a whole number from 1 to 10, not "):
            checks.check_number(value, "n", low=1, high=10, whole=True)


def test_what_is_unknown_is_refused_with_what_there_is():
    checks.check_known("vae", "run", ["vae", "mmd_vae"])
    for value in ("gan", ["vae"], None):
        with pytest.raises(ValueError, match=r"unknown run .*; there are 'vae', 'mmd_vae'"):
            checks.check_known(value, "run", ["vae", "mmd_vae"])

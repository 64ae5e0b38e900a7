"""Every public function and class on generated arguments: a right answer, or a refusal by name.

``about`` puts a function into the table: what good arguments are and what then is right, and how each
argument can be spoilt. Whoever adds a function adds its row; a test says so. A few hundred cases run
in ``make test``, the same ones each time; more than 10,000, other ones each time, in ``make test-all``.

A measure, a plot or a door to a model refuses what is wrong with a ValueError or TypeError that names
the argument. The functions of ``losses`` also run inside compiled graphs, where values cannot be
looked at: there shapes that do not fit are refused by shape, and a NaN that goes in comes out.
"""

import collections
import contextlib
import functools
import hashlib
import importlib
import inspect
import itertools
import json
import pkgutil
import re
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special, stats
from scipy.spatial.distance import cdist
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors

import vae_helpers
from vae_helpers import (
    checkpoints,
    checks,
    data,
    family,
    likelihood,
    losses,
    measures,
    models,
    picture_measures,
    recognition,
    study,
)
from vae_helpers.widgets import latent_explorer, layers

# Cases of each row, for good arguments and for spoilt ones; a slow row has a share of them.
SHORT, LONG = 2, 80
ALL_SHORT, ALL_LONG = 300, 10_000

NO_PROPERTIES = {
    "data.ImageDataset": "a named tuple, which holds what it is given",
    "recognition.Classifier": "a named tuple, which holds what it is given",
    "data.DataError": "an exception",
    "study.main": "a command line; tests/test_study.py",
    "train.main": "a command line; tests/test_train.py",
    "train.refusing_damage": "one error in place of TensorFlow's; tests/test_train.py",
    "files.sweep": "removes what killed writers left; tests/test_data.py",
    "distributed.scope": "needs several devices; tests/test_distributed.py",
    "distributed.mirrored": "needs several devices; tests/test_distributed.py",
    "train.TrainingState": "files of a training that is going on; tests/test_train.py",
    "train.write_results": "measures a finished training, a minute; tests/test_train.py",
    "train.test_terms": "evaluates on 10,000 images; tests/test_train.py",
    "widgets.explorer.ExplorerView": "what latent_explorer makes and fills",
    "widgets.explorer.LatentExplorer": "what latent_explorer makes and fills",
}


# ---- the table ------------------------------------------------------------------------------


class Row(NamedTuple):
    """What there is to know about a public function, or about one method of a class.

    name : module and function
    call : the function
    make : function from Hypothesis's ``draw`` to good arguments {name: value}, and a function that
        looks at what comes back
    spoil : {argument: function from a good value to a strategy of bad ones}
    nan : arguments of a pure function of tensors from which a NaN must come through
    clash : for such a function, from good arguments to some whose shapes do not fit
    share : of the cases
    refusals : exceptions that count as one
    only_bad : good arguments would take minutes
    """

    name: str
    call: object
    make: object
    spoil: dict
    nan: tuple
    clash: object
    share: float
    refusals: tuple
    only_bad: bool


ROWS = []


def about(
    name, method=None, *, call=None, spoil=None, nan=(), clash=None, share=1.0,
    refusals=(ValueError, TypeError), only_bad=False,
):  # fmt: skip
    """Put the function ``name``, as ``make`` describes its arguments, into the table."""
    if call is None:
        module, _, function = name.rpartition(".")
        call = getattr(importlib.import_module(f"vae_helpers.{module}"), function)

    def add(make):
        label = f"{name}.{method}" if method else name
        ROWS.append(Row(label, call, make, spoil or {}, nan, clash, share, refusals, only_bad))
        return make

    return add


# ---- good arguments -------------------------------------------------------------------------


@st.composite
def numbers(draw, *shape, scales=(0.0, 1e-3, 1.0, 30.0), dtype="float32"):
    """An array of a shape, chosen number by number if it is small, otherwise by a seed."""
    scale = draw(st.sampled_from(scales))
    if np.prod(shape) <= 12 and draw(st.booleans()):
        return draw(hnp.arrays("float64", shape, elements=st.floats(-scale, scale))).astype(dtype)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return (scale * rng.standard_normal(shape)).astype(dtype)


@st.composite
def codes_of(draw, n=(1, 12), d=(1, 3), scales=(0.0, 1e-3, 1.0, 30.0, 1e6)):
    n, d = (draw(st.integers(*x)) if isinstance(x, tuple) else x for x in (n, d))
    return draw(numbers(n, d, scales=scales, dtype=draw(st.sampled_from(["float32", "float64"]))))


@st.composite
def images_of(draw, n=(1, 4), shape=(28, 28, 1)):
    """Images in [0, 1]: noise, blank, black and white, one pixel, smooth."""
    n = draw(st.integers(*n)) if isinstance(n, tuple) else n
    kind = draw(st.sampled_from(["noise", "blank", "black and white", "one pixel", "smooth"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = rng.uniform(size=(n, *shape))
    if kind == "blank":
        images[:] = draw(st.floats(0, 1))
    elif kind == "black and white":
        images = images.round()
    elif kind == "one pixel":
        images[:] = 0
        images[:, 5, 7] = draw(st.floats(0, 1))
    elif kind == "smooth":
        rows, columns = np.indices(shape[:2])[..., None] / max(shape)
        images = (images[:, :1, :1] * rows + images[:, 1:2, 1:2] * columns).clip(0, 1)
    return images.astype("float32")


@st.composite
def labels_of(draw, n, classes=1, each=1):
    """n labels, at least ``classes`` of which appear, ``each`` times at least."""
    must = np.repeat(np.arange(classes), each)
    rest = draw(st.lists(st.integers(0, classes - 1), min_size=n - len(must), max_size=n))
    labels = np.concatenate([must, rest])[:n].astype(draw(st.sampled_from(["uint8", "int64"])))
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(labels)


whole = st.integers
seeds = st.integers(0, 2**31)
names = st.text("abcxyz", min_size=1, max_size=4)


def as_tensors(arguments):
    return {k: tf.constant(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}


def dataset(draw, n=6, classes=2, each=3):
    """A data set of n training and n test images of a few classes."""
    parts = [(draw(images_of(n)), draw(labels_of(n, classes, each))) for _ in range(2)]
    (train_images, train_labels), (test_images, test_labels) = parts
    return data.ImageDataset(
        train_images, train_labels, test_images, test_labels, tuple("0123456789"), "mnist"
    )


@functools.cache
def built():
    """One model of each kind, untrained."""
    keras.utils.set_random_seed(0)
    return (
        models.VAE(),
        models.MMDVAE(latent_dim=3),
        models.InfoVAE(likelihood="squared_error"),
        family.CapacityVAE(),
        family.VampPriorVAE(pseudo_inputs=3),
        family.ContinuousBernoulliVAE(latent_dim=1),
        family.GaussianVAE(),
    )


any_model = st.integers(0, 6).map(lambda i: built()[i])
plane_model = any_model.filter(lambda model: model.latent_dim == 2)


def look(pictures, **_):
    """A made-up classifier: pixels are its probabilities, and one of them its feature."""
    probabilities = np.asarray(pictures[:, 3, :11, 0], "float64") + 1e-3
    return probabilities / probabilities.sum(axis=1, keepdims=True), pictures[:, 5, 5:6, 0]


CLASSIFIER = recognition.Classifier(
    SimpleNamespace(predict=look), NearestNeighbors(n_neighbors=1).fit([[0.5]]), 0.4, 1.0
)


# ---- bad arguments --------------------------------------------------------------------------

NO_THING = st.sampled_from([None, 3, "text", [], {}, object()])


def with_one(array, value, at):
    """A floating-point copy of an array in which one number is another."""
    array = np.array(array, array.dtype if array.dtype == np.float32 else "float64")
    array.flat[at % array.size] = value
    return array


def bad_array(good, low=None, high=None, whole=False, dims=True):
    """NaN, infinities, no numbers, none at all, one axis too few or too many."""
    good = np.asarray(good)
    values = [np.nan, np.inf, -np.inf]
    values += [low - 0.5] if low is not None else [-1e30]
    values += [high + 0.5] if high is not None else [1e30]
    values += [0.5] if whole else []
    spoilt = [st.builds(with_one, st.just(good), st.sampled_from(values), whole_index)]
    others = [
        None, "text", [[1.0], [2.0, 3.0]], good.astype(str), good + 0j, np.full(good.shape, None),
        good[:0],
    ]  # fmt: skip
    return st.one_of(*spoilt, st.sampled_from(others + [good[0], good[None]] * dims))


whole_index = st.integers(0, 10**6)


def array(**kinds):
    return lambda good: bad_array(good, **kinds)


def codes(good):
    return bad_array(good) | st.just(np.asarray(good)[:, :0])


def codes_of_a_width(good):
    return codes(good) | st.just(np.pad(good, [(0, 0), (0, 1)]))


def same_shape(good):
    return codes_of_a_width(good) | st.just(np.pad(good, [(0, 1), (0, 0)]))


def at_least_two(good):
    return codes(good) | st.just(good[:1])


def images(good):
    """For a door that takes float32 images in [0, 1]."""
    spoilt = st.builds(
        with_one, st.just(good), st.sampled_from([np.nan, np.inf, -np.inf, -0.1, 1.1]), whole_index
    )
    others = [
        None, "text", good.tolist(), good.astype("float64"), (255 * good).astype("uint8"), good[:0],
        good[0], good[..., 0], good[:, 1:], good[None], good.astype("float16"), good > 0.5,
    ]  # fmt: skip
    return spoilt | st.sampled_from(others)


def pictures(good):
    """For a plot, which takes any numbers in [0, 1]."""
    return bad_array(good, low=0, high=1) | st.just(good[..., 0])


def labels(good):
    return bad_array(good, low=0, whole=True) | st.just(good[:-1] if len(good) > 1 else [0, 0])


def two_classes(good):
    return labels(good) | st.just(np.zeros_like(good))


def two_classes_alone(good):
    """For labels that go with no codes, so that any number of them will do."""
    return bad_array(good, low=0, whole=True) | st.just(np.zeros_like(good))


def number(low=None, high=None, whole=False, optional=False):
    bad = [np.nan, np.inf, -np.inf, "3", "x", True, np.True_, 1j, [3], [], np.array([3]), {}]
    bad += [] if optional else [None]
    bad += [low - 1, low - 1e9] if low is not None else []
    bad += [high + 1] if high is not None else []
    bad += [1.5] if whole else []
    return lambda good: st.sampled_from(bad)


def count(low=1, high=None):
    return number(low, high, whole=True)


a_seed = number(0, whole=True)


def thing(good):
    return NO_THING


a_run, a_dataset = st.sampled_from([*checkpoints.RUNS]), st.sampled_from([*data.DIGESTS])


def names_the_value(function):
    """An unknown name is called "unknown run" or "unknown data set"."""

    def call(**arguments):
        try:
            return function(**arguments)
        except ValueError as error:
            raise ValueError(str(error).replace("data set", "dataset")) from error

    return call


def other_name(good):
    return st.sampled_from(["", "cifar", None, 3, ("mnist",)])


def spoilt_dataset(good):
    """A data set with one part spoilt."""
    part = st.sampled_from(["train_images", "test_images", "train_labels", "test_labels"])

    def spoil(which):
        kind = images if which.endswith("images") else labels
        return kind(getattr(good, which)).map(lambda bad: good._replace(**{which: bad}))

    return NO_THING | part.flatmap(spoil)


# ---- losses: pure functions of tensors ------------------------------------------------------


def f64(*arrays):
    return [np.asarray(a, "float64") for a in arrays]


def near(found, expected, size, relative=2e-5):
    """Equal up to a relative error of the largest number that the sum was made of."""
    found, expected = f64(found, expected)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert (np.abs(found - expected) <= relative * (np.asarray(size) + 1e-6)).all()


def clouds(draw, limit=80.0):
    """z, means and log-variances as far out as float32 can take them."""
    n, d = draw(whole(1, 6)), draw(whole(1, 4))
    z, mean = (draw(numbers(n, d, scales=(0.0, 1.0, 5.0))) for _ in range(2))
    logvar = np.clip(draw(numbers(n, d, scales=(0.0, 1.0, 100.0))), -limit, limit)
    return z, mean, logvar


def one_column_more(*which):
    def clash(arguments):
        more = {}
        for name in which:
            width = arguments[name].shape[-1]
            more[name] = tf.zeros((*arguments[name].shape[:-1], width + 2))
            for other in set(arguments) - set(which):
                if tf.is_tensor(arguments[other]):
                    part = arguments[other]
                    more[other] = tf.concat([part, part[..., :1]], axis=-1)
        return {**arguments, **more}

    return clash


@about("losses.reparameterize", nan=("z_mean", "z_logvar", "noise"), clash=one_column_more("noise"))
def _(draw):
    noise, mean, logvar = clouds(draw, limit=150)

    def right(found):
        m, lv, e = f64(mean, logvar, noise)
        step = np.exp(lv / 2) * e
        near(found, m + step, np.abs(m) + np.abs(step))

    return as_tensors({"z_mean": mean, "z_logvar": logvar, "noise": noise}), right


@about("losses.normal_loglik", nan=("z", "mean", "logvar"), clash=one_column_more("z"))
def _(draw):
    z, mean, logvar = clouds(draw)

    def right(found):
        x, m, lv = f64(z, mean, logvar)
        expected = stats.norm.logpdf(x, m, np.exp(lv / 2)).sum(axis=1)
        size = (2 + np.abs(lv) + (x - m) ** 2 * np.exp(-lv)).sum(axis=1)
        near(found, expected, size)

    return as_tensors({"z": z, "mean": mean, "logvar": logvar}), right


@about("losses.normal_loglik", "prior", nan=("z",))
def _(draw):
    z = draw(codes_of(scales=(0.0, 1.0, 1e6))).astype("float32")

    def right(found):
        near(found, stats.norm.logpdf(f64(z)[0]).sum(axis=1), 2 + (f64(z)[0] ** 2).sum(axis=1))

    return {"z": tf.constant(z), "mean": 0.0, "logvar": 0.0}, right


@about("losses.normal_kl", nan=("z_mean", "z_logvar"), clash=one_column_more("z_mean"))
def _(draw):
    _, mean, logvar = clouds(draw)

    def right(found):
        m, lv = f64(mean, logvar)
        size = (m**2 + np.exp(lv) + 1 + np.abs(lv)).sum(axis=1)
        near(found, 0.5 * (m**2 + np.exp(lv) - 1 - lv).sum(axis=1), size)
        assert (np.asarray(found) >= -1e-6 * size).all()

    return as_tensors({"z_mean": mean, "z_logvar": logvar}), right


def pixels_and_logits(draw, scales=(0.0, 0.05, 1.0, 30.0, 1e4)):
    n = draw(whole(1, 3))
    pixels = draw(images_of(n, shape=(8, 8, 1)))
    return pixels, draw(numbers(n, 8, 8, 1, scales=scales))


def without_a_row(arguments):
    return {**arguments, "images": arguments["images"][:, 1:]}


@about("losses.bernoulli_loglik", nan=("images", "logits"), clash=without_a_row)
def _(draw):
    pixels, logits = pixels_and_logits(draw)

    def right(found):
        x, t = f64(pixels, logits)
        terms = x * t - np.logaddexp(0, t)
        near(found, terms.sum(axis=(1, 2, 3)), np.abs(t).sum(axis=(1, 2, 3)) + 64)
        assert (np.asarray(found) <= 0).all()

    return as_tensors({"images": pixels, "logits": logits}), right


@about("losses.continuous_bernoulli_loglik", nan=("images", "logits"), clash=without_a_row)
def _(draw):
    pixels, logits = pixels_and_logits(draw)

    def right(found):
        x, t = f64(pixels, logits)
        size = np.maximum(np.abs(t), 1e-4)  # below, log C is log 2 to nine digits
        log_c = np.log(size / np.tanh(size / 2))
        terms = x * t - np.logaddexp(0, t) + log_c
        near(found, terms.sum(axis=(1, 2, 3)), np.abs(t).sum(axis=(1, 2, 3)) + 64)

    return as_tensors({"images": pixels, "logits": logits}), right


@about("losses.continuous_bernoulli_mean", nan=("logits",))
def _(draw):
    logits = draw(numbers(draw(whole(1, 20)), scales=(0.0, 0.1, 1.0, 30.0, 1e6, 1e30)))

    def right(found):
        found, sigmoid = f64(found, special.expit(logits.astype("float64")))
        assert (found >= np.minimum(sigmoid, 0.5) - 1e-6).all()
        assert (found <= np.maximum(sigmoid, 0.5) + 1e-6).all()
        mirrored = losses.continuous_bernoulli_mean(tf.constant(-logits))
        np.testing.assert_allclose(found, 1 - f64(mirrored)[0], atol=1e-6)

    return as_tensors({"logits": logits}), right


@about("losses.gaussian_loglik", nan=("images", "means"), clash=without_a_row)
def _(draw):
    pixels, means = pixels_and_logits(draw, scales=(0.0, 1.0, 10.0))
    logvar = draw(st.floats(-70, 80, width=32))

    def right(found):
        x, m = f64(pixels, means)
        expected = stats.norm.logpdf(x, m, np.exp(logvar / 2)).sum(axis=(1, 2, 3))
        size = (2 + abs(logvar) + (x - m) ** 2 * np.exp(-logvar)).sum(axis=(1, 2, 3))
        near(found, expected, size)

    return as_tensors({"images": pixels, "means": means, "logvar": logvar}), right


@about("losses.mixture_loglik", nan=("z", "means", "logvars"), clash=one_column_more("z"))
def _(draw):
    n, k, d = draw(whole(1, 5)), draw(whole(1, 5)), draw(whole(1, 3))
    z, means = draw(numbers(n, d, scales=(0.0, 1.0, 5.0))), draw(numbers(k, d))
    logvars = np.clip(draw(numbers(k, d, scales=(0.0, 1.0, 30.0))), -60, 60)

    def right(found):
        x, m, lv = f64(z[:, None], means, logvars)
        parts = stats.norm.logpdf(x, m, np.exp(lv / 2)).sum(axis=2)
        size = (2 + np.abs(lv) + (x - m) ** 2 * np.exp(-lv)).sum(axis=2).max(axis=1)
        near(found, special.logsumexp(parts, axis=1) - np.log(k), size)
        best, found = parts.max(axis=1), f64(found)[0]
        assert (found >= best - np.log(k) - 2e-5 * size).all()
        assert (found <= best + 2e-5 * size).all()

    return as_tensors({"z": z, "means": means, "logvars": logvars}), right


def two_samples(draw, least=1, scales=(0.0, 1e-3, 1.0, 30.0)):
    d = draw(whole(1, 4))
    x, y = (draw(numbers(draw(whole(least, 8)), d, scales=scales)) for _ in range(2))
    return as_tensors({"x": x, "y": y}), *f64(x, y)


def rounding(x, y):
    """What float32 leaves of ‖x‖² + ‖y‖² − 2 x·y."""
    return 1e-5 * ((x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)) + 1e-6


def wider(arguments):
    return {**arguments, "y": tf.pad(arguments["y"], [(0, 0), (0, 1)])}


@about("losses.squared_distances", nan=("x", "y"), clash=wider)
def _(draw):
    samples, x, y = two_samples(draw, scales=(0.0, 1.0, 1e6))

    def right(found):
        assert (np.asarray(found) >= 0).all()
        assert (np.abs(f64(found)[0] - cdist(x, y, "sqeuclidean")) <= rounding(x, y)).all()

    return samples, right


def kernel_is(samples, x, y, expected, slope):
    """In [0, 1], symmetric, and the expected function of the squared distance."""

    def right(found, again):
        found = f64(found)[0]
        assert (found >= 0).all()
        assert (found <= 1 + 1e-6).all()
        allowed = slope * rounding(x, y) + 1e-5
        assert (np.abs(found - expected(cdist(x, y, "sqeuclidean"))) <= allowed).all()
        np.testing.assert_allclose(found, np.transpose(again), atol=2 * allowed.max())

    return right


@about("losses.compute_kernel", nan=("x", "y"), clash=wider)
def _(draw):
    samples, x, y = two_samples(draw)
    d = x.shape[1]
    is_right = kernel_is(samples, x, y, lambda s: np.exp(-s / d**2), 1 / d**2)
    return samples, lambda found: is_right(found, losses.compute_kernel(samples["y"], samples["x"]))


def bad_widths(good):
    return number(1e-6)(good).filter(lambda bad: bad != [3]) | st.just([1.0, -1.0])


@about("losses.gaussian_kernel", nan=("x", "y"), clash=wider, spoil={"sigma2": bad_widths})
def _(draw):
    samples, x, y = two_samples(draw)
    widths = draw(st.lists(st.floats(0.01, 100), min_size=1, max_size=3))
    samples["sigma2"] = widths if len(widths) > 1 or draw(st.booleans()) else widths[0]
    is_right = kernel_is(
        samples, x, y, lambda s: np.mean([np.exp(-s / (2 * w)) for w in widths], axis=0),
        0.5 / min(widths),
    )  # fmt: skip
    swapped = {**samples, "x": samples["y"], "y": samples["x"]}
    return samples, lambda found: is_right(found, losses.gaussian_kernel(**swapped))


@about("losses.imq_kernel", nan=("x", "y"), clash=wider, spoil={"scale": bad_widths})
def _(draw):
    samples, x, y = two_samples(draw)
    widths = draw(st.lists(st.floats(0.01, 100), min_size=1, max_size=3))
    samples["scale"] = tuple(widths) if len(widths) > 1 else widths[0]
    is_right = kernel_is(
        samples, x, y, lambda s: np.mean([w / (w + s) for w in widths], axis=0), 1 / min(widths)
    )
    swapped = {**samples, "x": samples["y"], "y": samples["x"]}
    return samples, lambda found: is_right(found, losses.imq_kernel(**swapped))


@about("losses.compute_mmd", nan=("x", "y"), clash=wider)
def _(draw):
    samples, x, y = two_samples(draw)
    far = 1e-4 + 4 * rounding(np.r_[x, y], np.r_[x, y]).max()

    def right(found):
        assert -far <= float(found) <= 2 + 1e-5
        again = losses.compute_mmd(samples["y"], samples["x"])
        assert float(found) == pytest.approx(float(again), abs=far)
        assert float(losses.compute_mmd(samples["x"], samples["x"])) == pytest.approx(0, abs=far)

    return samples, right


def too_few(good):
    return st.just(good[:0])


@about(
    "losses.kernel_mmd", nan=("x", "y"), clash=wider, spoil={"x": too_few, "y": too_few}
)  # fmt: skip
def _(draw):
    samples, x, y = two_samples(draw)
    sigma2 = draw(st.floats(0.1, 50))
    samples["kernel"] = functools.partial(losses.gaussian_kernel, sigma2=sigma2)

    def right(found):
        def mean(a, b):
            return np.exp(-cdist(a, b, "sqeuclidean") / (2 * sigma2)).mean()

        expected = mean(x, x) + mean(y, y) - 2 * mean(x, y)
        far = 1e-4 + 4 * rounding(np.r_[x, y], np.r_[x, y]).max() / sigma2
        assert float(found) == pytest.approx(expected, abs=far)

    return samples, right


def one_point(good):
    return st.sampled_from([good[:0], good[:1]])


@about("losses.kernel_mmd", "unbiased", nan=("x", "y"), spoil={"x": one_point, "y": one_point})
def _(draw):
    samples, x, y = two_samples(draw, least=2)
    samples["unbiased"] = True

    def right(found):
        def mean(a, b):
            k = np.exp(-cdist(a, b, "sqeuclidean") / x.shape[1] ** 2)
            return k.mean() if a is not b else k[~np.eye(len(a), dtype=bool)].mean()

        expected = mean(x, x) + mean(y, y) - 2 * mean(x, y)
        far = 1e-4 + 8 * rounding(np.r_[x, y], np.r_[x, y]).max()
        assert float(found) == pytest.approx(expected, abs=far)

    return samples, right


# ---- checks ---------------------------------------------------------------------------------


@about("checks.check_images", spoil={"images": images}, share=2)
def _(draw):
    return {"images": draw(images_of())}, lambda found: None


@about("checks.check_element")
def _(draw):
    n = draw(st.sampled_from([None, 1, 100]))
    return {"shape": (n, 28, 28, 1), "dtype": tf.float32}, lambda found: None


@about(
    "checks.check_element", "batches",
    spoil={
        "images": lambda good: st.sampled_from(
            [((28, 28, 1), "float32"), ((None, 28, 28), "float32"), (None, "float32"),
             ((5, 28, 28, 1), "uint8"), ((5, 28, 28, 1), tf.string), ((5, 28, 28, 3), "float32")]
        )
    },
    call=lambda images: checks.check_element(*images),
)  # fmt: skip
def _(draw):
    dtype = draw(st.sampled_from([tf.float32, "float32", np.dtype("float32")]))
    return {"images": (tf.TensorShape((None, 28, 28, 1)), dtype)}, lambda found: None


@about("checks.check_array", spoil={"values": array()}, call=lambda values: checks.check_array(
    values, "values", ("n", "d")))  # fmt: skip
def _(draw):
    dtype = draw(st.sampled_from(["float16", "float32", "float64", "uint8", "int64"]))
    values = np.clip(draw(codes_of()), 0, 200).astype(dtype)
    return {"values": values}, lambda found: np.testing.assert_array_equal(found, values)


@about("checks.check_codes", spoil={"codes": codes_of_a_width}, call=lambda codes, d=2:
    checks.check_codes(codes, d=d))  # fmt: skip
def _(draw):
    values = draw(codes_of(d=2))
    return {"codes": values}, lambda found: np.testing.assert_array_equal(found, values)


@about("checks.check_labels", spoil={"labels": two_classes}, call=lambda labels, n=6:
    checks.check_labels(labels, n=n, classes=2, each=2))  # fmt: skip
def _(draw):
    found = draw(labels_of(6, 2, 2))
    return {"labels": found}, lambda again: np.testing.assert_array_equal(found, again)


@about("checks.check_number", spoil={"value": number(-3, 1e6)}, call=lambda value:
    checks.check_number(value, "value", low=-3, high=1e6))  # fmt: skip
def _(draw):
    value = draw(st.floats(-3, 1e6) | whole(-3, 10**6) | st.just(np.float32(2)))
    return {"value": value}, lambda found: pytest.approx(value) == found


@about("checks.check_number", "whole", spoil={"value": number(1, whole=True)}, call=lambda value:
    checks.check_number(value, "value", low=1, whole=True))  # fmt: skip
def _(draw):
    value = draw(whole(1, 10**9) | st.builds(float, whole(1, 100)) | st.just(np.int8(3)))

    def right(found):
        assert found == value
        assert isinstance(found, int)

    return {"value": value}, right


@about("checks.check_known", spoil={"run": other_name}, call=lambda run: checks.check_known(
    run, "run", checkpoints.RUNS))  # fmt: skip
def _(draw):
    return {"run": draw(a_run)}, lambda found: None


@about("checks.check_parts", spoil={"value": thing}, call=lambda value: checks.check_parts(
    value, "value", "an ImageDataset", "train_images"))  # fmt: skip
def _(draw):
    return {"value": SimpleNamespace(train_images=draw(whole(0, 9)))}, lambda found: None


@about("checks.check_dataset", spoil={"data": spoilt_dataset})
def _(draw):
    return {"data": dataset(draw)}, lambda found: None


# ---- measures of codes ----------------------------------------------------------------------


@about("measures.code_mean_and_cov", spoil={"codes": at_least_two})
def _(draw):
    codes = draw(codes_of(n=(2, 12)))

    def right(found):
        (mean, cov), (z,) = found, f64(codes)
        size = np.abs(z).max() + 1e-9
        np.testing.assert_allclose(mean, z.mean(axis=0), atol=1e-5 * size)
        np.testing.assert_allclose(cov, np.cov(z.T).reshape(cov.shape), atol=1e-4 * size**2)
        assert np.linalg.eigvalsh(cov).min() >= -1e-4 * size**2

    return {"codes": codes}, right


@about("measures.centre_and_spread", spoil={"codes": at_least_two})
def _(draw):
    codes = draw(codes_of(n=(2, 12)))

    def right(found):
        z = f64(codes)[0]
        assert found["mean_norm"] == pytest.approx(np.linalg.norm(z.mean(axis=0)), abs=1e-9)
        assert 0 <= found["cov_distance"] < np.inf
        assert not np.isnan(found["cov_logdet"])  # −∞ where they lie on a line
        assert found["cov_logdet"] < np.inf

    return {"codes": codes}, right


@about("measures.mmd_to_prior", spoil={"codes": at_least_two, "sigma2": number(0, optional=True)})
def _(draw):
    codes, sigma2 = draw(codes_of(n=(2, 12))), draw(st.none() | st.floats(0.01, 100))

    def right(found):
        z, width = f64(codes)[0], sigma2 or codes.shape[1] ** 2 / 2
        n, d = z.shape
        k = np.exp(-cdist(z, z, "sqeuclidean") / (2 * width))[~np.eye(n, dtype=bool)].mean()
        to = (width / (width + 1)) ** (d / 2) * np.exp(-(z**2).sum(axis=1) / (2 * (width + 1)))
        expected = k - 2 * to.mean() + (width / (width + 2)) ** (d / 2)
        assert found <= 2
        assert found == pytest.approx(expected, abs=1e-3 + rounding(z, z).max() / width)

    return {"codes": codes, "sigma2": sigma2}, right


@about("measures.mmd_to_prior_imq", spoil={"codes": at_least_two}, share=0.5)
def _(draw):
    codes = draw(codes_of(n=(2, 12)))

    def right(found):
        z = f64(codes)[0]
        n, d = z.shape
        k = (2 * d / (2 * d + cdist(z, z, "sqeuclidean")))[~np.eye(n, dtype=bool)].mean()
        # The prior's part alone lies between 0 and 1, as does twice the mean over the prior.
        assert k - 2 - 1e-3 - rounding(z, z).max() <= found <= k + 1 + 1e-3 + rounding(z, z).max()
        assert np.isfinite(found)

    return {"codes": codes}, right


@about(
    "measures.imq_expectation",
    spoil={"squares": array(low=0, high=np.inf, dims=False), "d": count(), "nodes": count(2)},
)
def _(draw):
    squares = np.abs(draw(numbers(draw(whole(1, 8)), scales=(0.0, 1.0, 3000.0), dtype="float64")))
    d = draw(whole(1, 8))

    def right(found):
        assert found.shape == squares.shape
        assert ((found >= 0) & (found <= 1 + 1e-9)).all()
        # Jensen: the mean of a convex function of ‖z − y‖² is at least its value at the mean.
        assert (found >= 2 * d / (3 * d + squares) - 1e-6).all()
        order = np.argsort(squares)
        assert (np.diff(found[order]) <= 1e-9).all()

    return {"squares": squares, "d": d, "nodes": 200}, right


@about("measures.sliced_wasserstein", spoil={"codes": codes, "projections": count()})
def _(draw):
    codes, projections = draw(codes_of()), draw(whole(1, 20) | st.just(8.0))

    def right(found):
        size = np.linalg.norm(codes.astype("float64"), axis=1).max()
        assert 0 <= found <= size + 1 + 1e-6
        again = measures.sliced_wasserstein(codes[::-1], projections)
        assert again == pytest.approx(found, rel=1e-6, abs=1e-6)
        if len(codes) == 1 and codes.shape[1] == 1:
            assert found == pytest.approx(np.hypot(size, 1))

    return {"codes": codes, "projections": projections}, right


def train_and_test(draw, classes=1):
    d, n, m = draw(whole(1, 3)), draw(whole(2, 12)), draw(whole(1, 8))
    return {
        "train_codes": draw(codes_of(n=n, d=d, scales=(1.0, 30.0))),
        "train_labels": draw(labels_of(n, classes)),
        "test_codes": draw(codes_of(n=m, d=d, scales=(1.0, 30.0))),
        "test_labels": draw(labels_of(m, 1)),
    }


split = {"train_codes": codes, "train_labels": labels, "test_codes": codes_of_a_width,
         "test_labels": labels}  # fmt: skip


@about("measures.in_hole", spoil={"train_codes": codes, "test_codes": codes_of_a_width, "z": codes_of_a_width})  # fmt: skip
def _(draw):
    d = draw(whole(1, 3))
    train, test, z = (draw(codes_of(d=d)) for _ in range(3))
    known = draw(st.booleans())

    def right(found):
        assert found.dtype == bool
        assert len(found) == (len(train) if known else len(z))
        if known:  # nothing lies nearer to a training code than itself
            assert not found.any()

    return {"train_codes": train, "test_codes": test, "z": train if known else z}, right


@about("measures.knn_accuracy", spoil={**split, "neighbors": count()}, share=0.5)
def _(draw):
    arguments = train_and_test(draw, classes=2)
    everybody = draw(st.booleans())
    n, train, test = (len(arguments["train_codes"]), *(arguments[f"{part}_labels"] for part in ("train", "test")))  # fmt: skip
    arguments["neighbors"] = n if everybody else draw(whole(1, n))

    def right(found):
        assert 0 <= found <= 1
        if everybody:  # then all of them vote, and the most frequent class is the answer
            assert found == pytest.approx((test == np.bincount(train).argmax()).mean())

    return arguments, right


@about("measures.knn_accuracy", "too many neighbours", spoil={"neighbors": count(1, 5)}, share=0.3)
def _(draw):
    codes = draw(codes_of(n=5))
    labels = draw(labels_of(5))
    return {
        "train_codes": codes, "train_labels": labels, "test_codes": codes, "test_labels": labels,
        "neighbors": draw(whole(1, 5)),
    }, lambda found: None  # fmt: skip


def converged_or_not(function):
    """Small made-up samples need not let an iteration converge."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return function(*args, **kwargs)

    return call


@about("measures.probe_accuracy", spoil={**split, "train_labels": two_classes}, share=0.4,
       call=converged_or_not(measures.probe_accuracy))  # fmt: skip
def _(draw):
    apart = draw(st.booleans())
    arguments = train_and_test(draw, classes=2)
    if apart:  # a line parts them
        for part in ("train", "test"):
            arguments[f"{part}_codes"] = 20.0 * arguments[f"{part}_labels"][:, None] + np.tanh(
                arguments[f"{part}_codes"]
            )

    def right(found):
        assert 0 <= found <= 1
        assert not apart or found == 1

    return arguments, right


def no_class_twice(good):
    return two_classes(good) | st.just(np.arange(len(good)))


@about("measures.silhouette", spoil={"codes": codes, "labels": no_class_twice}, share=0.5)
def _(draw):
    n, apart = draw(whole(3, 12)), draw(st.booleans())
    codes, labels = draw(codes_of(n=n, scales=(0.0, 1.0, 30.0))), draw(labels_of(n, 2))
    if apart:
        codes = 1000.0 * labels[:, None] + np.tanh(codes)

    def right(found):
        assert -1 <= found <= 1
        single = (np.bincount(labels)[labels] == 1).mean()  # counts as 0
        assert not apart or found >= 1 - single - 0.01

    return {"codes": codes, "labels": labels}, right


@about("measures.kmeans_nmi", call=converged_or_not(measures.kmeans_nmi), share=0.2,
       spoil={"codes": codes, "labels": labels, "clusters": count(1, 12), "seed": a_seed})  # fmt: skip
def _(draw):
    n, apart = 12, draw(st.booleans())
    codes, labels = draw(codes_of(n=n)), draw(labels_of(n, 2))
    if apart:
        codes = 1000.0 * labels[:, None] + np.tanh(codes)

    def right(found):
        assert 0 <= found <= 1 + 1e-9
        assert not apart or found == pytest.approx(1)

    clusters = 2 if apart else draw(whole(1, n))
    return {"codes": codes, "labels": labels, "clusters": clusters, "seed": draw(seeds)}, right


# ---- measures of models ---------------------------------------------------------------------


@about("measures.squared_error", spoil={"model": thing, "images": images}, share=0.3)
def _(draw):
    model, batch = draw(any_model), draw(images_of())

    def right(found):
        expected = np.mean((batch - np.asarray(model(batch))) ** 2)
        assert found == pytest.approx(expected, rel=1e-3)

    return {"model": model, "images": batch}, right


@about("measures.measure", spoil={"model": thing, "data": spoilt_dataset}, share=0.1)
def _(draw):
    model = draw(any_model)

    def right(found):
        assert np.shape(found["code_mean"]) == (model.latent_dim,)
        assert np.shape(found["code_cov"]) == (model.latent_dim, model.latent_dim)
        assert 0 <= found["knn_accuracy"] <= 1
        assert 0 <= found["squared_error"] <= 1
        assert found["mmd_to_prior"] <= 2

    return {"model": model, "data": dataset(draw, n=16)}, right


def finite(found):
    assert found
    for name, value in found.items():
        assert isinstance(value, float), name
        assert np.isfinite(value), name
        assert name in measures.TITLES


@about("measures.measure_codes", call=converged_or_not(measures.measure_codes), share=0.1,
       spoil={**split, "train_labels": two_classes, "codes": codes_of_a_width, "labels": two_classes,
              "seed": a_seed})  # fmt: skip
def _(draw):
    d, n = draw(whole(1, 3)), draw(whole(15, 20))
    codes, train = (draw(numbers(n, d, scales=(1.0, 30.0))) for _ in range(2))
    arguments = {
        "train_codes": train, "train_labels": draw(labels_of(n, 2)), "codes": codes,
        "labels": draw(labels_of(n, 2)), "seed": draw(seeds),
    }  # fmt: skip

    def right(found):
        # Codes on a line, or in one place, have a log det of −∞.
        finite({name: value for name, value in found.items() if name != "cov_logdet"})

    return arguments, right


for _row in (ROWS[-1],):  # it has no test codes by that name
    _row.spoil.pop("test_codes")
    _row.spoil.pop("test_labels")


@about("measures.measure_pictures", share=0.05, spoil={
    "model": thing, "images": images, "codes": same_shape, "classifier": thing, "seed": a_seed})  # fmt: skip
def _(draw):
    model, n = draw(any_model), 4
    batch = np.random.default_rng(draw(seeds)).uniform(size=(n, 28, 28, 1)).astype("float32")
    arguments = {
        "model": model, "images": batch, "codes": draw(numbers(n, model.latent_dim)),
        "classifier": CLASSIFIER, "seed": draw(seeds),
    }  # fmt: skip

    def right(found):
        finite(found)
        assert ("filled_square" in found) == (model.latent_dim == 2)
        assert all(0 <= found[name] <= 1 for name in found if name.startswith("filled"))

    return arguments, right


@about("measures.measure_paths", share=0.03, spoil={
    "model": thing, "codes": same_shape, "labels": two_classes, "classifier": thing, "seed": a_seed})  # fmt: skip
def _(draw):
    model, n = draw(any_model), 4
    return {
        "model": model, "codes": draw(numbers(n, model.latent_dim, scales=(1.0,))),
        "labels": draw(labels_of(n, 2)), "classifier": CLASSIFIER, "seed": draw(seeds),
    }, finite  # fmt: skip


@about("measures.measure_posterior", spoil={"model": thing, "images": images, "seed": a_seed}, share=0.1)  # fmt: skip
def _(draw):
    model = draw(any_model)

    def right(found):
        assert ("active_units" in found) == (model.encoder.output_shape[1] > model.latent_dim)
        assert ("elbo" in found) == (type(model).__name__ in ("VAE", "CapacityVAE"))
        assert np.isfinite([*found.values()]).all()

    return {"model": model, "images": draw(images_of()), "seed": draw(seeds)}, right


@about("measures.measure_all", only_bad=True, share=0.3, spoil={
    "model": thing, "data": spoilt_dataset, "classifier": thing, "seed": a_seed})  # fmt: skip
def _(draw):
    return {
        "model": draw(any_model), "data": dataset(draw), "classifier": CLASSIFIER, "seed": 0,
    }, None  # fmt: skip


# ---- measures of pictures -------------------------------------------------------------------


@about("picture_measures.sharpness", spoil={"pictures": images})
def _(draw):
    batch = draw(images_of())

    def right(found):
        assert 0 <= found["blank_share"] <= 1
        assert 0 <= found["gradient_energy"] < 8 * 784
        assert 0 <= found["laplacian_variance"] < 64 * 784
        if found["blank_share"] == 1:
            assert found["gradient_energy"] == found["laplacian_variance"] == 0
        # Neither a mirror nor white for black nor a turn changes it.
        for other in (batch[:, ::-1], batch.transpose(0, 2, 1, 3), 1 - batch):
            assert picture_measures.sharpness(other) == pytest.approx(found, rel=1e-3, abs=1e-6)

    return {"pictures": batch}, right


def blank(good):
    return images(good) | st.just(np.full_like(good, 0.3))


@about("picture_measures.sharpness_ratios", spoil={"pictures": images, "real": blank})
def _(draw):
    rng = np.random.default_rng(draw(seeds))
    real = rng.uniform(size=(draw(whole(1, 3)), 28, 28, 1)).astype("float32")
    itself = draw(st.booleans())
    batch = real if itself else draw(images_of())

    def right(found):
        ours, theirs = picture_measures.sharpness(batch), picture_measures.sharpness(real)
        for name in ("gradient_energy", "laplacian_variance"):
            assert found[name] == pytest.approx(ours[name] / theirs[name])
            assert not itself or found[name] == 1

    return {"pictures": batch, "real": real}, right


@about("picture_measures.pairs_of_different_classes", spoil={
    "labels": two_classes_alone, "n": count(), "seed": a_seed})  # fmt: skip
def _(draw):
    labels, n = draw(labels_of(draw(whole(2, 12)), 2)), draw(whole(1, 30) | st.just(3.0))

    def right(found):
        assert found.shape == (n, 2)
        assert (labels[found[:, 0]] != labels[found[:, 1]]).all()

    return {"labels": labels, "n": n, "seed": draw(seeds)}, right


@about("picture_measures.straight_paths", spoil={
    "first": codes, "last": same_shape, "steps": count(2)})  # fmt: skip
def _(draw):
    n, d, steps = draw(whole(1, 4)), draw(whole(1, 3)), draw(whole(2, 9))
    first, last = (draw(codes_of(n=n, d=d)) for _ in range(2))

    def right(found):
        assert found.shape == (n, steps, d)
        np.testing.assert_allclose(found[:, 0], first, rtol=1e-6)
        np.testing.assert_allclose(found[:, -1], last, rtol=1e-6)
        size = np.abs(first).max() + np.abs(last).max()
        np.testing.assert_allclose(np.diff(found, 2, axis=1), 0, atol=1e-5 * size)

    return {"first": first, "last": last, "steps": steps}, right


@about("picture_measures.path_measures", spoil={"paths": lambda good: bad_array(good) | st.sampled_from(
    [good[..., 0], good[:, :1], good[:, :, :5]])})  # fmt: skip
def _(draw):
    n, steps = draw(whole(1, 3)), draw(whole(2, 5))
    paths = np.stack([draw(images_of(steps)) for _ in range(n)])

    def right(found):
        if np.isnan(found["path_ratio"]):  # no path goes anywhere
            assert (paths[:, 0] == paths[:, -1]).all()
            assert np.isnan(found["step_variation"])
        else:
            assert 0 <= found["step_variation"] <= np.sqrt(steps)
            assert found["path_ratio"] >= 1 - 1e-9
            if steps == 2:
                assert found == pytest.approx({"step_variation": 0, "path_ratio": 1})

    return {"paths": paths}, right


@about("picture_measures.changes_per_path", spoil={"classes": array(whole=True)})
def _(draw):
    n, steps = draw(whole(1, 4)), draw(whole(1, 6))
    classes = np.stack([draw(labels_of(steps, min(steps, 3))) for _ in range(n)])

    def right(found):
        changes = [sum(a != b for a, b in itertools.pairwise(row)) for row in classes]
        assert found == pytest.approx(np.mean(changes))

    return {"classes": classes}, right


def no_decoder(good):
    return st.sampled_from([
        lambda z: np.zeros((len(z), 5)), lambda z: tf.zeros((2 * len(z), 5)), lambda z: None,
        lambda z: tf.sqrt(z - z - 1.0), lambda z: tf.reduce_sum(z),
    ])  # fmt: skip


@about("picture_measures.largest_singular_values", spoil={"decode": no_decoder, "z": codes}, share=0.5)  # fmt: skip
def _(draw):
    n, d = draw(whole(1, 4)), draw(whole(1, 3))
    matrix = draw(numbers(d, 5, scales=(0.0, 1.0, 30.0)))
    constant = draw(st.booleans())

    def decode(z):
        return tf.zeros((len(z), 5)) if constant else z @ matrix

    def right(found):
        expected = 0 if constant else np.linalg.svd(matrix)[1][0]
        np.testing.assert_allclose(found, np.full(n, expected), rtol=1e-4, atol=1e-6)

    return {"decode": decode, "z": draw(codes_of(n=n, d=d))}, right


# ---- the classifier -------------------------------------------------------------------------


@about("recognition.recognised", spoil={"classifier": thing, "pictures": images})
def _(draw):
    batch = draw(images_of())

    def right(found):
        probabilities, features = look(batch)
        expected = (probabilities[:, 10] < 0.1) & (np.abs(features[:, 0] - 0.5) <= 0.4)
        assert found.tolist() == expected.tolist()

    return {"classifier": CLASSIFIER, "pictures": batch}, right


@about("recognition.filled", spoil={"classifier": thing, "pictures": images})
def _(draw):
    batch = draw(images_of())

    def right(found):
        assert found == recognition.recognised(CLASSIFIER, batch).mean()

    return {"classifier": CLASSIFIER, "pictures": batch}, right


@about("recognition.most_probable_class", spoil={"classifier": thing, "pictures": images})
def _(draw):
    batch = draw(images_of())

    def right(found):
        assert found.tolist() == look(batch)[0][:, :10].argmax(axis=1).tolist()

    return {"classifier": CLASSIFIER, "pictures": batch}, right


@about("recognition.controls", share=0.4, spoil={
    "classifier": thing, "data": spoilt_dataset, "n": count(), "seed": a_seed})  # fmt: skip
def _(draw):
    def right(found):
        assert [*found] == ["test_images", "averages", "blurred", "class_means"]
        assert all(0 <= share <= 1 for share in found.values())

    return {
        "classifier": CLASSIFIER, "data": dataset(draw), "n": draw(whole(6, 20)),
        "seed": draw(seeds),
    }, right  # fmt: skip


@about("recognition.blurred", spoil={"images": lambda good: bad_array(good) | st.sampled_from(
    [good[..., 0], (255 * good).astype("uint8"), good[:, 1:]]), "sigma": number(0)})  # fmt: skip
def _(draw):
    batch, sigma = draw(images_of()), draw(st.just(0) | st.floats(0, 5))

    def right(found):
        assert (found.shape, found.dtype) == (batch.shape, batch.dtype)
        assert batch.min() - 1e-5 <= found.min() <= found.max() <= batch.max() + 1e-5
        assert found.mean() == pytest.approx(batch.mean(), abs=1e-4)  # mirrored edges lose nothing
        if sigma == 0:
            np.testing.assert_array_equal(found, batch)

    return {"images": batch, "sigma": sigma}, right


@about("recognition.of_another_class", spoil={"labels": two_classes_alone, "rng": thing})
def _(draw):
    labels = draw(labels_of(draw(whole(2, 12)), 2))

    def right(found):
        assert (labels[found] != labels).all()

    return {"labels": labels, "rng": np.random.default_rng(draw(seeds))}, right


@about("recognition.look_alikes", share=0.5, spoil={
    "images": images, "labels": labels, "rng": thing, "per_class": count(1),
    "neighbors": array(low=1, whole=True)})  # fmt: skip
def _(draw):
    n = draw(whole(6, 12))
    batch, labels, per_class = draw(images_of(n)), draw(labels_of(n, 2, 3)), draw(whole(3, 8))

    def right(found):
        smooth, of = found
        expected = 2 * np.minimum(np.bincount(labels), per_class)
        assert np.bincount(of).tolist() == expected.tolist()
        assert (smooth.shape, smooth.dtype) == ((len(of), 28, 28, 1), np.float32)
        assert batch.min() - 1e-5 <= smooth.min() <= smooth.max() <= batch.max() + 1e-5

    return {
        "images": batch, "labels": labels, "rng": np.random.default_rng(draw(seeds)),
        "per_class": per_class, "neighbors": draw(st.sampled_from([(5, 15, 45), (1, 2), [3]])),
    }, right  # fmt: skip


@about("recognition.pictures_of_nothing", share=0.3, spoil={
    "images": images, "labels": two_classes, "rng": thing, "of_each": count(3)})  # fmt: skip
def _(draw):
    n, of_each = draw(whole(6, 9)), draw(whole(5, 9))
    batch, labels = draw(images_of(n)), np.arange(n) % 2

    def right(found):
        assert found.shape == (5 * min(of_each, n), 28, 28, 1)
        assert found.dtype == np.float32
        assert -1e-5 <= found.min() <= found.max() <= 1 + 1e-5

    return {
        "images": batch, "labels": labels, "rng": np.random.default_rng(draw(seeds)),
        "of_each": of_each,
    }, right  # fmt: skip


@about("recognition.build_network", spoil={"features": count()}, share=0.05)
def _(draw):
    features = draw(whole(1, 8))

    def right(network):
        probabilities, found = network(draw(images_of()))
        assert found.shape[1:] == (features,)
        np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, rtol=1e-5)

    return {"features": features}, right


@about("recognition.as_classifier", spoil={"network": thing, "data": spoilt_dataset}, share=0.4)
def _(draw):
    def right(found):
        assert 0 <= found.limit <= 1
        assert 0 <= found.test_accuracy <= 1

    return {"network": SimpleNamespace(predict=look), "data": dataset(draw)}, right


@about("recognition.train_network", only_bad=True, share=0.3, spoil={
    "data": spoilt_dataset, "seed": a_seed, "epochs": count(), "batch_size": count()})  # fmt: skip
def _(draw):
    return {"data": dataset(draw, n=12), "seed": 0, "epochs": 1, "batch_size": 5}, None


@about("recognition.load_classifier", only_bad=True, share=0.3, spoil={"data": lambda good:
    spoilt_dataset(good) | st.just(good._replace(name="cifar"))})  # fmt: skip
def _(draw):
    return {"data": dataset(draw)}, None


# ---- how well a model fits ------------------------------------------------------------------

AXES = np.random.default_rng(0).normal(0, 0.03, (784, 2))


def linear_decoder(z):
    """½ + A z, for which log p(x) is known: x is normal, N(½, A Aᵀ + σ² I)."""
    return (0.5 + np.asarray(z, "float64") @ AXES.T).reshape(-1, 28, 28, 1)


def linear_images(seed, n):
    rng = np.random.default_rng(seed)
    noisy = linear_decoder(rng.standard_normal((n, 2))) + 0.1 * rng.standard_normal((n, 28, 28, 1))
    return noisy.clip(0, 1).astype("float32")


def linear_loglik(images, sigma2):
    cov = AXES @ AXES.T + sigma2 * np.eye(784)
    return stats.multivariate_normal(np.full(784, 0.5), cov).logpdf(images.reshape(-1, 784))


@functools.cache
def linear_cells(seed, n):
    images = linear_images(seed, n)
    return images, likelihood.log_likelihood(linear_decoder, images, 0.02, [-5, -5], [5, 5], start=30)[2]  # fmt: skip


@about("likelihood.Cells")
def _(draw):
    n = draw(whole(1, 9))
    image, place = np.arange(n) % 3, np.arange(n)
    squared_distance = np.abs(draw(numbers(n, dtype="float64")))

    def right(cells):
        np.testing.assert_allclose(cells.log_terms(2.0), 1 - squared_distance / 4)
        kept = cells.keep(image == 0)
        assert len(kept.place) == (image == 0).sum()

    return {
        "image": image, "place": place, "squared_distance": squared_distance,
        "log_mass": np.ones(n),
    }, right  # fmt: skip


@about("likelihood.standard_normal", spoil={"z": codes})
def _(draw):
    z = draw(codes_of())

    def right(found):
        expected = [stats.multivariate_normal(np.zeros(z.shape[1])).logpdf(row) for row in z]
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    return {"z": z}, right


def no_pictures(good):
    return st.sampled_from([
        lambda z: np.full((len(z), 28, 28, 1), np.nan), lambda z: np.zeros((len(z), 5)),
        lambda z: np.zeros((1, 28, 28, 1)), lambda z: np.full((len(z), 784), "dark"),
    ])  # fmt: skip


def no_log_prior(good):
    return st.sampled_from([lambda z: np.full(len(z), np.nan), lambda z: np.zeros((len(z), 2))])


corner = array(dims=False)


@about("likelihood.log_likelihood", share=0.1, spoil={
    "decode": no_pictures, "images": images, "sigma2": number(1e-8), "low": corner, "high":
    lambda good: corner(good) | st.just([-9.0, 9.0]), "log_prior": no_log_prior, "start": count(2),
    "tolerance": number(0), "halvings": count()})  # fmt: skip
def _(draw):
    images = linear_images(draw(seeds), draw(whole(1, 3)))
    sigma2 = draw(st.floats(0.005, 0.05))

    def right(found):
        loglik, change, cells = found
        np.testing.assert_allclose(loglik, linear_loglik(images, sigma2), atol=0.05)
        assert np.isfinite(change).all()
        assert set(cells.image) == set(range(len(images)))

    return {
        "decode": linear_decoder, "images": images, "sigma2": sigma2, "low": np.array([-6.0, -5]),
        "high": np.array([5.0, 6]), "log_prior": likelihood.standard_normal, "start": 40,
        "tolerance": 0.01, "halvings": 6,
    }, right  # fmt: skip


@about("likelihood.fit_sigma2", share=0.2, spoil={
    "cells": lambda good: NO_THING | st.just(good.keep(good.image > 0)),
    "images": images, "sigma2": number(1e-8)})  # fmt: skip
def _(draw):
    images, cells = linear_cells(draw(whole(0, 3)), 3)
    sigma2 = draw(st.floats(0.005, 0.03))

    def right(found):
        assert sigma2 / 4 * 0.999 <= found <= sigma2 * 4 * 1.001
        best = linear_loglik(images, found).mean()
        assert best >= linear_loglik(images, sigma2).mean() - 0.1

    return {"cells": cells, "images": images, "sigma2": sigma2}, right


@about("likelihood.plane_to_cover", spoil={"codes": codes_of_a_width, "margin": number(0)})
def _(draw):
    codes, margin = draw(codes_of(d=2)), draw(st.floats(0, 3))

    def right(found):
        low, high = found
        assert (low <= np.minimum(codes.min(axis=0), -5)).all()
        assert (high >= np.maximum(codes.max(axis=0), 5)).all()

    return {"codes": codes, "margin": margin}, right


@about("likelihood.fit_measures", share=0.02, spoil={
    "model": thing, "data": lambda good: NO_THING | images(good.test_images).map(
        lambda bad: good._replace(test_images=bad)),
    "test_images": count(), "train_images": count()})  # fmt: skip
def _(draw):
    solve = np.linalg.pinv(AXES)
    model = SimpleNamespace(
        encode=lambda x: (x.reshape(-1, 784) - 0.5) @ solve.T, decode=linear_decoder,
        learns_prior=False,
    )  # fmt: skip
    made = dataset(draw)._replace(
        train_images=linear_images(draw(seeds), 4), test_images=linear_images(draw(seeds), 3)
    )

    def right(found):
        finite(found)
        assert found["loglik_sigma2"] == pytest.approx(0.01, rel=0.3)
        assert found["loglik_halving"] < 0.05

    return {"model": model, "data": made, "test_images": 3, "train_images": 4}, right


@about("likelihood.posterior", spoil={"model": thing, "images": images}, share=0.2)
def _(draw):
    model, batch = draw(any_model), draw(images_of())

    def right(found):
        if model.encoder.output_shape[1] == model.latent_dim:
            assert found is None
        else:
            np.testing.assert_allclose(np.hstack(found), model.encoder(batch), atol=1e-4)
            np.testing.assert_allclose(found[0], model.encode(batch), atol=1e-4)

    return {"model": model, "images": batch}, right


def logvars(good):
    return bad_array(good, low=-80, high=80) | st.just(np.full_like(good, 200.0)) | same_shape(good)


@about("likelihood.elbo", share=0.5, spoil={
    "model": thing, "images": images, "z_mean": same_shape, "z_logvar": logvars,
    "draws": count(), "seed": a_seed})  # fmt: skip
def _(draw):
    batch, d = draw(images_of()), draw(whole(1, 3))
    mean = draw(numbers(len(batch), d))
    logvar = np.clip(draw(numbers(len(batch), d, scales=(0.0, 1.0, 60.0))), -80, 80)
    model = SimpleNamespace(
        decoder=lambda z: tf.zeros((len(z), 28, 28, 1)), decoder_output="logits"
    )

    def right(found):
        m, lv = f64(mean, logvar)
        kl = 0.5 * (m**2 + np.exp(lv) - 1 - lv).sum(axis=1).mean()
        assert found == pytest.approx(-784 * np.log(2) - kl, rel=1e-4)

    return {
        "model": model, "images": batch, "z_mean": mean, "z_logvar": logvar,
        "draws": draw(whole(1, 3)), "seed": draw(seeds),
    }, right  # fmt: skip


@about("likelihood.mutual_information", spoil={
    "z_mean": codes, "z_logvar": logvars, "draws": count(), "seed": a_seed})  # fmt: skip
def _(draw):
    n, d, kind = draw(whole(1, 8)), draw(whole(1, 3)), draw(whole(0, 2))
    mean = draw(numbers(n, d, scales=(0.0, 1.0, 30.0, 1e6), dtype="float64"))
    logvar = np.clip(draw(numbers(n, d, scales=(0.0, 1.0, 60.0), dtype="float64")), -80, 80)
    if kind == 1:  # all images have the same cloud
        mean[:], logvar[:] = mean[0], logvar[0]
    elif kind == 2:  # clouds that never meet, however narrow
        mean, logvar = mean + 1e5 * np.arange(n)[:, None] * (1 + np.abs(mean).max()), np.minimum(logvar, 0)  # fmt: skip

    def right(found):
        assert np.isfinite(found)
        assert found <= np.log(n) + 0.01
        if n == 1 or kind == 1:
            assert found == pytest.approx(0, abs=0.01)
        elif kind == 2:
            assert found == pytest.approx(np.log(n), abs=0.01)

    return {"z_mean": mean, "z_logvar": logvar, "draws": draw(whole(1, 3)), "seed": draw(seeds)}, right  # fmt: skip


@about("likelihood.active_units", spoil={"z_mean": codes, "threshold": number(0)})
def _(draw):
    mean, threshold = draw(codes_of()), draw(st.floats(0, 10))

    def right(found):
        assert isinstance(found, int)
        assert found == (f64(mean)[0].var(axis=0) > threshold).sum()
        assert len(mean) > 1 or found == 0

    return {"z_mean": mean, "threshold": threshold}, right


# ---- models and what they are made of -------------------------------------------------------


@about("networks.build_encoder", share=0.05)
def _(draw):
    outputs = draw(whole(1, 8))

    def right(network):
        found = network(draw(images_of()))
        assert found.shape[1:] == (outputs,)
        assert np.isfinite(found).all()

    return {"outputs": outputs}, right


@about("networks.build_decoder", share=0.05)
def _(draw):
    d, activation = draw(whole(1, 8)), draw(st.sampled_from([None, "sigmoid"]))

    def right(network):
        found = network(draw(numbers(2, d))).numpy()
        assert found.shape == (2, 28, 28, 1)
        assert np.isfinite(found).all()
        assert activation is None or 0 <= found.min() <= found.max() <= 1

    return {"latent_dim": d, "activation": activation}, right


def works(draw, model):
    """A new model does what all models do."""
    batch = draw(images_of(2))
    codes = model.encode(batch)
    assert (codes.shape, codes.dtype) == ((2, model.latent_dim), np.float32)
    for pictures in (model.decode(codes), model.sample(2, seed=0), model(batch).numpy()):
        checks.check_images(pictures)
        assert pictures.shape == (2, 28, 28, 1)
    terms = model.loss_terms(batch)
    assert np.isfinite([float(term) for term in terms.values()]).all()
    log_prior = model.log_prior(tf.constant(codes))
    assert log_prior.shape == (2,)
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()


def a_model(name, spoil, **kinds):
    spoil = {"latent_dim": count(), **spoil}

    @about(name, spoil=spoil, share=0.08)
    def _(draw):
        arguments = {"latent_dim": draw(whole(1, 4))}
        arguments |= {argument: draw(kind) for argument, kind in kinds.items()}
        return arguments, functools.partial(works, draw)


weight = st.floats(0, 1000)
a_model("models.VAE", {"beta": number(0)}, beta=weight)
a_model("models.MMDVAE", {"mmd_weight": number(0)}, mmd_weight=weight)
a_model(
    "models.InfoVAE",
    {"alpha": number(high=1), "lambda_": lambda good: number()(good) | st.just(-1e6),
     "likelihood": other_name},
    alpha=st.floats(0, 1), lambda_=st.floats(1, 1000),
    likelihood=st.sampled_from(["bernoulli", "squared_error"]),
)  # fmt: skip
a_model(
    "family.CapacityVAE", {"gamma": number(0), "capacity": number(0), "steps": count()},
    gamma=weight, capacity=weight, steps=whole(1, 10**5),
)  # fmt: skip
a_model(
    "family.VampPriorVAE", {"pseudo_inputs": count(), "beta": number(0)},
    pseudo_inputs=whole(1, 5), beta=weight,
)  # fmt: skip
a_model("family.ContinuousBernoulliVAE", {"beta": number(0)}, beta=weight)
a_model("family.GaussianVAE", {"beta": number(0)}, beta=weight)


@about("models.Autoencoder", spoil={"latent_dim": count()}, share=0.05)
def _(draw):
    def right(model):
        assert model.encode(draw(images_of(2))).shape == (2, model.latent_dim)
        with pytest.raises(NotImplementedError, match="loss_terms"):
            model.loss_terms(draw(images_of(2)))

    return {"latent_dim": draw(whole(1, 4)), "outputs_per_dim": draw(whole(1, 2))}, right


def door(name, spoil, share=1.0):
    """One method of a model, called on one of those that are built."""
    return about(
        "models.Autoencoder", name, spoil=spoil, share=share,
        call=lambda model, **arguments: getattr(model, name)(**arguments),
    )  # fmt: skip


@door("encode", {"images": images})
def _(draw):
    model, batch = draw(any_model), draw(images_of())

    def right(found):
        assert (found.shape, found.dtype) == ((len(batch), model.latent_dim), np.float32)
        assert np.isfinite(found).all()
        # One image alone has the code that it has among others.
        np.testing.assert_allclose(model.encode(batch[:1]), found[:1], atol=1e-4)

    return {"model": model, "images": batch}, right


@door("decode", {"z": codes_of_a_width})
def _(draw):
    model = draw(any_model)
    z = draw(codes_of(n=(1, 4), d=model.latent_dim, scales=(0.0, 1.0, 30.0, 1e6, 1e14)))

    def right(found):
        checks.check_images(found)
        assert len(found) == len(z)

    return {"model": model, "z": z}, right


@door("sample", {"n": count(), "seed": number(0, whole=True, optional=True)}, share=0.5)
def _(draw):
    model, n, seed = draw(any_model), draw(whole(1, 4) | st.just(2.0)), draw(st.none() | seeds)

    def right(found):
        checks.check_images(found)
        assert len(found) == n
        if seed is not None:
            np.testing.assert_array_equal(found, model.sample(n, seed))

    return {"model": model, "n": n, "seed": seed}, right


@door("predict", {"x": images, "batch_size": number(1, whole=True, optional=True)}, share=0.2)
def _(draw):
    model, batch = draw(any_model), draw(images_of())

    def right(found):
        checks.check_images(found)
        np.testing.assert_allclose(found, model(batch), atol=1e-4)

    return {"model": model, "x": batch, "batch_size": draw(whole(1, 5)), "verbose": 0}, right


def datasets(good):
    """For fit and evaluate also data sets: of wrong batches, of none, of things that are no images."""
    wrong = [good[:, 1:], good.astype("float64"), good[..., 0], np.arange(3.0)]
    made = [lambda bad=bad: tf.data.Dataset.from_tensor_slices(bad).batch(2) for bad in wrong]
    made += [
        lambda: tf.data.Dataset.from_tensor_slices(good).batch(2).take(0),
        lambda: tf.data.Dataset.from_tensor_slices(good),
        lambda: tf.data.Dataset.from_tensor_slices({"image": good}).batch(2),
    ]
    return images(good) | st.sampled_from(made).map(lambda make: make())


@functools.cache
def compiled():
    keras.utils.set_random_seed(1)
    model = models.MMDVAE()
    model.compile(keras.optimizers.SGD(1e-4))
    return model


@door("evaluate", {"x": datasets, "batch_size": number(1, whole=True, optional=True)}, share=0.2)
def _(draw):
    batch = draw(images_of())

    def right(found):
        assert {*found} == {"loss", "reconstruction", "mmd"}
        assert np.isfinite([*found.values()]).all()
        assert found["loss"] == pytest.approx(found["reconstruction"] + found["mmd"], rel=1e-4)

    return {
        "model": compiled(), "x": batch, "batch_size": draw(whole(1, 5)), "verbose": 0,
        "return_dict": True,
    }, right  # fmt: skip


def validation(good):
    return datasets(good) | st.sampled_from([(), (None,)]) | images(good).filter(
        lambda bad: bad is not None).map(lambda bad: (bad, None))  # fmt: skip


@door("fit", {"x": datasets, "batch_size": number(1, whole=True, optional=True), "epochs": count(),
              "validation_data": lambda good: validation(good).filter(lambda bad: bad is not None)},
      share=0.1)  # fmt: skip
def _(draw):
    batch = draw(images_of())

    def right(found):
        assert len(found.history["loss"]) == len(found.history["val_loss"]) == 1
        assert np.isfinite([*found.history.values()]).all()

    return {
        "model": compiled(), "x": batch, "batch_size": draw(whole(1, 5)), "epochs": 1,
        "validation_data": draw(images_of()), "verbose": 0,
    }, right  # fmt: skip


@about("models.StopWhenNotFinite")
def _(draw):
    loss, epoch, batch = draw(st.floats(width=32)), draw(whole(0, 99)), draw(whole(0, 999))

    def right(callback):
        callback.on_epoch_begin(epoch)
        if np.isfinite(loss):
            callback.on_train_batch_end(batch, {"loss": loss})
        else:
            expected = f"{loss} in epoch {epoch + 1}, batch {batch + 1}"
            with pytest.raises(FloatingPointError, match=re.escape(expected)):
                callback.on_train_batch_end(batch, {"loss": loss})

    return {}, right


# ---- plots ----------------------------------------------------------------------------------


def figure_with(axes):
    def right(found):
        assert isinstance(found, Figure)
        assert len(found.axes) == axes

    return right


def is_axes(found):
    assert isinstance(found, Axes)
    assert np.isfinite([*found.get_xlim(), *found.get_ylim()]).all()


@about("plotting.show_images", share=0.2, spoil={
    "images": pictures, "columns": count(), "scale": number(0.01),
    "titles": lambda good: st.just(["one too many", *good]),
    "row_titles": lambda good: st.just([*good, "one too many"])})  # fmt: skip
def _(draw):
    batch, columns = draw(images_of(shape=draw(st.sampled_from([(28, 28, 1), (8, 8, 1)])))), draw(whole(1, 3))  # fmt: skip
    rows = -(-len(batch) // columns)
    return {
        "images": batch, "columns": columns, "scale": draw(st.floats(0.1, 2)),
        "titles": ["title"] * len(batch), "row_titles": ["row"] * rows,
    }, figure_with(rows * columns)  # fmt: skip


@about("plotting.latent_grid", spoil={"steps": count(), "limit": number(0)})
def _(draw):
    steps, limit = draw(whole(1, 9) | st.just(3.0)), draw(st.floats(0.1, 10))

    def right(found):
        assert (found.shape, found.dtype) == ((steps**2, 2), np.float32)
        np.testing.assert_allclose(found[0], [-limit, limit if steps > 1 else -limit], rtol=1e-6)
        assert np.abs(found).max() <= limit * 1.0001

    return {"steps": steps, "limit": limit}, right


def not_square(good):
    return pictures(good) | st.just(np.concatenate([good, good]))


@about("plotting.show_latent_grid", share=0.2, spoil={"images": not_square, "limit": number(0)})
def _(draw):
    return {"images": draw(images_of(draw(whole(1, 3)) ** 2)), "limit": draw(st.floats(0.1, 10))}, is_axes  # fmt: skip


@about("plotting.plot_codes", share=0.2, spoil={
    "codes": codes_of_a_width, "labels": labels, "limit": number(0, optional=True),
    "class_names": lambda good: st.sampled_from([good[:1], good * 6])})  # fmt: skip
def _(draw):
    n = draw(whole(2, 8))
    return {
        "codes": draw(codes_of(n=n, d=2)), "labels": draw(labels_of(n, 2)),
        "class_names": ("one", "other"), "limit": draw(st.none() | st.floats(0.1, 10)),
    }, is_axes  # fmt: skip


@about("plotting.straight_line", spoil={
    "start": array(dims=False), "end": lambda good: array(dims=False)(good) | st.just([*good, 0.0]),
    "steps": count(2)})  # fmt: skip
def _(draw):
    d, steps = draw(whole(1, 4)), draw(whole(2, 9))
    start, end = (draw(numbers(d)) for _ in range(2))

    def right(found):
        assert found.shape == (steps, d)
        np.testing.assert_allclose(found[[0, -1]], [start, end])
        size = np.abs(start).max() + np.abs(end).max()
        np.testing.assert_allclose(np.diff(found, 2, axis=0), 0, atol=1e-5 * size)

    return {"start": start, "end": end, "steps": steps}, right


@about("plotting.plot_history", share=0.2, spoil={
    "history": lambda good: st.sampled_from([[], [*good, {"epoch": 9}], [{"loss": 1.0}]]),
    "names": lambda good: st.sampled_from([[], ["los"], ["loss", "no term"]])})  # fmt: skip
def _(draw):
    losses_ = draw(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
    history = [{"epoch": i + 1, "loss": value, "mmd": 0.0} for i, value in enumerate(losses_)]

    def right(ax):
        is_axes(ax)
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), losses_)

    return {"history": history, "names": ["loss", "mmd"]}, right


@about("plotting.plot_seeds", share=0.2, spoil={
    "values": lambda good: st.sampled_from([{}, {"a": [np.nan], "b": []}, {"a": ["x"], "b": []}]),
    "intervals": lambda good: st.sampled_from([{}, {"a": None}, {"a": (1.0,), "b": None}]),
    "thresholds": lambda good: st.sampled_from([0.5, None, [np.nan], ["x"]])})  # fmt: skip
def _(draw):
    numbers_ = st.lists(st.floats(-100, 100), max_size=4)
    values = {"a": draw(numbers_), "b": draw(numbers_)}
    return {
        "values": values, "intervals": {k: study.t_interval(v) for k, v in values.items()},
        "thresholds": draw(numbers_),
    }, is_axes  # fmt: skip


@about("plotting.three_views", share=0.06, spoil={
    "samples": lambda good: pictures(good) | st.just(good[:63]), "codes": codes_of_a_width,
    "labels": labels, "grid_images": pictures, "limit": number(0)})  # fmt: skip
def _(draw):
    n = draw(whole(2, 5))
    return {
        "samples": draw(images_of(64)), "codes": draw(codes_of(n=n, d=2)),
        "labels": draw(labels_of(n, 2)), "class_names": ("one", "other"),
        "grid_images": draw(images_of(4)), "limit": draw(st.floats(0.1, 10)),
    }, figure_with(3)  # fmt: skip


# ---- the study ------------------------------------------------------------------------------

MEASURED = st.lists(st.floats(-1e3, 1e3), max_size=4)


def records_of(draw):
    """Made-up records of two runs on MNIST, of one measure."""
    return {
        (run, "mnist"): {seed: {"study": {"m": value}} for seed, value in enumerate(draw(MEASURED))}
        for run in ("vae", "mmd_vae")
    }


def no_records(good):
    return st.sampled_from([None, 3, "text", [], object()])


@about("study.values", spoil={"records": no_records})
def _(draw):
    records = records_of(draw)

    def right(found):
        own = records["vae", "mnist"]
        assert found == {seed: record["study"]["m"] for seed, record in own.items()}
        assert study.values(records, "vae", "mnist", "no such") == {}

    return {"records": records, "run": "vae", "dataset": "mnist", "measure": "m"}, right


@about("study.differences", spoil={"records": no_records})
def _(draw):
    records = records_of(draw)

    def right(found):
        other = study.differences(records, "mmd_vae", "vae", "mnist", "m")
        assert found == {seed: -value for seed, value in other.items()}

    return {
        "records": records, "run": "vae", "minus": "mmd_vae", "dataset": "mnist", "measure": "m",
    }, right  # fmt: skip


@about("study.t_interval", spoil={"numbers": lambda good: st.sampled_from(
    [None, 3, [np.nan, 1.0], [1.0, np.inf], ["x", "y"], [[1.0], [2.0]], [1.0, [2.0, 3.0]], [1j, 2]])})  # fmt: skip
def _(draw):
    values = draw(MEASURED | st.lists(st.just(0.1), max_size=4))

    def right(found):
        if len(values) < 2:
            assert found is None
            return
        low, high = found
        middle, spread = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))
        half = spread * stats.t.ppf(0.975, len(values) - 1)
        np.testing.assert_allclose([low, high], [middle - half, middle + half], atol=1e-6)

    return {"numbers": values}, right


def bad_row(good):
    without = [{k: v for k, v in good.items() if k != name} for name in good]
    wrong = [{**good, "expected": "sideways"}, {**good, "threshold": None},
             {**good, "threshold": np.nan}, {**good, "threshold": "high"}]  # fmt: skip
    return st.sampled_from([None, 3, "text", [], *without, *wrong])


@about("study.judge", spoil={"row": bad_row, "records": no_records})
def _(draw):
    records = records_of(draw)
    row = {
        "data": "mnist", "measure": "m", "run": "mmd_vae", "minus": draw(st.sampled_from(["", "vae"])),
        "expected": draw(st.sampled_from(["above", "below", "within"])),
        "threshold": draw(st.floats(0, 100)),
    }  # fmt: skip

    def right(found):
        values, interval, word = found
        assert word in study.VERDICTS
        assert (interval is None) == (word == "not tested") == (len(values) < 2)
        if word == "holds" and row["expected"] == "above":
            assert min(interval) > row["threshold"]

    return {"row": row, "records": records}, right


@about("study.verdict", spoil={"verdicts": lambda good: st.sampled_from(
    [[], ["maybe"], "open", [None], [["open"]]])})  # fmt: skip
def _(draw):
    verdicts = draw(st.lists(st.sampled_from(study.VERDICTS), min_size=1, max_size=6))

    def right(found):
        disagree = "holds" in verdicts and "does not hold" in verdicts
        other = "depends" if disagree else "open"
        assert found == (verdicts[0] if len(set(verdicts)) == 1 else other)

    return {"verdicts": verdicts}, right


place = {"run": other_name, "dataset": other_name, "seed": a_seed}


@about("study.record_path", spoil=place, call=names_the_value(study.record_path))
def _(draw):
    run, dataset, seed = draw(a_run), draw(a_dataset), draw(seeds)

    def right(found):
        assert found.name == f"{run}-{dataset}-seed{seed}.json"

    return {"run": run, "dataset": dataset, "seed": seed}, right


@about("study.make_record", only_bad=True, share=0.3, spoil=place,
       call=names_the_value(study.make_record))  # fmt: skip
def _(draw):
    return {"run": draw(a_run), "dataset": draw(a_dataset), "seed": draw(seeds)}, None


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def through_a_file(name, read):
    """A reader of files as a function of what stands in the file."""

    def call(content):
        with folder() as path:
            (path / name).write_text(content, encoding="utf-8")
            return read(path)

    return call


def read_a_record(content):
    """``read_records`` of a folder with one file, which is named as its content says, if it says so."""
    try:
        name = "{run}-{dataset}-seed{seed}".format(**json.loads(content)["settings"])
    except (ValueError, LookupError, TypeError):
        name = "content-seed0"
    return through_a_file(f"{name}.json", study.read_records)(content)


@about("study.read_records", share=0.3, call=read_a_record, spoil={
           "content": lambda good: st.sampled_from(["", "{}", "[]", good[:-5], '{"settings": 3}'])})  # fmt: skip
def _(draw):
    run, dataset, seed = draw(a_run), draw(a_dataset), draw(seeds)
    record = {"settings": {"run": run, "dataset": dataset, "seed": seed}, "epochs": 50}
    expected = {(run, dataset): {seed: record}}
    return {"content": json.dumps(record)}, lambda found: assert_same(found, expected)


def assert_same(found, expected):
    assert found == expected


@about("study.read_claims", share=0.3,
       call=through_a_file("content.csv", lambda path: study.read_claims(path / "content.csv")),
       spoil={"content": lambda good: st.sampled_from(["claim,run\na,b\n", "claim,threshold\na,high\n"])})  # fmt: skip
def _(draw):
    thresholds = draw(st.lists(st.none() | st.floats(-100, 100), max_size=4))
    rows = [f"a,{'' if t is None else t}" for t in thresholds]

    def right(found):
        assert [row["threshold"] for row in found] == thresholds

    return {"content": "\n".join(["claim,threshold", *rows]) + "\n"}, right


# ---- data, files, trainings -----------------------------------------------------------------


def unknown_name(name):
    """``load_images`` calls it an unknown data set."""
    try:
        return data.load_images(name)
    except ValueError as error:
        raise ValueError(str(error).replace("unknown data set", "name")) from error


@about("data.load_images", only_bad=True, call=unknown_name,
       spoil={"name": lambda good: st.sampled_from(["", "cifar", None, 3])})  # fmt: skip
def _(draw):
    return {"name": "mnist"}, None


@about("data.store", only_bad=True, share=0.2, refusals=(ValueError, TypeError, data.DataError),
       spoil={"arrays": lambda good: st.just(good)},
       call=lambda name, arrays: renamed(data.store, name, arrays))  # fmt: skip
def _(draw):
    shape = draw(st.sampled_from([(3, 28, 28), (60_000,), (3,)]))
    return {"name": "mnist", "arrays": {part: np.zeros(shape, "uint8") for part in data.PARTS}}, None  # fmt: skip


def renamed(store, name, arrays):
    """Its message names the part that is wrong, and the data set."""
    with pytest.raises(data.DataError, match="train_images of mnist") as caught:
        store(name, arrays)
    raise data.DataError(f"arrays: {caught.value}")


@about("data.to_batches", share=0.3, spoil={
    "images": images, "batch_size": count(), "seed": number(0, whole=True, optional=True),
    "epoch": count(0)})  # fmt: skip
def _(draw):
    batch, size = draw(images_of((1, 6))), draw(whole(1, 4))

    def right(found):
        batches = [np.asarray(one) for one in found]
        assert [len(one) for one in batches[:-1]] == [size] * (len(batches) - 1)
        again = np.concatenate(batches)
        assert again.shape == batch.shape
        assert sorted(map(bytes, again)) == sorted(map(bytes, batch))

    return {
        "images": batch, "batch_size": size, "seed": draw(st.none() | seeds), "epoch": draw(whole(0, 9)),
    }, right  # fmt: skip


def write(content, fails, path_name):
    """What stands in a file's place after it was written whole, or not at all."""
    from vae_helpers.files import written_whole

    with folder() as path:
        target = path / "in" / path_name
        with contextlib.suppress(KeyError), written_whole(target) as part:
            part.write_bytes(content)
            if fails:
                raise KeyError
        left = [p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()]
        return left, target.read_bytes() if target.exists() else None


@about("files.written_whole", call=write, share=0.3)
def _(draw):
    content, fails, name = draw(st.binary()), draw(st.booleans()), draw(names)

    def right(found):
        assert found == (([], None) if fails else ([f"in/{name}"], content))

    return {"content": content, "fails": fails, "path_name": name}, right


@functools.cache
def shipped():
    return [tuple(path.stem.split("-")) for path in checkpoints.SHIPPED.glob("*.json")]


def shipped_run(draw):
    run, dataset = draw(st.sampled_from(sorted(shipped())))
    return {"run": run, "dataset": dataset}


def not_a_name(good):
    return st.sampled_from(["", "cifar", "VAE", None, 3])


by_name = {"run": not_a_name, "dataset": not_a_name}


@about("checkpoints.build", share=0.05, spoil={"run": not_a_name})
def _(draw):
    return {"run": draw(a_run)}, lambda model: works(draw, model)


@about("checkpoints.restore", share=0.05, spoil=by_name, call=names_the_value(checkpoints.restore))
def _(draw):
    arguments = shipped_run(draw)

    def right(found):
        model, record = found
        works(draw, model)
        assert record["settings"]["run"] == arguments["run"]

    return arguments, right


@about("checkpoints.read_record", share=0.1, spoil=by_name,
       call=names_the_value(checkpoints.read_record))  # fmt: skip
def _(draw):
    arguments = shipped_run(draw)
    return arguments, lambda record: assert_same(
        record["settings"]["dataset"], arguments["dataset"]
    )


@about("checkpoints.snapshots", share=0.1, spoil=by_name,
       call=names_the_value(checkpoints.snapshots))  # fmt: skip
def _(draw):
    def right(found):
        assert found["codes"].shape[:2] == (len(found["epochs"]), 2000)
        assert np.isfinite(found["codes"].astype("float32")).all()

    return shipped_run(draw), right


def names_the_path(path):
    """``unaltered`` says it of the file, not of the argument."""
    try:
        return checkpoints.unaltered(path)
    except ValueError as error:
        raise ValueError(f"path: {error}") from error


@about("checkpoints.unaltered", share=0.1, call=names_the_path,
       spoil={"path": lambda good: st.just(good.with_name("a"))})  # fmt: skip
def _(draw):
    run, dataset = draw(st.sampled_from(sorted(shipped())))
    path = checkpoints.SHIPPED / f"{run}-{dataset}.json"
    return {"path": path}, lambda found: assert_same(found, path)


@about("checkpoints.shipped_file", share=0.1, spoil=by_name,
       call=names_the_value(checkpoints.shipped_file))  # fmt: skip
def _(draw):
    arguments = {**shipped_run(draw), "kind": draw(st.sampled_from(["json", "npz", "weights.h5"]))}
    return arguments, lambda path: assert_same(path.exists(), True)


def digest(content):
    with folder() as path:
        (path / "file").write_bytes(content)
        return checkpoints.digest_of(path / "file")


@about("checkpoints.digest_of", call=digest, share=0.3)
def _(draw):
    content = draw(st.binary())
    return {"content": content}, lambda found: assert_same(found, hashlib.sha256(content).hexdigest())  # fmt: skip


def saved_and_loaded(model):
    with folder() as path:
        checkpoints.save_weights(model, path / "a.weights.h5")
        again = type(model).from_config(model.get_config())
        again.load_weights(path / "a.weights.h5")
        return again


@about("checkpoints.save_weights", call=saved_and_loaded, share=0.05)
def _(draw):
    model, batch = draw(any_model), draw(images_of())
    return {"model": model}, lambda again: np.testing.assert_array_equal(
        again.encode(batch), model.encode(batch))  # fmt: skip


@about("train.train", only_bad=True, share=0.3, spoil={
    "epochs": number(1, whole=True, optional=True), "seed": a_seed, "batch_size": count(),
    "learning_rate": number(1e-8), "train_images": number(15, whole=True, optional=True)})  # fmt: skip
def _(draw):
    return {
        "run": draw(a_run), "dataset": draw(a_dataset), "epochs": 1, "seed": 0, "batch_size": 1,
        "learning_rate": 1e-3, "train_images": 15, "out": "/nowhere",
    }, None  # fmt: skip


@about("train.snapshot_name")
def _(draw):
    epoch = draw(whole(0, 999))
    return {"epoch": epoch}, lambda found: assert_same(found, f"epoch-{epoch:03d}.weights.h5")


# ---- the explorer ---------------------------------------------------------------------------


def no_network(good):
    wrong = [
        None,
        3,
        "text",
        keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()]),
    ]
    return st.sampled_from(wrong)


@about("widgets.layers.describe", share=0.05, spoil={"network": no_network}, call=lambda network:
    layers.describe(network, "network"))  # fmt: skip
def _(draw):
    model, which = draw(any_model), draw(st.sampled_from(["encoder", "decoder"]))
    network = getattr(model, which)

    def right(found):
        assert len(found["weights"]) == 2 * network.count_params()
        assert {layer["kind"] for layer in found["layers"]} <= {
            "dense",
            "conv2d",
            "conv2d_transpose",
        }

    return {"network": network}, right


def no_models(good):
    name, model = next(iter(good.items()))
    return st.sampled_from([None, 3, "text", [], {}, model, {name: None}, {name: "text"}])


def spoilt_test_part(good):
    bad_images = bad_array(good.test_images, low=0, high=1)
    return (
        NO_THING.filter(lambda bad: bad is not None)
        | bad_images.map(lambda bad: good._replace(test_images=bad))
        | labels(good.test_labels).map(lambda bad: good._replace(test_labels=bad))
        | st.just(good._replace(class_names=("one",)))
    )


def no_snapshots(good):
    name = next(iter(good))
    return st.sampled_from([
        {}, [], "text", {"other": good[name]}, {name: None}, {name: {}},
        {name: {**good[name], "codes": good[name]["codes"][..., :1]}},
        {name: {**good[name], "codes": np.full_like(good[name]["codes"], np.nan)}},
        {name: {**good[name], "epochs": None}}, {name: {**good[name], "codes": good[name]["codes"] + 1}},
        {name: {**good[name], "epochs": good[name]["epochs"][:1]}},
    ])  # fmt: skip


@about("widgets.explorer.latent_explorer", call=latent_explorer, share=0.1, spoil={
    "models": no_models, "data": spoilt_test_part, "snapshots": no_snapshots})  # fmt: skip
def _(draw):
    model, made = draw(plane_model), dataset(draw)
    codes = model.encode(made.test_images)
    snapshots = {"a": {"epochs": np.array([0, 1]), "codes": np.stack([codes, codes])}}
    wanted = {name: draw(st.booleans()) for name in ("grid", "pad", "walk")}

    def right(found):
        assert found.view.low <= min(-4, codes.min())
        assert found.view.high >= max(4, codes.max())
        assert len(found.sliders) == 2
        assert set(found.view.panels) == {"map", *(name for name in wanted if wanted[name])}

    return {"models": {"a": model}, "data": made, "snapshots": snapshots, **wanted}, right


# ---- the walk -------------------------------------------------------------------------------


def public():
    """Names of all functions and classes without underscore, module by module."""
    found = {}
    for module in pkgutil.walk_packages(vae_helpers.__path__, "vae_helpers."):
        contents = vars(importlib.import_module(module.name))
        for name, value in contents.items():
            own = getattr(value, "__module__", None) == module.name
            if own and not name.startswith("_") and (
                inspect.isfunction(value) or inspect.isclass(value)
            ):  # fmt: skip
                found[f"{module.name.removeprefix('vae_helpers.')}.{name}"] = value
    return found


def rows_about(name):
    return [row for row in ROWS if row.name == name or row.name.startswith(f"{name}.")]


def test_every_public_function_and_class_is_in_the_table():
    there = public()
    assert len(there) > 90
    missing = [name for name in there if not rows_about(name) and name not in NO_PROPERTIES]
    assert not missing, f"tests/test_properties.py has no row about {', '.join(missing)}"
    gone = [name for name in NO_PROPERTIES if name not in there or rows_about(name)]
    assert not gone, f"NO_PROPERTIES names {', '.join(gone)}"


# ---- running it -----------------------------------------------------------------------------

RUN = collections.Counter()


def run(row, kind, cases, derandomize):
    """Generate so many cases of a row, and count them."""
    profile = settings(
        max_examples=cases, deadline=None, database=None, derandomize=derandomize,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        print_blob=not derandomize,
    )  # fmt: skip

    @profile
    @given(st.data())
    def one_case(source):
        KINDS[kind][0](row, source.draw)
        plt.close("all")
        RUN[row.name, kind, derandomize] += 1

    one_case()


def check_good(row, draw):
    arguments, right = row.make(draw)
    right(row.call(**arguments))


def check_spoilt(row, draw):
    arguments, _ = row.make(draw)
    name = draw(st.sampled_from(sorted(row.spoil)), label="spoilt argument")
    bad = draw(row.spoil[name](arguments[name]), label=name)
    try:
        found = row.call(**{**arguments, name: bad})
    except row.refusals as error:
        message = str(error)
        assert re.search(rf"\b{name}\b", message), f"{name} is not named: {message}"
    else:
        pytest.fail(f"{name} = {bad!r} gave {found!r}")


def check_clash(row, draw):
    arguments, _ = row.make(draw)
    clashing = row.clash(arguments)
    with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)) as caught:
        row.call(**clashing)
    assert re.search(r"\d", str(caught.value)), f"no size is named: {caught.value}"


def check_nan(row, draw):
    arguments, _ = row.make(draw)
    name = draw(st.sampled_from(row.nan), label="argument with NaN")
    bad = with_one(np.asarray(arguments[name]), np.nan, draw(whole_index))
    found = row.call(**{**arguments, name: tf.constant(bad)})
    assert np.isnan(found).any()


KINDS = {
    "gives a right answer": (check_good, lambda row: not row.only_bad),
    "refuses what is wrong by its name": (check_spoilt, lambda row: row.spoil),
    "refuses shapes that do not fit": (check_clash, lambda row: row.clash),
    "lets a NaN through": (check_nan, lambda row: row.nan),
}


def plan(each):
    """(row, kind, cases) of everything there is to run."""
    return [
        (row, kind, max(SHORT if each == LONG else 1, round(each * row.share)))
        for row in ROWS
        for kind, (_, wanted) in KINDS.items()
        if wanted(row)
    ]


@pytest.fixture(autouse=True, scope="module")
def _models():
    """Built before Hypothesis draws anything, because their weights are drawn at random too."""
    built(), compiled()


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path, monkeypatch):
    """Whatever a case writes goes into a folder of its own; whatever it draws is closed."""
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("row", "kind", "cases"),
    plan(SHORT),
    ids=lambda value: getattr(value, "name", value if isinstance(value, str) else ""),
)
def test_the_same_few_cases(row, kind, cases):
    run(row, kind, cases, derandomize=True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("row", "kind", "cases"),
    plan(LONG),
    ids=lambda value: getattr(value, "name", value if isinstance(value, str) else ""),
)
def test_many_other_cases(row, kind, cases):
    run(row, kind, cases, derandomize=False)


@pytest.mark.parametrize(
    ("each", "least"),
    [(SHORT, ALL_SHORT), pytest.param(LONG, ALL_LONG, marks=pytest.mark.long)],
)
def test_there_were_enough_cases(each, least):
    """Counted where a case is run, so that it holds only after the tests above, all of them."""
    there = {(row.name, kind, each == SHORT) for row, kind, _ in plan(each)}
    if there - set(RUN):
        pytest.skip("not all rows were run")
    assert sum(RUN[key] for key in there) >= least

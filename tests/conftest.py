"""Fixtures that several test files share. TensorFlow is imported only where one of them is used."""

import functools
import os

import numpy as np
import pytest

# The tests are about two CPUs, also where there is a GPU; what they start inherits it.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@pytest.fixture
def seeded():
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests of a process: Playwright starts once in it."""
    from browsing import running_chromium

    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def load():
    """``load_images``, each data set once per session."""
    from vae_helpers.data import load_images

    return functools.cache(load_images)


@pytest.fixture(scope="session")
def fashion_mnist(load):
    return load("fashion_mnist")


@pytest.fixture(scope="session")
def images():
    """250 made-up images: two full batches of 100 and half a one."""
    rng = np.random.default_rng(0)
    return rng.uniform(size=(250, 28, 28, 1)).astype("float32")


# Digests hold what is shipped, so of the fifteen shipped runs these three are computed again each
# time, and all of them in `make test-all`.
COMPUTED_EACH_TIME = {
    ("vae_published", "fashion_mnist"),
    ("mmd_vae", "fashion_mnist"),
    ("vae_vamp_prior", "fashion_mnist"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "shipped" in getattr(item, "fixturenames", ()) and hasattr(item, "callspec"):
            params = item.callspec.params
            if "run" in params and (params["run"], params["dataset"]) not in COMPUTED_EACH_TIME:
                item.add_marker(pytest.mark.long)


class Shipped:
    """A shipped run, with what is slow to recompute about it computed once, when it is asked for."""

    def __init__(self, run, dataset, data):
        from vae_helpers import checkpoints

        self.model, self.record = checkpoints.restore(run, dataset)
        self.snapshots = checkpoints.snapshots(run, dataset)
        self.data = data

    @functools.cached_property
    def test_codes(self):
        return self.model.encode(self.data.test_images)

    @functools.cached_property
    def measures(self):
        from vae_helpers.measures import measures_of_chapter_4

        return measures_of_chapter_4(self.model, self.data)

    @functools.cached_property
    def test_terms(self):
        from vae_helpers.results import test_terms

        return test_terms(self.model, self.data, self.record["settings"])


@pytest.fixture(scope="session")
def shipped(load):
    """A shipped run by its name and data set."""
    return functools.cache(lambda run, dataset: Shipped(run, dataset, load(dataset)))

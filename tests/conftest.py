"""Fixtures that several test files share. TensorFlow is imported only where one of them is used."""

import functools
import os
from types import SimpleNamespace

import numpy as np
import pytest

# The tests are about two CPUs, also where there is a GPU; what they start inherits it.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@pytest.fixture
def seeded():
    import keras

    keras.utils.set_random_seed(0)


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


@pytest.fixture(scope="session")
def shipped(load):
    """A shipped run by name, with everything that is slow to recompute about it computed once."""
    from vae_helpers import checkpoints, measures, train

    @functools.cache
    def restored(run, dataset):
        model, record = checkpoints.restore(run, dataset)
        data = load(dataset)
        return SimpleNamespace(
            model=model,
            record=record,
            data=data,
            snapshots=checkpoints.snapshots(run, dataset),
            test_codes=model.encode(data.test_images),
            measures=measures.measure(model, data),
            test_terms=train.test_terms(model, data, record["settings"]),
        )

    return restored

"""Holes while a model is trained."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vae_helpers.checkpoints import snapshots
from vae_study.over_time import holes_over_time


def test_codes_like_the_prior_leave_few_holes_and_codes_elsewhere_nothing_else():
    drawn = np.random.default_rng(3).standard_normal((2, 2000, 2)).astype("float16")
    found = holes_over_time({"epochs": np.array([1, 50]), "codes": drawn + [[[0]], [[9]]]})
    assert found[1] < 0.05
    assert found[50] > 0.99


def test_holes_are_counted_as_by_hand():
    arrays = snapshots("vae_published", "fashion_mnist")
    found = holes_over_time(arrays, seed=5)
    assert list(found) == arrays["epochs"].tolist()
    codes = arrays["codes"][-1].astype("float64")
    z = np.random.default_rng(5).standard_normal((10_000, 2))
    usual = np.quantile(cdist(codes[1000:], codes[:1000]).min(axis=1), 0.99)
    by_hand = np.mean(cdist(z, codes[:1000]).min(axis=1) > usual)
    assert found[50] == pytest.approx(by_hand, abs=1e-3)

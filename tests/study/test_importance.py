"""log p(x) by importance sampling, against decoders whose integrals can be done."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_helpers.checkpoints import restore
from vae_study import importance, likelihood

SIGMA2, D = 0.05, 5
AXES = np.random.default_rng(0).normal(0, 0.05, (784, D))


def linear_model(bend=0.0):
    """½ + A z, pixels of 28 × 28; with ``bend`` its encoder lies a little off."""
    axes = tf.constant(AXES, tf.float32)

    def decoder(z):
        return tf.reshape(0.5 + z @ tf.transpose(axes), (-1, 28, 28, 1))

    return SimpleNamespace(
        decoder=decoder,
        to_pixels=lambda pixels: pixels,
        decode=lambda z: decoder(tf.cast(z, tf.float32)).numpy(),
        encode=lambda x: (x.reshape(len(x), -1) - 0.5) @ np.linalg.pinv(AXES).T + bend,
    )


def linear_images(n, seed=1):
    rng = np.random.default_rng(seed)
    means = 0.5 + rng.standard_normal((n, D)) @ AXES.T
    return (means + np.sqrt(SIGMA2) * rng.standard_normal(means.shape)).reshape(n, 28, 28, 1)


def exact(images):
    cov = AXES @ AXES.T + SIGMA2 * np.eye(784)
    return stats.multivariate_normal(np.full(784, 0.5), cov).logpdf(images.reshape(len(images), -1))


@pytest.mark.parametrize("bend", [0.0, 2.0])
def test_the_bound_of_a_linear_decoder_is_the_closed_form(bend):
    images = linear_images(20)
    found = importance.draw(linear_model(bend), images, SIGMA2, np.zeros((1, D)), draws=2000)
    np.testing.assert_allclose(importance.bound(found, SIGMA2, 784), exact(images), atol=0.1)
    assert importance.effective_draws(found, SIGMA2).min() > 500


def test_fewer_draws_bound_from_below():
    images, model = linear_images(300), linear_model()
    for draws in (1, 5):
        found = importance.draw(model, images, SIGMA2, np.zeros((1, D)), draws=draws)
        below = (exact(images) - importance.bound(found, SIGMA2, 784)).mean()
        assert 0.005 < below < 1


def test_the_variance_that_made_the_images_is_found():
    found = importance.fit_sigma2(linear_model(), linear_images(60), 1.4 * SIGMA2, np.zeros((1, D)))
    assert found == pytest.approx(SIGMA2, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["vae", "mmd_vae"])
def test_with_two_dimensions_it_is_what_the_integral_says(fashion_mnist, run):
    model, images = restore(run, "fashion_mnist")[0], fashion_mnist.test_images[:30]
    others = model.encode(fashion_mnist.train_images[:5000])
    found = importance.bound(importance.draw(model, images, 0.03, others), 0.03, 784)
    low, high = likelihood.plane_to_cover(model.encode(fashion_mnist.test_images[:2000]))
    wanted, _, _ = likelihood.log_likelihood(model.decode, images, 0.03, low, high)
    assert found.mean() == pytest.approx(wanted.mean(), abs=0.1)
    assert np.abs(found - wanted).max() < 2

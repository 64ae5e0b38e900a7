"""The study's trainings with other code: JAX's networks, losses, noise and Adam beside the package's."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")
TOOLS = Path(__file__).parents[2] / "tools"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def tools():
    sys.path.insert(0, str(TOOLS))
    yield
    sys.path.remove(str(TOOLS))


@pytest.mark.parametrize(("seed", "n", "d"), [((0, 0), 100, 2), ((12345, 7), 3, 5), ((9, 2), 1, 1)])
def test_noise_is_tensorflows_from_the_same_seed(seed, n, d):
    import tensorflow as tf
    from train_in_jax import normal

    expected = tf.random.stateless_normal([n, d], seed, alg="philox")
    np.testing.assert_allclose(normal(np.uint32(seed), n, d), expected, atol=2e-6)


NAMES = [
    "vae_published_fast-fashion_mnist-seed2", "mmd_vae-mnist-seed2", "mmd_vae_stochastic-fashion_mnist-seed1",
    "mmd_vae_bernoulli_weak-fashion_mnist-seed0", "mmd_vae_imq_8d-cifar10-seed1",
]  # fmt: skip


@pytest.fixture(scope="module")
def both(load, tools, tmp_path_factory):
    """Records and weights of two short epochs with both codes: {name: (here, there)}."""
    import keras
    import starts_for_jax
    import train_in_jax

    from vae_helpers import train as trainer
    from vae_helpers.checkpoints import build, image_shape_of

    def few(name):
        data = load(name)
        return data._replace(
            **{part: getattr(data, part)[:300] for part in ("train_images", "train_labels")},
            **{part: getattr(data, part)[:20] for part in ("test_images", "test_labels")},
        )

    folder = tmp_path_factory.mktemp("jax")
    starts, done = folder / "starts", folder / "done"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(starts_for_jax, "load_images", few)
        patch.setattr(trainer, "load_images", few)
        starts_for_jax.start(starts, NAMES)
        path = starts / "trainings.json"
        rows = [row | {"epochs": 2} for row in json.loads(path.read_text())]
        path.write_text(json.dumps(rows))
        train_in_jax.main(starts, done)
        patch.setattr(starts_for_jax, "KEPT_WEIGHTS", (1,))
        starts_for_jax.finish(starts, done)
        found = {}
        for row in rows:
            run, dataset = row["run"], row["dataset"]
            trainer.train(
                run, dataset, seed=row["seed"], epochs=2, out=folder / "here" / row["name"]
            )
            pair = []
            for out in (folder / "here", folder / "runs"):
                file = out / row["name"] / f"{run}-{dataset}.json"
                model = build(run, image_shape_of(dataset))
                model.load_weights(file.with_suffix(".weights.h5"))
                pair.append((json.loads(file.read_text()), model.get_weights()))
            found[row["name"]] = pair
    keras.utils.clear_session()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_two_epochs_are_the_packages_up_to_rounding(both, name):
    (here, weights), (there, others) = both[name]
    assert {k: v for k, v in there.items() if k in ("settings", "epochs", "data_sha256")} == {
        k: v for k, v in here.items() if k in ("settings", "epochs", "data_sha256")
    }
    for mine, other in zip(here["history"], there["history"], strict=True):
        assert mine.keys() == other.keys()
        for term in mine.keys() - {"seconds"}:
            assert other[term] == pytest.approx(mine[term], rel=1e-4, abs=1e-6)
    # Adam's first steps are as long for a gradient that is rounding alone as for any other.
    far = [np.abs(other - mine) > 1e-5 for mine, other in zip(weights, others, strict=True)]
    assert np.mean(np.concatenate([f.ravel() for f in far])) < 0.01
    for term, value in here["test"]["2"].items():
        np.testing.assert_allclose(there["test"]["2"][term], value, rtol=2e-3, atol=2e-3)

"""Features and what is measured in them: known answers, and controls."""

import importlib.util

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vae_study import features

needs_prdc = pytest.mark.skipif(
    importlib.util.find_spec("prdc") is None, reason="prdc is an extra: pip install prdc"
)


def test_frechet_distance_of_two_normal_distributions_is_the_closed_one():
    rng = np.random.default_rng(0)
    mean, (a, b) = np.array([1.0, -2.0, 0.5]), (np.array([1.0, 2.0, 0.5]), np.array([2, 0.5, 0.5]))
    drawn = rng.standard_normal((2, 200_000, 3))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    found = features.frechet_distance(drawn[0] * a @ turn, (drawn[1] * b + mean) @ turn)
    # For covariances with the same axes it is the distance of the means and of the widths.
    assert found == pytest.approx(np.sum(mean**2) + np.sum((a - b) ** 2), rel=0.02)


def test_frechet_distance_of_covariances_with_other_axes():
    """In two dimensions tr (AB)^{1/2} = √(tr AB + 2 √(det A det B)), whatever the axes."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 500, 2)) @ np.array([[[2, 1], [0, 1]], [[1, 0], [-1, 3]]])
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    cross = np.trace(cov_a @ cov_b) + 2 * np.sqrt(np.linalg.det(cov_a) * np.linalg.det(cov_b))
    expected = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    expected += np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(cross)
    assert features.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert features.frechet_distance(a, b) == pytest.approx(features.frechet_distance(b, a))
    assert features.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_takes_features_that_never_fire():
    rng = np.random.default_rng(2)
    a = np.concatenate([rng.standard_normal((100, 3)), np.zeros((100, 2))], axis=1)
    assert features.frechet_distance(a, a + 1) == pytest.approx(5, rel=1e-6)


@needs_prdc
def test_neighbourhoods_of_known_sets(capsys):
    """Real features on two lines far apart; the drawn lie on one of them, and one far off."""
    line = np.stack([np.arange(100.0), np.zeros(100)], axis=1)
    real = np.concatenate([line, line + [0, 1000]])
    drawn = np.concatenate([line + [0.25, 0], [[500.0, -500.0]]])
    found = features.neighbourhoods(real, drawn, k=2)
    assert found["precision"] == pytest.approx(100 / 101)
    assert found["coverage"] == 0.5
    assert found["recall"] == 0.5
    assert capsys.readouterr().out == ""


@needs_prdc
def test_neighbourhoods_are_those_of_their_definitions():
    rng = np.random.default_rng(3)
    real, drawn = rng.standard_normal((60, 4)), 1.5 * rng.standard_normal((50, 4))
    # The nearest neighbour of a point in its own set is the point itself.
    balls = {
        name: NearestNeighbors(n_neighbors=4).fit(own).kneighbors(own)[0][:, 3]
        for name, own in (("real", real), ("drawn", drawn))
    }
    apart = np.linalg.norm(real[:, None] - drawn[None], axis=2)
    in_real, in_drawn = apart < balls["real"][:, None], apart < balls["drawn"][None]
    assert features.neighbourhoods(real, drawn, k=3) == pytest.approx(
        {
            "precision": in_real.any(axis=0).mean(),
            "recall": in_drawn.any(axis=1).mean(),
            "density": in_real.sum(axis=0).mean() / 3,
            "coverage": in_real.any(axis=1).mean(),
        }
    )


def test_hand_made_features_count_edges_by_place_and_direction():
    picture = np.zeros((1, 28, 28, 1), "float32")
    picture[:, :, 14:] = 1  # an upright edge: its gradient points to the right
    found = features.hand_made_features(picture).reshape(7, 7, 8)
    assert found[..., 0].any()
    assert not found[..., 1:].any()
    assert found[:, 3, 0].all()  # the edge lies in the fourth column of cells
    assert not found[:, [0, 1, 2, 4, 5, 6]].any()
    # Turned by a quarter, the same votes go to the opposite direction and place.
    turned = features.hand_made_features(picture.transpose(0, 2, 1, 3)).reshape(7, 7, 8)
    assert pytest.approx(found[..., 0]) == turned[..., 4].T


@pytest.mark.parametrize("dataset", features.DATASETS)
def test_the_shipped_classifier_knows_the_ten_classes(load, dataset):
    data = load(dataset)
    network = features.load_feature_classifier(dataset)
    found = network.predict(data.test_images, batch_size=1000, verbose=0)
    accuracy = (found.argmax(axis=1) == data.test_labels).mean()
    assert accuracy > {"fashion_mnist": 0.885, "mnist": 0.98, "cifar10": 0.66}[dataset]
    drawn = features.learnt_features(dataset)(data.test_images[:50])
    last = network.layers[-1]
    again = drawn @ last.kernel.numpy() + last.bias.numpy()
    assert again == pytest.approx(found[:50], abs=1e-3)


def test_altered_weights_are_refused(tmp_path, monkeypatch):
    name = "features-mnist.npz"
    (tmp_path / name).write_bytes((features.JUDGE / name).read_bytes() + b"\0")
    (tmp_path / "SHA256SUMS").write_text((features.JUDGE / "SHA256SUMS").read_text())
    monkeypatch.setattr(features, "JUDGE", tmp_path)
    with pytest.raises(ValueError, match="is not the file that this book ships"):
        features.load_feature_classifier("mnist")
    with pytest.raises(ValueError, match="unknown data set 'kmnist'"):
        features.load_feature_classifier("kmnist")


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_more_noise_is_farther_away(fashion_mnist, share):
    spaces = features.feature_spaces("fashion_mnist")
    images = fashion_mnist.test_images[:4000]
    rng = np.random.default_rng(4)
    noisy = images.copy()
    noisy[: int(share * len(images))] = rng.uniform(size=(int(share * len(images)), 28, 28, 1))
    half = noisy.copy()
    half[: int(share * len(images) / 2)] = images[: int(share * len(images) / 2)]
    for of in spaces.values():
        real = of(images)
        assert (
            0
            < features.frechet_distance(real, of(half))
            < features.frechet_distance(real, of(noisy))
        )

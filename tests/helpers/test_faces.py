"""Drawn faces: their coordinates are in the picture, and nothing else is."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from vae_helpers.faces import (
    COORDINATES,
    EXPRESSIONS,
    NUISANCES,
    draw_faces,
    faces_at,
    quadrant,
)

EXPRESSION = ("valence", "arousal")
OPPOSITES = [
    {"right": 1.0}, {"up": 1.0}, {"size": 1.0}, {"tilt": 1.0}, {"tone": 1.0}, {"face": 1.0}, {"hair": 1.0}
]  # fmt: skip


def same(a, b):
    """Whether two draws are equal, pixel by pixel and coordinate by coordinate."""
    np.testing.assert_array_equal(a.data.train_images, b.data.train_images)
    np.testing.assert_array_equal(a.data.test_images, b.data.test_images)
    for part in ("train", "test"):
        first, second = getattr(a, part), getattr(b, part)
        for name in EXPRESSION:
            np.testing.assert_array_equal(first[name], second[name])


def test_a_draw_is_a_data_set_of_faces_with_their_coordinates():
    data, train, test = draw_faces(300, test=200)
    assert data.train_images.shape == (300, 28, 28, 1)
    assert data.test_images.shape == (200, 28, 28, 1)
    assert data.train_images.dtype == np.float32
    assert data.train_images.min() == 0
    assert 0.95 < data.train_images.max() <= 1
    assert (data.class_names, data.name) == (EXPRESSIONS, "faces")
    for coordinates, labels in ((train, data.train_labels), (test, data.test_labels)):
        assert list(coordinates) == list(EXPRESSION)
        values = np.stack(list(coordinates.values()))
        assert values.shape == (2, len(labels))
        assert values.min() < -0.95 < 0.95 < values.max()
        assert np.abs(values).max() <= 1
        np.testing.assert_array_equal(labels, quadrant(**coordinates))
        assert set(labels) == {0, 1, 2, 3}
    assert not np.array_equal(data.train_images[:200], data.test_images)


@pytest.mark.parametrize(
    ("valence", "arousal", "name"),
    [(-1, 1, "angry"), (-1, -1, "sad"), (1, -1, "content"), (1, 1, "delighted")],
)
def test_the_quadrants_are_named_as_the_map_has_them(valence, arousal, name):
    assert EXPRESSIONS[quadrant(valence, arousal)] == name


# ---- the coordinates are in the picture --------------------------------------------------------


def test_both_coordinates_come_back_from_the_pixels_by_a_linear_map():
    data, train, test = draw_faces(2000, test=500)
    pixels, others = (x.reshape(len(x), -1) for x in (data.train_images, data.test_images))
    for name in EXPRESSION:
        probe = Ridge(1.0).fit(pixels, train[name])
        assert probe.score(others, test[name]) > 0.97


def test_the_mouth_curves_with_valence_and_the_eyes_open_with_arousal():
    valence, arousal = (x.ravel() for x in np.meshgrid(*2 * [np.linspace(-1, 1, 9)]))
    faces = faces_at({"valence": valence, "arousal": arousal}, size=140)[..., 0]
    dark = faces > 0.5
    rows = np.arange(140)[:, None]
    mouth = dark[:, 80:112, 50:90]  # its middle is in the columns around 70
    heights = [
        (part * rows[80:112]).sum(axis=(1, 2)) / part.sum(axis=(1, 2))
        for part in (mouth[..., 16:24], np.concatenate([mouth[..., :4], mouth[..., -4:]], axis=2))
    ]
    curve = heights[0] - heights[1]  # rows grow downwards: above 0 is a smile
    assert np.corrcoef(curve, valence)[0, 1] > 0.95
    assert (np.sign(curve) == np.sign(valence))[np.abs(valence) > 0.2].all()
    eyes = dark[:, 50:74, 44:58].any(axis=2).sum(axis=1)
    assert np.corrcoef(eyes, arousal)[0, 1] > 0.9
    assert (eyes[arousal == 1] > 2 * eyes[arousal == -1]).all()


def test_an_angry_brow_comes_down_inwards_and_a_sad_one_rises():
    brows = {}
    for name, valence, arousal in (("angry", -1.0, 1.0), ("sad", -1.0, -1.0)):
        face = faces_at({"valence": valence, "arousal": arousal}, size=140)[0, :, :, 0]
        inner, outer = face[30:52, 54:62], face[30:52, 38:46]
        rows = np.arange(22)[:, None]
        brows[name] = [(part**4 * rows).sum() / (part**4).sum() for part in (inner, outer)]
    assert brows["angry"][0] > brows["angry"][1] + 3
    assert brows["sad"][0] < brows["sad"][1] - 3


def test_a_face_without_tilt_and_place_is_its_own_mirror_image():
    faces = draw_faces(50, (*EXPRESSION, "size", "tone", "person"), test=1).data.train_images
    np.testing.assert_allclose(faces, faces[:, :, ::-1], atol=1e-5)


def test_a_face_is_the_same_at_every_size():
    coordinates = {"valence": np.array([-0.8, 0.0, 0.9]), "arousal": np.array([0.7, 0.1, -0.9])}
    small, large = faces_at(coordinates), faces_at(coordinates, size=112)
    averaged = large.reshape(3, 28, 4, 28, 4, 1).mean(axis=(2, 4))
    assert np.abs(averaged - small).mean() < 0.03
    assert small.std() > 0.25


# ---- repeats, and nuisances ------------------------------------------------------------------


def test_a_seed_repeats_its_faces_and_another_does_not():
    first = draw_faces(50, tuple(COORDINATES), seed=3, test=20)
    same(first, draw_faces(50, tuple(COORDINATES), seed=3, test=20))
    other = draw_faces(50, tuple(COORDINATES), seed=4, test=20)
    for name, values in other.train.items():
        assert np.abs(values - first.train[name]).mean() > 0.2


def test_the_first_faces_do_not_depend_on_how_many_follow():
    few, many = draw_faces(300, test=10), draw_faces(600, test=20)
    np.testing.assert_array_equal(few.data.train_images, many.data.train_images[:300])
    np.testing.assert_array_equal(few.test["valence"], many.test["valence"][:10])


def test_nuisances_that_are_off_change_nothing():
    plain = draw_faces(300, test=50)
    same(plain, draw_faces(300, tuple(COORDINATES), strength=0, test=50))
    for order in (EXPRESSION[::-1], (*EXPRESSION, *EXPRESSION)):
        same(plain, draw_faces(300, order, test=50))


@pytest.mark.parametrize("nuisance", NUISANCES)
def test_a_nuisance_changes_pixels_and_no_expression(nuisance):
    plain, varied = draw_faces(300, test=50), draw_faces(300, (*EXPRESSION, nuisance), test=50)
    assert set(varied.train) == {*EXPRESSION, *COORDINATES[nuisance]}
    for part in ("train", "test"):
        for name in EXPRESSION:
            np.testing.assert_array_equal(getattr(plain, part)[name], getattr(varied, part)[name])
    np.testing.assert_array_equal(plain.data.train_labels, varied.data.train_labels)
    change = np.abs(varied.data.train_images - plain.data.train_images).mean()
    half = draw_faces(300, (*EXPRESSION, nuisance), test=50, strength=0.5)
    assert 0 < np.abs(half.data.train_images - plain.data.train_images).mean() < change
    for name in COORDINATES[nuisance]:
        np.testing.assert_allclose(half.train[name], varied.train[name] / 2, rtol=1e-6)


def test_each_nuisance_does_what_its_name_says():
    middle = faces_at({})[0, :, :, 0]
    faces = {next(iter(c)): faces_at(c)[0, :, :, 0] for c in OPPOSITES}
    rows, columns = np.indices((28, 28))

    def centre(face):
        return (face * rows).sum() / face.sum(), (face * columns).sum() / face.sum()

    # A tenth of 28 pixels; what leaves the picture takes a little off.
    assert centre(faces["right"])[1] - centre(middle)[1] == pytest.approx(2.8, abs=0.5)
    assert centre(faces["up"])[0] - centre(middle)[0] == pytest.approx(-2.8, abs=0.5)
    assert (faces["size"] > 0.1).sum() > 1.25 * (middle > 0.1).sum()
    assert np.median(faces["tone"]) == pytest.approx(0.4, abs=0.01)
    assert np.median(faces_at({"tone": -1.0})) == 0
    assert (faces["face"] > 0.1).any(axis=0).sum() > (middle > 0.1).any(axis=0).sum()
    assert (faces["face"] > 0.1).any(axis=1).sum() == (middle > 0.1).any(axis=1).sum()
    assert faces["hair"][:9].sum() > middle[:9].sum() + 5
    np.testing.assert_array_equal(faces["hair"][14:], middle[14:])
    left, right = faces_at({"tilt": np.array([-1.0, 1.0]), "valence": 1.0})[..., 0]
    np.testing.assert_allclose(left[:, ::-1], right, atol=1e-5)
    assert np.abs(left - right).mean() > 0.03


def test_coordinates_may_fill_the_disk_or_correlate():
    disk = draw_faces(4000, shape="disk", test=1).train
    radius = np.hypot(disk["valence"], disk["arousal"])
    assert radius.max() <= 1 + 1e-6
    assert np.mean(radius < 0.5) == pytest.approx(0.25, abs=0.03)  # evenly filled
    bent = draw_faces(4000, shape="correlated", test=1).train
    assert np.corrcoef(bent["valence"], bent["arousal"])[0, 1] == pytest.approx(0.72, abs=0.03)
    for values in bent.values():
        counts, _ = np.histogram(values, 4, (-1, 1))
        np.testing.assert_allclose(counts, 1000, atol=150)


def test_one_coordinate_alone_leaves_the_other_in_its_middle():
    data, train, _ = draw_faces(20, "valence", test=5)
    assert list(train) == ["valence"]
    assert data.train_labels is None
    np.testing.assert_array_equal(data.train_images, faces_at(train))
    still = draw_faces(3, (), test=2).data
    np.testing.assert_array_equal(still.train_images, np.repeat(faces_at({}), 3, axis=0))


# ---- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, not 0"),
        ({"test": 2.5}, "test must be a whole number"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"size": 4}, "size must be a whole number of at least 8"),
        ({"strength": 1.5}, "strength must be a finite number from 0 to 1, not 1.5"),
        ({"vary": ("valence", "age")}, "unknown name in vary 'age'; there are 'valence'"),
        ({"shape": "ring"}, "unknown shape 'ring'; there are 'square', 'disk'"),
        ({"shape": "disk", "vary": ("valence",)}, "shape 'disk' needs valence and arousal in vary"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_name(settings, message):
    with pytest.raises(ValueError, match=message):
        draw_faces(**{"n": 3, "test": 3, **settings})


def test_an_unknown_coordinate_is_refused():
    with pytest.raises(ValueError, match="unknown coordinate 'joy'; there are 'valence'"):
        faces_at({"joy": 1.0})

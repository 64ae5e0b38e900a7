"""The data layer: digests, cache, failures, batches, and the test images that stay untouched."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import data
from vae_helpers.data import DataError, load_images, to_batches

NAMES = ("fashion_mnist", "mnist")
PARTS = ("train_images", "train_labels", "test_images", "test_labels")


@pytest.fixture(scope="module")
def raw(load):
    """The four uint8 arrays of each data set, as ``keras.datasets`` gives them."""

    def arrays(images):
        return {
            "train_images": np.round(images.train_images[..., 0] * 255).astype("uint8"),
            "train_labels": images.train_labels,
            "test_images": np.round(images.test_images[..., 0] * 255).astype("uint8"),
            "test_labels": images.test_labels,
        }

    return {name: arrays(load(name)) for name in NAMES}


class Source:
    """Stands in for the network: hands out arrays and counts how often it is asked."""

    def __init__(self, monkeypatch, name):
        self.arrays, self.asked, self.error = None, 0, None
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", self.load_data)

    def load_data(self):
        self.asked += 1
        if self.error:
            raise self.error
        a = self.arrays
        return (a["train_images"], a["train_labels"]), (a["test_images"], a["test_labels"])


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(monkeypatch, raw, cache):
    source = Source(monkeypatch, "mnist")
    source.arrays = raw["mnist"]
    return source


# ---- what comes back -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_images_are_float32_in_zero_to_one_and_labels_name_ten_classes(load, name):
    dataset = load(name)
    assert dataset.name == name
    for images, n in ((dataset.train_images, 60_000), (dataset.test_images, 10_000)):
        assert (images.shape, images.dtype) == ((n, 28, 28, 1), np.float32)
        assert (images.min(), images.max()) == (0.0, 1.0)
    for labels, n in ((dataset.train_labels, 60_000), (dataset.test_labels, 10_000)):
        assert (labels.shape, labels.dtype) == ((n,), np.uint8)
    assert np.bincount(dataset.test_labels).shape == (10,)
    assert len(dataset.class_names) == 10


def test_class_names_belong_to_their_labels(load):
    """Trousers leave the left edge empty, bags are broad, and a one has few bright pixels."""
    fashion, mnist = load("fashion_mnist"), load("mnist")
    ink = [fashion.test_images[fashion.test_labels == k].mean(axis=0)[..., 0] for k in range(10)]
    left_edge = [image[:, :6].mean() for image in ink]
    assert fashion.class_names[int(np.argmin(left_edge))] in ("Trouser", "Dress")
    assert fashion.class_names[1] == "Trouser"
    assert fashion.class_names[9] == "Ankle boot"
    brightness = [mnist.test_images[mnist.test_labels == k].mean() for k in range(10)]
    assert mnist.class_names[int(np.argmin(brightness))] == "1"
    assert mnist.class_names[int(np.argmax(brightness))] == "0"


@pytest.mark.parametrize("name", NAMES)
def test_training_and_test_images_have_no_image_in_common(load, name):
    dataset = load(name)
    train = {image.tobytes() for image in np.packbits(dataset.train_images > 0.5, axis=2)}
    test = dataset.test_images
    # Few share even their outline; those are compared pixel by pixel.
    alike = [
        i for i, image in enumerate(np.packbits(test > 0.5, axis=2)) if image.tobytes() in train
    ]
    assert len(alike) < 300
    for i in alike:
        same = (dataset.train_images == test[i]).all(axis=(1, 2, 3))
        assert not same.any(), f"test image {i} is training image {np.flatnonzero(same)}"


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(
        ValueError, match="unknown data set 'cifar10'; there are 'fashion_mnist', 'mnist'"
    ):
        load_images("cifar10")


# ---- digests and cache -----------------------------------------------------------------------


def test_the_first_call_fetches_and_the_next_ones_read_the_cache(source, cache, load):
    first, second = load_images("mnist"), load_images("mnist")
    assert source.asked == 1
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]
    for dataset in (first, second):
        np.testing.assert_array_equal(dataset.test_images, load("mnist").test_images)
        np.testing.assert_array_equal(dataset.train_labels, load("mnist").train_labels)


@pytest.mark.parametrize("part", PARTS)
def test_one_flipped_bit_is_noticed_and_its_part_named(source, cache, part):
    tampered = source.arrays[part].copy()
    tampered.flat[-1] ^= 1
    source.arrays = source.arrays | {part: tampered}
    with pytest.raises(DataError, match=f"^{part} of mnist is not the published data.*expected"):
        load_images("mnist")
    assert not list(cache.glob("**/*.npz"))


def test_the_other_data_set_under_this_name_is_noticed(source, raw):
    source.arrays = raw["fashion_mnist"]
    with pytest.raises(DataError, match="train_images of mnist is not the published data"):
        load_images("mnist")


def test_the_same_numbers_in_another_dtype_are_noticed(source):
    source.arrays = source.arrays | {"test_labels": source.arrays["test_labels"].astype("int64")}
    with pytest.raises(DataError, match="test_labels of mnist"):
        load_images("mnist")


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def change_one_pixel(path):
    with np.load(path) as file:
        arrays = dict(file)
    arrays["test_images"][0, 14, 14] ^= 1
    np.savez(path, **arrays)


def leave_a_part_out(path):
    with np.load(path) as file:
        arrays = dict(file)
    del arrays["test_labels"]
    np.savez(path, **arrays)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, change_one_pixel, leave_a_part_out, empty])
def test_a_damaged_cache_file_is_replaced_and_never_used(source, cache, load, damage):
    load_images("mnist")
    damage(cache / "mnist.npz")
    with pytest.warns(UserWarning, match=r"mnist\.npz is damaged and will be replaced"):
        dataset = load_images("mnist")
    assert source.asked == 2
    np.testing.assert_array_equal(dataset.test_images, load("mnist").test_images)
    load_images("mnist")  # no warning, no third fetch: the file is sound again
    assert source.asked == 2


def test_a_damaged_cache_file_is_not_used_without_a_network_either(source, cache):
    load_images("mnist")
    truncate(cache / "mnist.npz")
    source.error = Exception("URL fetch failure")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(DataError, match="network"):
        load_images("mnist")


@pytest.mark.parametrize("name", NAMES)
def test_an_unreachable_network_ends_in_one_error_that_says_what_to_do(monkeypatch, cache, name):
    Source(monkeypatch, name).error = Exception("URL fetch failure on https://example.org")
    with pytest.raises(DataError) as caught:
        load_images(name)
    message = str(caught.value)
    assert message.startswith(f"{name} could not be loaded")
    for advice in ("URL fetch failure", "Check the network", "make data"):
        assert advice in message
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_a_warning_and_the_data_comes_all_the_same(
    monkeypatch, tmp_path, source, load
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(tmp_path / "file" / "below"))
    with pytest.warns(UserWarning, match=r"cannot be kept in .*VAE_HELPERS_CACHE") as caught:
        dataset = load_images("mnist")
    assert len(caught) == 1
    np.testing.assert_array_equal(dataset.train_labels, load("mnist").train_labels)


def test_an_interrupted_write_leaves_no_file_behind(monkeypatch, source, cache):
    def disk_full(path, **arrays):
        path.write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data.np, "savez", disk_full)
    with pytest.warns(UserWarning, match="No space left on device"):
        load_images("mnist")
    assert list(cache.iterdir()) == []


# ---- batches ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbered():
    """250 images, each one grey level of its own."""
    levels = np.arange(250, dtype="float32") / 250
    return np.broadcast_to(levels[:, None, None, None], (250, 28, 28, 1)).copy()


def order(batches):
    return np.concatenate([np.round(batch[:, 0, 0, 0] * 250) for batch in batches]).astype(int)


def test_batches_hold_each_image_once_and_the_last_one_is_smaller(numbered):
    for seed in (None, 0):
        batches = list(to_batches(numbered, 100, seed=seed).as_numpy_iterator())
        assert [batch.shape for batch in batches] == [(n, 28, 28, 1) for n in (100, 100, 50)]
        assert all(batch.dtype == np.float32 for batch in batches)
        seen = np.concatenate(batches)
        np.testing.assert_array_equal(seen[np.argsort(seen[:, 0, 0, 0])], numbered)


def test_batches_without_a_seed_keep_the_given_order(numbered):
    batches = to_batches(numbered, 100)
    for _ in range(2):
        np.testing.assert_array_equal(order(batches), np.arange(250))


def test_the_order_follows_from_seed_and_epoch(numbered):
    def first_pass(**kwargs):
        return order(to_batches(numbered, 100, **kwargs)).tolist()

    start = first_pass(seed=1, epoch=0)
    assert start != sorted(start)
    assert first_pass(seed=1, epoch=0) == start
    assert first_pass(seed=1) == start
    others = [first_pass(seed=1, epoch=1), first_pass(seed=2, epoch=0), first_pass(seed=0, epoch=1)]
    assert all(other != start for other in others)
    assert others[0] != others[1] != others[2]


def test_the_order_does_not_depend_on_what_was_drawn_before(numbered):
    keras.utils.set_random_seed(5)
    first = order(to_batches(numbered, seed=1, epoch=3))
    keras.utils.set_random_seed(5)
    tf.random.normal((3,))
    np.random.default_rng().standard_normal(3)
    order(to_batches(numbered, seed=1, epoch=2))
    np.testing.assert_array_equal(order(to_batches(numbered, seed=1, epoch=3)), first)


def test_each_pass_over_the_same_batches_is_shuffled_anew(numbered):
    batches = to_batches(numbered, 100, seed=1)
    first, second = order(batches), order(batches)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.sort(second), np.arange(250))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.zeros((4, 28, 28, 1), "uint8"), TypeError, "images must be float32, not uint8"),
        (np.zeros((4, 784), "float32"), ValueError, "images must have shape"),
        (np.full((4, 28, 28, 1), 2, "float32"), ValueError, r"images must lie in \[0, 1\]"),
        (np.full((4, 28, 28, 1), np.nan, "float32"), ValueError, r"images must lie in \[0, 1\]"),
        (np.zeros((0, 28, 28, 1), "float32"), ValueError, "images holds no image"),
    ],
)
def test_wrong_images_do_not_become_batches(wrong, error, message):
    with pytest.raises(error, match=message):
        to_batches(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 0), ("batch_size", 2.5), ("seed", -1), ("seed", 0.5), ("epoch", -1)],
)
def test_wrong_numbers_are_refused_by_name(numbered, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        to_batches(numbered, **{"seed": 0, name: value})

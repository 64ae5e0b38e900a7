"""Folders of pictures: every format and fault, the split, streams, and what a training makes of them."""

import functools
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from killing import rows_saved
from PIL import Image
from small_files import files_no_larger_than

from vae_helpers import data, folders, train
from vae_helpers.data import DataError, to_batches
from vae_helpers.files import StreamedImages
from vae_helpers.folders import load_folder, read_picture
from vae_helpers.models import MMDVAE, VAE

RED, GREEN, BLUE, WHITE, BLACK = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0),
)  # fmt: skip


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(folder))
    return folder


def flag(width=48, height=48):
    """Red above left, green above right, blue below left, white below right."""
    image = Image.new("RGB", (width, height), WHITE)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def packed(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners(picture):
    """The four quarters' middle pixels: above left and right, below left and right."""
    near, far = picture.shape[0] // 4, 3 * picture.shape[0] // 4
    return [picture[r, c].astype(int) for r in (near, far) for c in (near, far)]


def noise(k, size=12):
    rng = np.random.default_rng(k)
    return Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype="uint8"))


def fill(folder, n=110, prefix="p", start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(start, start + n):
        noise(k).save(folder / f"{prefix}{k:04d}.png")
    return folder


def contents(images):
    return {image.tobytes() for image in np.asarray(images)}


# ---- one picture ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("PNG", {}, 0), ("BMP", {}, 0), ("TIFF", {}, 0), ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0), ("WEBP", {"quality": 90}, 12), ("GIF", {}, 0),
        ("JPEG", {"quality": 95}, 12), ("JPEG", {"quality": 95, "progressive": True}, 12),
    ],
)  # fmt: skip
def test_each_format_shows_the_picture(kind, options, error):
    picture = read_picture(packed(flag(), kind, **options), 16)
    assert (picture.shape, picture.dtype) == ((16, 16, 3), np.uint8)
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        np.testing.assert_allclose(found, wanted, atol=error)


def test_of_several_frames_the_first_counts():
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, GREEN, BLUE)]
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = packed(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert (read_picture(content, 8) == RED).all(), kind


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "I"])
def test_every_kind_of_pixel_keeps_its_grey(mode):
    grey = 255 if mode == "1" else 128
    if mode in ("I;16", "I"):
        kind, image = "TIFF" if mode == "I" else "PNG", None
        values = np.full((20, 20), grey * 257, "int32" if mode == "I" else "uint16")
        image = Image.fromarray(values)
        assert image.mode == mode
    else:
        kind, image = "PNG", Image.new("L", (20, 20), grey).convert(mode)
    picture = read_picture(packed(image, kind), 8)
    assert (picture == grey).all()
    assert read_picture(packed(image, kind), 8, grey=True).shape == (8, 8, 1)


@given(level=st.integers(0, 65535))
@settings(max_examples=30, deadline=None)
def test_sixteen_bits_keep_their_upper_eight(level):
    image = Image.fromarray(np.full((8, 8), level, "uint16"))
    assert (read_picture(packed(image, "PNG"), 8) == level // 256).all()


def test_cmyk_becomes_the_colours_it_prints():
    for kind in ("JPEG", "TIFF"):
        content = packed(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), kind)
        np.testing.assert_allclose(
            read_picture(content, 8), np.broadcast_to(RED, (8, 8, 3)), atol=4
        )


@given(alpha=st.integers(0, 255))
@settings(max_examples=20, deadline=None)
def test_what_is_transparent_stands_on_white(alpha):
    content = packed(Image.new("RGBA", (8, 8), (0, 0, 0, alpha)), "PNG")
    np.testing.assert_allclose(read_picture(content, 8), 255 - alpha, atol=1)


def test_a_palettes_transparent_colour_stands_on_white():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([10, 20, 30, 200, 0, 0])
    assert (read_picture(packed(image, "PNG", transparency=1), 8) == 255).all()
    assert (read_picture(packed(image, "GIF", transparency=1), 8) == 255).all()
    assert (read_picture(packed(image, "PNG", transparency=0), 8) == (200, 0, 0)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_the_way_their_exif_says(orientation):
    """Stored turned or mirrored, tagged with what undoes it: the picture is upright again."""
    undo = {
        2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
        6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
    }  # fmt: skip
    stored = flag()
    if orientation in undo:
        stored = stored.transpose(getattr(Image.Transpose, undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(packed(stored, "JPEG", quality=95, exif=exif), 16)
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        np.testing.assert_allclose(found, wanted, atol=12)


def test_shrinking_is_antialiased():
    """A board of single black and white pixels becomes grey, not black or white."""
    board = Image.fromarray((np.indices((256, 256)).sum(axis=0) % 2 * 255).astype("uint8"))
    picture = read_picture(packed(board, "PNG"), 32).astype(int)
    assert np.abs(picture - 127.5).max() < 20


def test_a_wide_picture_is_cropped_to_its_middle_or_padded_with_white():
    wide = Image.new("RGB", (90, 30), RED)
    wide.paste(BLUE, (30, 0, 60, 30))
    assert (read_picture(packed(wide, "PNG"), 30) == BLUE).all()
    padded = read_picture(packed(wide, "PNG"), 30, square="pad")
    assert (padded[:9] == 255).all()
    assert (padded[21:] == 255).all()
    assert (padded[15, 3] == RED).all()
    assert (padded[15, 15] == BLUE).all()


@given(
    width=st.integers(1, 40), height=st.integers(1, 40), size=st.integers(4, 30), grey=st.booleans(),
    square=st.sampled_from(["crop", "pad"]), mode=st.sampled_from(["RGB", "L", "P", "RGBA", "CMYK"]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_any_size_becomes_the_size_asked_for(width, height, size, grey, square, mode):
    image = Image.new("RGB", (width, height), BLACK).convert(mode)
    content = packed(image, "TIFF" if mode == "CMYK" else "PNG")
    picture = read_picture(content, size, grey, square)
    assert (picture.shape, picture.dtype) == ((size, size, 1 if grey else 3), np.uint8)
    assert picture.min() <= 10
    assert square == "pad" or picture.max() <= 10


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("square", ["crop", "pad"])
def test_pictures_of_one_pixel_are_no_trouble(shape, square):
    content = packed(Image.new("RGB", shape, BLUE), "PNG")
    assert read_picture(content, 16, square=square).shape == (16, 16, 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_thirty_megapixels_are_read(kind):
    picture = read_picture(packed(flag(6600, 4600), kind), 64)
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        np.testing.assert_allclose(found, wanted, atol=12)


# ---- a folder -----------------------------------------------------------------------------------


def test_a_folder_becomes_a_data_set_in_zero_to_one(tmp_path):
    root = fill(tmp_path / "Ferien in Köln 🏖")
    found = load_folder(root, 16)
    assert found.name == "Ferien in Köln 🏖"
    assert found.train_labels is found.test_labels is None
    assert found.class_names == ()
    assert found.image_shape == (16, 16, 3)
    assert len(found.train_images) + len(found.test_images) == 110
    for images in found[:2]:
        assert images.dtype == np.float32
        assert images.min() >= 0
        assert images.max() <= 1
    assert load_folder(str(root), 16, grey=True).image_shape == (16, 16, 1)


def test_subfolders_are_classes_whatever_lies_below_them(tmp_path):
    fill(tmp_path / "Straßen")
    fill(tmp_path / "a cat" / "deep" / "er", 60, start=200)
    found = load_folder(tmp_path, 8, test_share=0.3)
    assert found.class_names == ("Straßen", "a cat")
    counts = np.bincount(found.train_labels) + np.bincount(found.test_labels)
    assert counts.tolist() == [110, 60]
    cats = {
        folders.read_picture(p.read_bytes(), 8).tobytes() for p in tmp_path.rglob("a cat/*/*/*")
    }
    for images, labels in ((found.train_images, found.train_labels), found[1:4:2]):
        for image, label in zip(images, labels, strict=True):
            assert (np.rint(image * 255).astype("uint8").tobytes() in cats) == (label == 1)


@pytest.mark.parametrize("where", ["one subfolder", "beside subfolders"])
def test_folders_that_tell_nothing_apart_make_no_labels(tmp_path, where):
    fill(tmp_path / "a")
    if where == "beside subfolders":
        fill(tmp_path / "b", 10, start=200)
        noise(999).save(tmp_path / "loose.png")
    assert load_folder(tmp_path, 8).train_labels is None


def test_links_are_followed_and_circles_end(tmp_path):
    fill(tmp_path / "elsewhere" / "deep")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "linked folder").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "circle").symlink_to(root)
    (root / "a" / "picture.png").symlink_to(tmp_path / "elsewhere" / "deep" / "p0003.png")
    found = load_folder(root, 8)
    assert len(found.train_images) + len(found.test_images) == 111
    assert found.class_names == ("a", "linked folder")


def test_other_files_and_hidden_ones_are_passed_over(tmp_path):
    fill(tmp_path)
    for name in ("notes.txt", ".DS_Store", "._p0001.png", ".hidden/x.png", "__MACOSX/p.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no picture")
    assert sum(map(len, load_folder(tmp_path, 8)[:2])) == 110


def harm(root):
    """Ten faults in ten files, whose names come back."""
    faults = {
        "empty.jpg": b"",
        "text.png": b"this is no picture at all",
        "half.png": packed(noise(1, 200), "PNG")[:20_000],
        "half.jpg": packed(noise(1, 200), "JPEG")[:3000],
        "half.gif": packed(noise(1, 200), "GIF")[:900],
        "head.webp": packed(noise(1, 50), "WEBP")[:30],
        "phone.heic": b"\0\0\0\x18ftypheic" + bytes(100),
        "float.tiff": packed(Image.fromarray(np.ones((9, 9), "float32")), "TIFF"),
        "bytes.bmp": bytes(range(256)),
    }
    for name, content in faults.items():
        (root / name).write_bytes(content)
    (root / "dangling.png").symlink_to(root / "nowhere")
    return [*faults, "dangling.png"]


@pytest.mark.parametrize("memory", [4, 0])
def test_what_cannot_be_read_is_skipped_and_listed_with_reasons(tmp_path, memory):
    fill(tmp_path, 120)
    names = harm(tmp_path)
    for _ in range(2):  # the second time a streamed folder comes from the cache
        with pytest.warns(UserWarning, match="10 of 130 files cannot be read") as said:
            found = load_folder(tmp_path, 8, memory=memory)
        (message,) = [str(w.message) for w in said]
        for name in names:
            (line,) = [line for line in message.splitlines() if line.startswith(f"  {name}: ")]
            assert len(line) > len(f"  {name}: ") + 5
        assert sum(map(len, found[:2])) == 120


@given(place=st.integers(0, 10**6), what=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_damaged_picture_is_read_or_skipped_and_nothing_else(kind, place, what, cut):
    content = bytearray(packed(noise(5, 24), kind))
    place %= len(content)
    content = content[:place] if cut else content[:place] + bytes([what]) + content[place + 1 :]
    file = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Path(folder, "x.png").write_bytes(content)
        read = functools.partial(read_picture, image_size=8)
        found = folders._decode(Path(folder), ["x.png"], read, file)
    assert len(found["files"]) + len(found["skipped"]) == 1
    assert len(file.getvalue()) == 8 * 8 * 3 * len(found["files"])


# ---- one clear error --------------------------------------------------------------------------


def test_a_folder_that_will_not_do_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="nothing here does not exist; load_folder needs a folder"):
        load_folder(tmp_path / "nothing here")
    archive = tmp_path / "pictures.zip"
    archive.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"pictures\.zip is a file; unpack it"):
        load_folder(archive)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"empty: of 0 files none is a picture, which ends in \.jpg"
    ):
        load_folder(tmp_path / "empty")
    with pytest.raises(DataError, match="of 1 files none is a picture"):
        load_folder(tmp_path)


@pytest.mark.parametrize("memory", [4, 0])
def test_too_few_and_too_many_unreadable_are_refused(tmp_path, cache, memory):
    few = fill(tmp_path / "few", 99)
    with pytest.raises(
        DataError, match=r"few: 0 of 99 files cannot be read\nAt least 100 pictures are needed"
    ):
        load_folder(few, 8, memory=memory)
    many = fill(tmp_path / "many", 120)
    for k in range(14):
        (many / f"bad{k}.jpg").write_bytes(b"bad")
    with pytest.raises(
        DataError, match=r"(?s)14 of 134 files cannot be read.*bad0.*and 4 more.*tenth"
    ):
        load_folder(many, 8, memory=memory)
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 3), ("image_size", 9.5), ("test_share", 0), ("test_share", 1), ("seed", -1),
        ("memory", -1), ("memory", np.nan), ("square", "stretch"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_by_name(tmp_path, name, value):
    with pytest.raises(ValueError, match=name):
        load_folder(tmp_path, **{name: value})


def test_copies_of_one_picture_cannot_be_split(tmp_path):
    for k in range(120):
        noise(0).save(tmp_path / f"{k}.png")
    with pytest.raises(DataError, match="fall into one part"):
        load_folder(tmp_path, 8)


# ---- the split --------------------------------------------------------------------------------


@given(seed=st.integers(0, 50), share=st.floats(0.2, 0.5), added=st.integers(1, 30))
@settings(max_examples=8, deadline=None)
def test_copies_stay_together_and_added_files_move_no_other(tmp_path_factory, seed, share, added):
    root = fill(tmp_path_factory.mktemp("split"))
    before = load_folder(root, 12, test_share=share, seed=seed)
    fill(root, added, prefix="a", start=500)  # they come first
    for k in range(0, 100, 7):
        noise(k).save(root / f"copy of {k}.png")
    after = load_folder(root, 12, test_share=share, seed=seed)
    assert contents(before.train_images) <= contents(after.train_images)
    assert contents(before.test_images) <= contents(after.test_images)
    assert not contents(after.train_images) & contents(after.test_images)
    assert sum(map(len, after[:2])) == 110 + added + 15


def test_the_share_and_the_seed_decide_the_split(tmp_path):
    root = fill(tmp_path, 400)
    parts = [load_folder(root, 8, test_share=0.25, seed=seed).test_images for seed in (0, 0, 1)]
    assert 70 <= len(parts[0]) <= 130  # 100 ± 3.5 standard deviations
    assert contents(parts[0]) == contents(parts[1]) != contents(parts[2])


# ---- streams ----------------------------------------------------------------------------------


@pytest.fixture
def both(tmp_path):
    """One folder in memory and streamed."""
    fill(tmp_path / "pictures" / "a", 130)
    fill(tmp_path / "pictures" / "b", 40, start=300)
    root = tmp_path / "pictures"
    return load_folder(root, 12), load_folder(root, 12, memory=0)


def test_streamed_images_are_those_in_memory(both):
    plain, streamed = both
    np.testing.assert_array_equal(plain.train_labels, streamed.train_labels)
    assert plain[4:] == streamed[4:]
    for array, stream in zip(plain[:2], streamed[:2], strict=True):
        assert isinstance(stream, StreamedImages)
        assert (stream.shape, stream.ndim, len(stream)) == (array.shape, 4, len(array))
        assert stream.dtype == array.dtype == stream[:3].dtype
        np.testing.assert_array_equal(np.asarray(stream), array)
        for which in (
            0,
            -1,
            slice(3, 9),
            slice(None, None, 5),
            np.array([5, 1, 1]),
            array[:, 0, 0, 0] > 0.5,
        ):
            np.testing.assert_array_equal(stream[which], array[which])
        np.testing.assert_array_equal(stream.first(7)[:], array[:7])
        assert len(stream.first(None)) == len(array)


@pytest.mark.parametrize("seed", [None, 3])
def test_streamed_batches_are_those_in_memory(both, seed):
    plain, streamed = (to_batches(d.train_images, 50, seed=seed, epoch=2) for d in both)
    assert plain.element_spec == streamed.element_spec
    assert plain.cardinality() == streamed.cardinality()
    for _ in range(2):  # each pass is shuffled anew, in the same way
        for one, other in zip(plain, streamed, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_model_takes_streamed_images_as_it_takes_arrays(both):
    plain, streamed = both
    model = VAE(latent_dim=3, image_shape=(12, 12, 3))
    np.testing.assert_array_equal(
        model.encode(plain.train_images), model.encode(streamed.train_images)
    )
    np.testing.assert_array_equal(*(model.predict(d.test_images, verbose=0) for d in both))
    model.compile("adam")
    history = model.fit(
        streamed.train_images,
        batch_size=40,
        epochs=2,
        validation_data=streamed.test_images,
        verbose=0,
    ).history
    assert history["loss"][1] < history["loss"][0]
    assert np.isfinite(history["val_loss"]).all()
    found = model.evaluate(streamed.test_images, batch_size=9, verbose=0, return_dict=True)
    assert found["loss"] > 0
    with pytest.raises(ValueError, match=r"images must have shape \[n, 12, 12, 1\]"):
        VAE(image_shape=(12, 12, 1)).encode(streamed.test_images)


@pytest.mark.slow
def test_a_streams_fit_shuffles_each_epoch_unless_told_not_to(both, monkeypatch):
    asked = []
    batches = StreamedImages.batches
    monkeypatch.setattr(
        StreamedImages, "batches", lambda *a, **k: asked.append(a[1:]) or batches(*a, **k)
    )
    model = MMDVAE(image_shape=(12, 12, 3))
    model.compile("adam")
    model.fit(both[1].train_images, verbose=0)
    model.fit(both[1].train_images, batch_size=50, shuffle=False, verbose=0)
    model.evaluate(both[1].train_images, verbose=0)
    assert asked == [(32, True), (50, False), (32, False)]


def test_a_folder_is_decoded_once(tmp_path, cache, monkeypatch):
    root = fill(tmp_path)
    first = load_folder(root, 8, memory=0)
    monkeypatch.setattr(folders, "_decode", None)
    again = load_folder(root, 8, memory=0, seed=1, test_share=0.5)
    assert contents(first.train_images) | contents(first.test_images) == (
        contents(again.train_images) | contents(again.test_images)
    )
    monkeypatch.undo()
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(cache))
    noise(777).save(root / "p0005.png")  # a changed file is noticed
    changed = load_folder(root, 8, memory=0)
    expected = folders.read_picture((root / "p0005.png").read_bytes(), 8) / np.float32(255)
    assert expected.astype("float32").tobytes() in contents(changed.train_images) | contents(
        changed.test_images
    )


@pytest.mark.parametrize(
    "fault", ["pictures cut short", "pictures gone", "index cut short", "index other"]
)
def test_a_damaged_cache_file_is_written_anew(tmp_path, cache, fault):
    root = fill(tmp_path)
    first = load_folder(root, 8, memory=0).train_images[:]
    (pictures,), (index,) = cache.rglob("*.uint8"), cache.rglob("*.json")
    if fault == "pictures cut short":
        os.truncate(pictures, pictures.stat().st_size - 1)
    elif fault == "pictures gone":
        pictures.unlink()
    elif fault == "index cut short":
        index.write_text(index.read_text()[:-20])
    else:
        index.write_text("[]")
    again = load_folder(root, 8, memory=0)
    np.testing.assert_array_equal(again.train_images[:], first)


def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, cache):
    root = fill(tmp_path, 300)
    with files_no_larger_than(20_000), pytest.raises(OSError, match="File too large"):
        load_folder(root, 16, memory=0)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    assert len(load_folder(root, 16, memory=0).train_images)


def test_two_at_once_share_one_sound_file(tmp_path, cache):
    root, found = fill(tmp_path, 200), []
    workers = [
        threading.Thread(target=lambda: found.append(load_folder(root, 8, memory=0)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    plain = load_folder(root, 8)
    assert len(found) == 4
    for one in found:
        np.testing.assert_array_equal(one.train_images[:], plain.train_images)
    assert len(list(cache.rglob("*.uint8"))) == 1
    assert not list(cache.rglob(".writing-*"))


# ---- trainings --------------------------------------------------------------------------------


def command(root, out, *options):
    return ["mmd_vae", str(root), "--size", "12", "--latent-dim", "3", "--kernel", "imq", "--epochs", "3",
            "--batch-size", "40", "--out", str(out), *options]  # fmt: skip


def record_of(out):
    record = json.loads(next(out.glob("MMDVAE-*.json")).read_text())
    for row in record["history"]:
        del row["seconds"]
    return record


@pytest.fixture
def shuffled_as_ever(monkeypatch):
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)


@pytest.mark.slow
@pytest.mark.usefixtures("shuffled_as_ever")
def test_the_command_trains_on_a_folder_and_says_what_next(tmp_path, capsys):
    root = fill(tmp_path / "my pictures", 130)
    for memory in ("4", "0"):
        train.main(command(root, tmp_path / memory, "--memory", memory))
    said = capsys.readouterr().out
    assert "130" not in said  # of which a tenth are test images
    assert f"python -m vae_helpers.explore {tmp_path}/4 --open" in said
    assert "--epochs 6" in said
    model = keras.models.load_model(tmp_path / "4" / "MMDVAE-my pictures.keras")
    assert (model.latent_dim, model.kernel, model.image_shape) == (3, "imq", (12, 12, 3))
    streamed, plain = record_of(tmp_path / "0"), record_of(tmp_path / "4")
    assert streamed["settings"] == plain["settings"]  # one may go on as the other
    for one, other in zip(streamed["history"], plain["history"], strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    kept = json.loads((tmp_path / "0" / "folder.json").read_text())
    assert kept == {"path": str(root), "image_size": 12, "memory": 0}


@pytest.mark.usefixtures("shuffled_as_ever")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vae", "ROOT", "--kernel", "imq"], "vae has no kernel to choose"),
        (["vae", "ROOT", "--latent-dim", "0"], "latent_dim must be a whole number of at least 1"),
        (["vae", "ROOT", "--size", "2"], "image_size"),
        (["vae", "FILE"], "is a file"),
    ],
)
def test_what_cannot_be_trained_is_one_line(tmp_path, arguments, message):
    root = fill(tmp_path / "pictures")
    (tmp_path / "file.zip").touch()
    places = {"ROOT": str(root), "FILE": str(tmp_path / "file.zip")}
    with pytest.raises(SystemExit) as ended:
        train.main([places.get(a, a) for a in arguments] + ["--out", str(tmp_path / "out")])
    assert ended.value.code.startswith("train: ")
    assert message in ended.value.code
    assert "\n" not in ended.value.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vae", "no such place"], "no data set and no folder 'no such place'"),
        (
            ["mmd_vae", "mnist", "--latent-dim", "3", "--grey"],
            "grey, latent_dim: only for a folder",
        ),
    ],
)
def test_a_folders_options_are_for_folders(capsys, arguments, message):
    with pytest.raises(SystemExit):
        train.main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.long
def test_a_training_on_a_stream_killed_twice_ends_as_an_undisturbed_one(tmp_path, cache):
    root = fill(tmp_path / "pictures", 400)
    start = [sys.executable, "-m", "vae_helpers.train"]
    out = {name: tmp_path / name for name in ("killed", "whole")}
    options = ("--memory", "0", "--epochs", "6")
    for _ in range(2):
        process = subprocess.Popen(start + command(root, out["killed"], *options))
        before = len(rows_saved(out["killed"]))
        while process.poll() is None and len(rows_saved(out["killed"])) <= before:
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        process.wait()
    assert not list(out["killed"].glob("MMDVAE-*.json"))  # it was killed before its end
    for name in out:
        subprocess.run(start + command(root, out[name], *options), check=True)
    assert record_of(out["killed"]) == record_of(out["whole"])
    weights = [keras.models.load_model(next(o.glob("*.keras"))).get_weights() for o in out.values()]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_home_for_the_cache_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_HELPERS_CACHE", "~nobody-of-this-name/cache")
    with pytest.raises(data.DataError, match="there is no cache for pictures"):
        load_folder(fill(tmp_path), 8, memory=0)

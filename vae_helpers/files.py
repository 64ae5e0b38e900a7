"""Files that are written whole or not at all."""

import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path):
    """A temporary name beside ``path`` that takes its place at the end: all of a file or none of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
    part = folder / path.name
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        folder.rmdir()

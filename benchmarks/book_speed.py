"""Minutes for the book and for each notebook in it.

    python benchmarks/book_speed.py

Builds the book without its caches, which runs every notebook once, two at a time, and then three times
with them. A notebook's seconds are those that it takes by itself.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from jupyter_cache.executors.utils import single_nb_execution
from recording import conditions, options, spread, write_section

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
CACHES = (".jupyter_cache", ".doctrees", "html")


def build():
    """Seconds of tools/build_book.py."""
    start = time.perf_counter()
    subprocess.run([sys.executable, ROOT / "tools" / "build_book.py"], check=True)
    return time.perf_counter() - start


def notebooks(most=None):
    """{name: seconds}, each run by itself; the first ``most`` only, if it is given."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))[:most]:
        notebook = nbformat.read(path, as_version=4)
        done = single_nb_execution(notebook, str(path.parent), timeout=-1, allow_errors=False)
        if done.err:
            raise done.err
        found[path.stem] = round(done.time, 1)
    return found


def main():
    chosen = options(__doc__)
    where = conditions()
    if not chosen.quick:
        for name in CACHES:
            shutil.rmtree(BUILD / name, ignore_errors=True)
    seconds = {"cold": spread([build()]), "warm": spread([build() for _ in range(3)])}
    write_section(chosen.record, "build", where, seconds)
    write_section(chosen.record, "notebooks", where, notebooks(1 if chosen.quick else None))


if __name__ == "__main__":
    main()

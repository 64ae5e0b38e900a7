"""Build the book: run what changed, make the pages, and see that they are there."""

import hashlib
import importlib.metadata
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.executors.basic import ExecutionWorkerLocalMProc, ProcessData
from page_head import with_policy

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"


def package_digest():
    """A digest of all that pages import or read: jupyter-cache itself looks at their cells alone."""
    digest = hashlib.sha256()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in (needed.split(">=")[0] for needed in project["dependencies"]):
        digest.update(f"{name}=={importlib.metadata.version(name)}\n".encode())
    for package in ("vae_helpers", "vae_study"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.name.encode() + path.read_bytes())
    measured = ROOT / "benchmarks" / "bench.json"
    digest.update(measured.read_bytes() if measured.exists() else b"")
    return digest.hexdigest()


def run_notebooks():
    """Put into the cache what the notebooks print that are not there yet, two at a time.

    Half of the threads each is faster than one after the other with all of them. One that fails is left
    to the build, which runs it once more and says what went wrong.
    """
    cache, asked = get_cache(CACHE), []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        try:
            cache.match_cache_file(str(path))
        except KeyError:
            record = cache.add_nb_to_project(str(path))
            asked.append(ProcessData(record.pk, record.uri, cache, timeout=-1, allow_errors=False))
    if not asked:
        return
    print(f"notebooks to run, two at a time: {len(asked)}", flush=True)
    threads = str(max((os.cpu_count() or 1) // 2, 1))
    settings = {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}
    settings["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # or the first takes all of its memory
    asked.reverse()  # the longest are at the end
    with multiprocessing.Pool(2, set_environment, [settings]) as pool:
        pool.map(ExecutionWorkerLocalMProc(), asked, chunksize=1)


def set_environment(settings):
    os.environ.update(settings)  # by name, for where processes are spawned


def execution(path):
    """What a notebook printed when the book was built: the notebook with those outputs.

    Raises
    ------
    KeyError  the book was not built from this notebook as it is now
    """
    cache = get_cache(CACHE)
    return cache.merge_match_into_notebook(nbformat.read(path, as_version=4))[1]


def pages():
    """The HTML files that the table of contents promises."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [c for part in toc.get("parts", [toc]) for c in part["chapters"]]
    return [
        BUILD / "html" / f"{entry}.html" for entry in (toc["root"], *(c["file"] for c in chapters))
    ]


def make_front_door():
    """Jupyter Book puts a bare redirect at the root; people share that address, so give it a head."""
    front = pages()[0]
    shown = r"<title>.*?</title>|<meta (?:name|property)=\"(?:description|og:|twitter:)[^>]*>"
    head = "\n".join(re.findall(shown, front.read_text(), re.S))
    place = front.relative_to(BUILD / "html").as_posix()
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="refresh" content="0; url={place}">\n{head}\n</head>\n'
        f'<body><a href="{place}">To the book</a></body>\n</html>\n'
    )
    (BUILD / "html" / "index.html").write_text(with_policy(page))


def main():
    digest = package_digest()
    mark = BUILD / "package_digest"
    if not mark.exists() or mark.read_text() != digest:
        # Sphinx too would leave alone a page whose own source is as it was.
        for stale in (CACHE, BUILD / ".doctrees"):
            shutil.rmtree(stale, ignore_errors=True)
        BUILD.mkdir(exist_ok=True)
        mark.write_text(digest)
    run_notebooks()
    shutil.rmtree(BUILD / "html", ignore_errors=True)  # no page of a chapter that is gone
    command = ("jupyter-book", "build", ".", "-W", "-n", "--keep-going")
    done = subprocess.run([Path(sys.executable).parent / command[0], *command[1:]], cwd=ROOT)
    if done.returncode:
        for report in sorted((BUILD / "html" / "reports").rglob("*.log")):
            print(f"\n{report.relative_to(ROOT)}:\n{report.read_text()}")
        sys.exit("the book was not built; the messages above say why")
    missing = [str(page.relative_to(ROOT)) for page in pages() if not page.exists()]
    if missing:
        sys.exit(f"the build says it worked, but these pages are missing: {', '.join(missing)}")
    make_front_door()
    print(f"\nThe book is ready. Open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()

"""Minutes for each notebook, minutes for the book, and what its pages weigh and take to be ready.

    python benchmarks/book_speed.py notebooks     run each notebook once (long)
    python benchmarks/book_speed.py build         build the book without caches, then with (long)
    python benchmarks/book_speed.py pages         weigh and open the pages of the book that is built

Without a name all three, in this order. Each writes a section of its own.
"""

import gzip
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from recording import conditions, options, spread, write_section

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
HTML = BUILD / "html"
FIRST_PICTURE = ".latent-explorer .pictures canvas[data-z]"
PARTS = ("notebooks", "build", "pages")


def notebooks(quick):
    """{name: seconds}. The notebooks on disk are left as they are."""
    paths, found = sorted((ROOT / "notebooks").glob("*.ipynb")), {}
    for path in paths[: 1 if quick else None]:
        start = time.perf_counter()
        NotebookClient(
            nbformat.read(path, as_version=4),
            timeout=None,
            resources={"metadata": {"path": str(path.parent)}},
        ).execute()
        found[path.stem] = round(time.perf_counter() - start, 1)
        print(f"{path.stem:20} {found[path.stem] / 60:6.1f} minutes", flush=True)
    return found


def build(quick):
    """Seconds of `make book` once its environment and its data are there, cold and warm."""
    if quick:
        print("build: nothing quick to do")
        return None
    for kept in (".jupyter_cache", ".doctrees", "html", "package_digest"):
        path = BUILD / kept
        path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
    found = {}
    for name, rounds in (("cold", 1), ("warm", 3)):
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            subprocess.run([sys.executable, ROOT / "tools" / "build_book.py"], check=True)
            seconds.append(time.perf_counter() - start)
        found[name] = spread(seconds)
        print(f"{name}: {found[name]['median'] / 60:.1f} minutes", flush=True)
    return found


def pages(quick):
    """{page: its bytes with all that it loads, plain and compressed, and ms until it is ready}.

    A page is ready when all is loaded and its last explorer shows its first picture. Each visit
    starts with an empty cache, from a server on this machine.
    """
    sys.path += [str(ROOT / "tests"), str(ROOT / "tools")]
    from browsing import running_chromium, serving
    from build_book import pages as of_contents

    paths = [page.relative_to(HTML).as_posix() for page in of_contents()]
    if not all((HTML / path).exists() for path in paths):
        print("pages: skipped, the book is not built (make book)")
        return None
    visits, found = 1 if quick else 5, {path: [] for path in paths[: 2 if quick else None]}
    with running_chromium() as browser, serving(HTML) as address:
        for _ in range(visits):
            for path in found:
                found[path].append(visit(browser, address, path))
    return {
        path: {
            "bytes": seen[0][1],
            "compressed_bytes": seen[0][2],
            "ready_ms": spread([ms for ms, _, _ in seen]),
        }
        for path, seen in found.items()
    }


def visit(browser, address, path):
    """Milliseconds until the page is ready, its bytes, and its bytes as a host would send them."""
    explorers = (HTML / path).read_text().count("jupyter.widget-view+json")
    with browser.new_context() as context:
        page = context.new_page()
        start = time.perf_counter()
        page.goto(f"{address}/{path}", wait_until="load", timeout=120_000)
        if explorers:
            last = page.locator(FIRST_PICTURE).nth(explorers - 1)
            last.wait_for(state="attached", timeout=120_000)
        seconds = time.perf_counter() - start
        page.wait_for_load_state("networkidle")
        loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    urls = {url.split("?")[0].split("#")[0] for url in [f"{address}/{path}", *loaded]}
    files = [HTML / url.removeprefix(f"{address}/") for url in urls if url.startswith(address)]
    contents = [file.read_bytes() for file in files if file.is_file()]
    return 1000 * seconds, sum(map(len, contents)), sum(len(gzip.compress(c)) for c in contents)


def main():
    chosen = options(__doc__, part={"nargs": "?", "choices": PARTS, "help": "only this one"})
    for part in [chosen.part] if chosen.part else PARTS:
        where = conditions()
        results = {"notebooks": notebooks, "build": build, "pages": pages}[part](chosen.quick)
        if results is not None:
            write_section(chosen.record, part, where, results)


if __name__ == "__main__":
    main()

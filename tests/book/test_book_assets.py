"""tools/book_assets.py: what the built book needs from others is fetched once, pinned."""

import base64
import hashlib
import importlib.util
import io
import sys
import tarfile
from pathlib import Path

import node
import pytest

PYTHON = sys.executable  # a test puts another there


@pytest.fixture
def book_assets(monkeypatch):
    """tools/book_assets.py with one small package to fetch, from a stand-in for npm."""
    path = Path(__file__).parent.parent.parent / "tools" / "book_assets.py"
    spec = importlib.util.spec_from_file_location("book_assets", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    facts = {
        "version": "1.0",
        "integrity": "sha256-" + "A" * 43 + "=",
        "take": {"dist": "widgets"},
        "leave": (".map",),
    }
    monkeypatch.setattr(module, "PACKAGES", {"thing": facts})
    return module


def archive_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def program(path, *lines):
    """A program in Python, as a path that can be run."""
    path.with_suffix(".py").write_text("\n".join(lines))
    path.write_text(f"#!/bin/sh\nexec '{PYTHON}' '{path.with_suffix('.py')}' \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def stand_in_npm(module, monkeypatch, folder, archive, pin=True):
    (folder / "thing.tgz").write_bytes(archive)
    lines = ["import shutil", f"shutil.copy({str(folder / 'thing.tgz')!r}, 'thing-1.0.tgz')"]
    script = program(folder / "npm", *lines, "print('thing-1.0.tgz')")
    monkeypatch.setattr(module, "npm", lambda: script)
    if pin:
        digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
        module.PACKAGES["thing"]["integrity"] = f"sha256-{digest}"


def test_assets_are_fetched_once_and_again_when_one_is_gone(book_assets, monkeypatch, tmp_path):
    files = {"package/dist/a.js": b"a", "package/dist/a.js.map": b"-", "package/src/b.js": b"-"}
    stand_in_npm(book_assets, monkeypatch, tmp_path, archive_of(files))
    vendor = tmp_path / "static" / "vendor"
    assert book_assets.fetch_all(vendor)
    there = sorted(path.name for path in (vendor / "widgets").iterdir())
    assert there == ["a.js", "anywidget.js"]
    assert not book_assets.fetch_all(vendor)
    (vendor / "widgets" / "a.js").unlink()
    assert book_assets.fetch_all(vendor)
    assert (vendor / "widgets" / "a.js").read_bytes() == b"a"
    assert [path.name for path in vendor.parent.iterdir()] == ["vendor"]


def test_an_archive_other_than_the_pinned_one_is_refused(book_assets, monkeypatch, tmp_path):
    archive = archive_of({"package/dist/a.js": b"something else"})
    stand_in_npm(book_assets, monkeypatch, tmp_path, archive, pin=False)
    with pytest.raises(book_assets.AssetError, match=r"thing@1\.0 is not what was pinned"):
        book_assets.fetch_all(tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_what_the_policy_forbids_is_taken_out_once_or_the_version_is_refused(
    book_assets, monkeypatch, tmp_path
):
    facts = book_assets.PACKAGES["thing"]
    facts["change"] = {"widgets/a.js": {"compile(x)": "() => true"}}
    for content, count in ((b"y = compile(x);", 1), (b"y = x;", 0), (b"compile(x), compile(x)", 2)):
        stand_in_npm(book_assets, monkeypatch, tmp_path, archive_of({"package/dist/a.js": content}))
        vendor = tmp_path / f"vendor-{count}"
        if count == 1:
            assert book_assets.fetch_all(vendor)
            assert (vendor / "widgets" / "a.js").read_text() == "y = () => true;"
            facts["change"] = {"widgets/a.js": {"compile(x)": "z"}}  # not what is there: once more
            assert book_assets.fetch_all(vendor)
            assert (vendor / "widgets" / "a.js").read_text() == "y = z;"
        else:
            with pytest.raises(book_assets.AssetError, match=r"does not hold 'compile\(x\)' once"):
                book_assets.fetch_all(vendor)
            assert not vendor.exists()


def test_an_archive_that_reaches_outside_is_refused(book_assets, monkeypatch, tmp_path):
    archive = archive_of({"package/dist/../../../../outside.js": b"out"})
    stand_in_npm(book_assets, monkeypatch, tmp_path, archive)
    with pytest.raises(book_assets.AssetError, match="outside itself"):
        book_assets.fetch_all(tmp_path / "vendor")


def test_without_a_network_one_message_says_so(book_assets, monkeypatch, tmp_path):
    complaint = program(tmp_path / "npm", "import sys; sys.exit('npm error network')")
    monkeypatch.setattr(book_assets, "npm", lambda: complaint)
    monkeypatch.setattr(book_assets, "VENDOR", tmp_path / "vendor")
    with pytest.raises(
        SystemExit, match=r"book assets: thing@1\.0 could not be fetched .* network"
    ):
        book_assets.main()


def test_where_there_is_no_npm_one_is_installed_beside_python_or_the_error_says_why(
    book_assets, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    offline = program(tmp_path / "python", "import sys; sys.exit('no network')")
    monkeypatch.setattr(sys, "executable", offline)
    with pytest.raises(
        book_assets.AssetError, match=r"npm is missing, and .* no network\. Install"
    ):
        book_assets.fetch_all(tmp_path / "vendor")

    asked = tmp_path / "asked"
    lines = ["import pathlib, sys", f"pathlib.Path({str(asked)!r}).write_text(str(sys.argv))"]
    program(tmp_path / "python", *lines, f"pathlib.Path({str(tmp_path / 'npm')!r}).touch()")
    assert node.npm() == str(tmp_path / "npm")
    assert node.NODE in asked.read_text()
    asked.unlink()
    assert node.npm() == str(tmp_path / "npm")
    assert not asked.exists()

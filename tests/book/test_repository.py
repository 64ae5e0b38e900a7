"""What stands in more than one file: the repository's address, versions, a chapter's links."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version

import build_book
import page_head
import pytest
import requirements
import yaml
from checkout import ROOT, copy_files, run
from packaging.version import Version

NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
OTHER = "https://github.com/some-body" + "/an.other_book"  # in two parts: or it is set here, too


# ---- the address ------------------------------------------------------------------------------


def address_in(tree):
    return yaml.safe_load((tree / "_config.yml").read_text())["repository"]["url"]


def assert_the_address_everywhere(tree, address):
    place = address.removeprefix("https://github.com/")
    assert address_in(tree) == address
    assert yaml.safe_load((tree / "CITATION.cff").read_text())["repository-code"] == address
    assert yaml.safe_load((tree / "CITATION.cff").read_text())["url"] == (
        page_head.site_address(address)
    )
    readme = (tree / "README.md").read_text()
    assert f"]({page_head.site_address(address)})" in readme
    for name in NOTEBOOKS:
        colab = f"https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}"
        assert f"]({colab})" in readme, f"README.md has no link that opens {name} in Colab"
        notebook = (tree / "notebooks" / name).read_text()
        assert f"]({colab})" in notebook
        assert f"%pip install --quiet git+{address}" in notebook


def test_the_same_address_stands_everywhere():
    assert_the_address_everywhere(ROOT, address_in(ROOT))


@pytest.fixture
def copy(tmp_path):
    copy_files(tmp_path)
    return tmp_path


def set_address(tree, address):
    command = [sys.executable, tree / "tools" / "repository.py", address]
    return subprocess.run(command, capture_output=True, text=True)


def contents(tree):
    files = run("git", "ls-files", "--others", cwd=tree).splitlines()
    return {name: (tree / name).read_bytes() for name in files}


def test_the_address_is_set_everywhere_and_back(copy):
    before, old = contents(copy), address_in(copy)
    done = set_address(copy, OTHER)
    assert done.returncode == 0, done.stderr
    assert_the_address_everywhere(copy, OTHER)
    place = old.removeprefix("https://github.com/").encode()
    assert not [name for name, data in contents(copy).items() if place in data]
    assert set_address(copy, old).returncode == 0
    assert contents(copy) == before


def test_the_address_may_be_the_one_for_cloning_and_a_deleted_file_is_no_obstacle(copy):
    run("git", "add", "README.md", cwd=copy)
    (copy / "README.md").unlink()
    done = set_address(copy, f"{OTHER}.git")
    assert done.returncode == 0, done.stderr
    assert address_in(copy) == OTHER


def test_the_address_is_set_in_a_clone_only(copy):
    shutil.rmtree(copy / ".git")
    before = (copy / "_config.yml").read_bytes()
    done = set_address(copy, OTHER)
    assert "must be a clone" in done.stderr
    assert (copy / "_config.yml").read_bytes() == before


@pytest.mark.parametrize(
    ("repository", "site"),
    [("You/book", "https://you.github.io/book"), ("You/You.github.io", "https://you.github.io")],
)
def test_the_published_address_follows_from_the_repository_s(repository, site):
    assert page_head.site_address(f"https://github.com/{repository}") == site


@pytest.mark.parametrize(
    "wrong", ["", "github.com/a/b", "https://github.com/a", "https://github.com/a/b/c"]
)
def test_an_address_of_another_form_changes_nothing(copy, wrong):
    before = contents(copy)
    done = set_address(copy, wrong)
    assert done.returncode
    assert "must look like" in done.stderr
    assert contents(copy) == before


# ---- the house --------------------------------------------------------------------------------


def test_a_module_imports_only_from_those_that_stand_above_it():
    house = (ROOT / "CONTRIBUTING.md").read_text().split("```")[1]
    listed = re.search(r"vae_helpers/ .*\n((?:  .*\n)+)", house)[1]
    order = re.findall(r"\w+", " ".join(line[:22] for line in listed.splitlines()))
    modules = {path.stem: path for path in (ROOT / "vae_helpers").glob("[!_]*.py")}
    assert set(modules) <= set(order)
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                for other in [node.module] if node.module else [a.name for a in node.names]:
                    assert order.index(other) < order.index(name), f"{name}: {other}"


# ---- versions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["requirements.txt", "tests/colab-requirements.txt"])
def test_pins_and_colab_are_at_or_above_the_floors(file):
    """Above them pip leaves alone what is there."""
    versions = requirements.pins((ROOT / file).read_text())
    for name, floor in requirements.floors().items():
        assert Version(versions[name]) >= Version(floor), name


def test_what_is_installed_on_the_floors_is_what_the_package_asks_for_at_least():
    lines = requirements.requirements("floors").splitlines()
    for name, floor in requirements.floors().items():
        assert f"{name}=={floor}" in lines
    assert "jupyter-book<2" in lines


def test_new_pins_are_what_is_installed_with_what_is_chosen_on_top():
    chosen = requirements.pins((ROOT / "requirements.txt").read_text().split("# What")[0])
    text = requirements.requirements("installed")
    upper, _, lower = text.partition(requirements.DIVIDER)
    assert [*requirements.pins(upper)] == [*chosen]
    assert len(requirements.pins(lower)) > 50
    for name, pin in requirements.pins(text).items():
        assert version(name) == pin


@pytest.mark.parametrize("python_version", ["3, 10", "3, 14"])
def test_a_python_that_the_packages_have_no_build_for_is_refused_before_anything_is_installed(
    tmp_path, python_version
):
    python = tmp_path / "python"
    script = f"import sys; sys.version_info = ({python_version}, 0); exec(sys.argv[2])"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{script}' \"$@\"\n")
    python.chmod(0o755)
    command = ["make", "setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode
    assert f"this is {python_version.replace(', ', '.')}. Choose one" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_binder_takes_a_python_that_the_package_runs_on():
    runtime = (ROOT / "runtime.txt").read_text().strip().removeprefix("python-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert Version(runtime) >= Version(project["requires-python"].removeprefix(">="))


# ---- outputs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [True, False])
def test_pages_are_run_anew_where_the_package_changed(tmp_path, monkeypatch, changed):
    """Else a page whose own source is as it was would show what the old package printed."""
    kept = [tmp_path / name for name in (".jupyter_cache", ".doctrees")]
    for folder in kept:
        folder.mkdir()
    monkeypatch.setattr(build_book, "BUILD", tmp_path)
    monkeypatch.setattr(build_book, "CACHE", kept[0])
    monkeypatch.setattr(build_book, "package_digest", lambda: "of this package")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1))
    said = "of another" if changed else "of this package"
    (tmp_path / "package_digest").write_text(said)
    with pytest.raises(SystemExit, match="the book was not built"):
        build_book.main()
    assert [folder.exists() for folder in kept] == [not changed] * 2


# ---- actions ----------------------------------------------------------------------------------

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_actions_by_their_commit_and_calls_targets_that_exist(path):
    text = path.read_text()
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    targets = re.findall(r"run: make ([\w-]+)", text)
    assert targets
    rules = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(f"^{target}:", rules, re.M), target

"""What stands in more than one file: the repository's address, versions, a chapter's links."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import build_book
import nbformat
import page_head
import pytest
import yaml
from checkout import ROOT, copy_files, run
from packaging.requirements import Requirement
from packaging.version import Version

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
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
    # Where nothing is there yet, what leads there stands in comments.
    before, after = ("<!-- ", " -->") if "/-unset-/" in address else ("", "")
    readme = (tree / "README.md").read_text()
    assert f"\n{before}**[Read it]({page_head.site_address(address)})**, on a phone" in readme
    for name in NOTEBOOKS:
        colab = f"(https://colab.research.google.com/github/{place}/blob/main/notebooks/{name})"
        assert f"| {before}[Open in Colab]{colab}{after} |" in readme, name
        notebook = (tree / "notebooks" / name).read_text()
        assert f'"{before}[▶ Open this chapter in Colab]{colab}{after}' in notebook
        assert f'repository = \\"{address}\\"' in notebook
        assert "%pip install --quiet git+{repository}" in notebook


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


@pytest.mark.slow
def test_the_address_is_set_everywhere_and_back(copy):
    before, old = contents(copy), address_in(copy)
    done = set_address(copy, OTHER)
    assert done.returncode == 0, done.stderr
    assert_the_address_everywhere(copy, OTHER)
    place = old.removeprefix("https://github.com/").encode()
    assert not [name for name, data in contents(copy).items() if place in data]
    assert set_address(copy, old).returncode == 0
    assert contents(copy) == before


@pytest.mark.slow
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


@pytest.mark.slow
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


def imported(path):
    """The modules of this repository that a file imports, as "vae_helpers.losses"."""
    package = path.relative_to(ROOT).parent.as_posix().replace("/", ".")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join([*above, node.module or ""]).strip(".") if node.level else node.module
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def modules_of(package):
    """{module: the modules of the same package that it imports}, sub-packages being one each."""
    found = {}
    for path in (ROOT / package).rglob("[!_]*.py"):
        name = path.relative_to(ROOT / package).with_suffix("").parts[0]
        found.setdefault(name, set()).update(
            other.split(".")[1] for other in imported(path) if other.startswith(f"{package}.")
        )
    return {name: others & found.keys() - {name} for name, others in found.items()}


@pytest.mark.parametrize("package", ["vae_helpers", "vae_study"])
def test_a_module_imports_only_from_those_that_stand_above_it(package):
    """In the drawing of CONTRIBUTING.md; so no two import each other."""
    house = (ROOT / "CONTRIBUTING.md").read_text().split("```")[1]
    listed = re.search(rf"^{package}/ .*\n((?:  .*\n)+)", house, re.M)[1]
    order = re.findall(r"\w+", " ".join(line[:22] for line in listed.splitlines()))
    modules = modules_of(package)
    assert set(modules) <= set(order)
    for name, others in modules.items():
        for other in others:
            assert order.index(other) < order.index(name), f"{name} imports {other}"


def test_the_thin_package_knows_nothing_of_the_study():
    files = sorted((ROOT / "vae_helpers").rglob("*.py"))
    assert len(files) > 10
    for path in files:
        assert not [name for name in imported(path) if name.split(".")[0] == "vae_study"], path


def lines_of_code(path):
    """How many lines of a Python file are neither blank nor comment nor docstring."""
    text = path.read_text()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    words = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    ]
    layout = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in layout | {tokenize.COMMENT}
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - {line for w in words for line in range(w.lineno, w.end_lineno + 1)})


def test_the_thin_package_stays_thin():
    """What CONTRIBUTING.md says of it, with its JavaScript."""
    said = (ROOT / "CONTRIBUTING.md").read_text()
    budget = int(re.search(r"at most ([\d,]+) lines of code", said)[1].replace(",", ""))
    longest = int(re.search(r"no file of it has more than (\d+) lines", said)[1])
    files = [ROOT / name for name in run("git", "ls-files", "vae_helpers").splitlines()]
    written = [path for path in files if path.suffix in (".py", ".js")]
    assert len(written) > 40
    assert sum(lines_of_code(path) for path in written if path.suffix == ".py") <= budget
    for path in written:
        assert len(path.read_text().splitlines()) <= longest, path


def test_importing_prints_nothing_and_loads_no_tensorflow():
    code = (
        "import sys, vae_helpers; dir(vae_helpers); "
        "sys.exit(bool({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What checks the explorer's JavaScript.
FOR_DEVELOPERS = {"package.json", "tsconfig.json", "eslint.config.js"}


@pytest.mark.long
def test_a_wheel_brings_everything_that_the_packages_read(tmp_path):
    """Built from this repository's files and installed into an empty environment."""
    source, wheels, environment = (tmp_path / name for name in ("source", "wheels", "environment"))
    source.mkdir()
    copy_files(source)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", wheels, source)
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "--quiet", "install", "--no-deps", *wheels.glob("*.whl"))
    (installed,) = environment.glob("lib/python*/site-packages")
    for package in ("vae_helpers", "vae_study"):
        files = map(Path, run("git", "ls-files", package).splitlines())
        wanted = [path for path in files if path.name not in FOR_DEVELOPERS]
        assert len(wanted) > 20
        assert not [path for path in wanted if not (installed / path).is_file()]
        assert (installed / package / "py.typed").is_file()
    run(python, "-c", "import vae_helpers; print(vae_helpers.__version__)", cwd=tmp_path)


# ---- versions ---------------------------------------------------------------------------------


def versions(text):
    """{name: version} of the lines ``name==version`` or ``name>=version``."""
    return dict(re.findall(r"^([\w.-]+)[=>]=([\w.]+)$", text, re.M))


@pytest.mark.parametrize("file", ["requirements.txt", "tests/colab-requirements.txt"])
def test_pins_and_colab_are_at_or_above_the_floors(file):
    """Above them pip leaves alone what is there."""
    floors = versions("\n".join(PROJECT["dependencies"]))
    assert len(floors) == len(PROJECT["dependencies"])
    pinned = versions((ROOT / file).read_text())
    for name, floor in floors.items():
        assert Version(pinned[name]) >= Version(floor), name


def test_everything_that_the_book_and_its_tests_need_is_pinned():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = versions("\n".join(lines))
    assert len(pinned) == sum(not line.startswith("#") for line in lines)
    extras = PROJECT["optional-dependencies"]
    for needed in [*PROJECT["dependencies"], *GROUPS["dev"], *extras["study"], *extras["many"]]:
        requirement = Requirement(needed)
        assert requirement.specifier.contains(pinned[requirement.name]), needed


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
    assert Version(runtime) >= Version(PROJECT["requires-python"].removeprefix(">="))


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
    monkeypatch.setattr(build_book, "run_notebooks", list)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1))
    said = "of another" if changed else "of this package"
    (tmp_path / "package_digest").write_text(said)
    with pytest.raises(SystemExit, match="the book was not built"):
        build_book.main()
    assert [folder.exists() for folder in kept] == [not changed] * 2


@pytest.mark.slow
def test_notebooks_are_run_before_the_build_which_is_left_the_ones_that_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(build_book, "ROOT", tmp_path)
    monkeypatch.setattr(build_book, "CACHE", tmp_path / "cache")
    (tmp_path / "notebooks").mkdir()
    paths = {name: tmp_path / "notebooks" / f"{name}.ipynb" for name in ("right", "wrong")}
    for path, source in zip(paths.values(), ("print(1 + 1)", "1 / 0"), strict=True):
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    build_book.run_notebooks()
    assert build_book.execution(paths["right"]).cells[0].outputs[0].text == "2\n"
    with pytest.raises(KeyError):
        build_book.execution(paths["wrong"])


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

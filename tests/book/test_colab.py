"""A stand-in for Colab: its versions, its way of running notebooks, and our install cell as it is."""

import json
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from checkout import ROOT, copy_files, run
from nbclient import NotebookClient

pytestmark = pytest.mark.long

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]

# Colab's kernel has these modules loaded when a notebook starts.
GOOGLE_COLAB = """
import sys, types

colab, output = (types.ModuleType(f"google.colab{name}") for name in ("", ".output"))
output.enable_custom_widget_manager = lambda: None
colab.output = output
sys.modules |= {"google.colab": colab, "google.colab.output": output}
"""


def python_like_colabs():
    """Python 3.13 where there is one, this one elsewhere."""
    found = shutil.which("python3.13")
    works = found and subprocess.run([found, "--version"], capture_output=True).returncode == 0
    return found if works else sys.executable


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python with what Colab has of the things that the book uses."""
    folder = tmp_path_factory.mktemp("colab")
    run(python_like_colabs(), "-m", "venv", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-r", ROOT / "tests" / "colab-requirements.txt")
    return python


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository to install the book from."""
    copy = tmp_path_factory.mktemp("repository")
    copy_files(copy)
    git = ("git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    run(*git, "add", ".", cwd=copy)
    run(*git, "commit", "--quiet", "--message", "A copy", cwd=copy)
    return copy


@pytest.fixture
def kernel(python, repository, tmp_path, monkeypatch):
    """The name of a kernel as Colab starts it; it clones the book from here instead of GitHub."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "google_colab.py").write_text(GOOGLE_COLAB)
    specification = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Colab",
        "env": {
            "IPYTHONDIR": str(tmp_path / "ipython"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
            "PYTHONPATH": "",
        },
    }
    folder = tmp_path / "jupyter" / "kernels" / "colab"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(specification))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return folder.name


def installed(python):
    lines = run(python, "-m", "pip", "freeze").splitlines()
    return {line for line in lines if not line.startswith("vae-helpers")}


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_runs_unchanged_in_colab_and_installs_nothing_but_the_book(
    path, python, kernel, tmp_path
):
    run(python, "-m", "pip", "uninstall", "--yes", "vae-helpers")
    before = installed(python)
    committed, executed = (nbformat.read(path, as_version=4) for _ in range(2))
    # Not in the folder of the notebooks: Colab has the one file and no repository around it.
    NotebookClient(
        executed, kernel_name=kernel, timeout=None, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert installed(python) == before
    assert "vae-helpers" in run(python, "-m", "pip", "freeze")
    for ours, theirs in zip(committed.cells, executed.cells, strict=True):
        tags = ours.metadata.get("tags", [])
        if ours.source.startswith("# NBVAL_CHECK_OUTPUT") or "nbval-check-output" in tags:
            assert printed(theirs) == printed(ours)

"""The chapters as they are committed. That their code runs is what nbval checks, beside this."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from vae_helpers import checkpoints, study

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MARK = "# NBVAL_CHECK_OUTPUT"

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def functions(source):
    """{name: its code without docstring and defaults' formatting} of all functions in a source."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            found.setdefault(node.name, []).append(ast.dump(node))
    return found


def notebook_functions():
    for path in NOTEBOOKS:
        for cell in code_cells(path):
            if "hide-cell" in cell.metadata.get("tags", []):  # a solution may be a model of its own
                continue
            lines = [line for line in cell.source.splitlines() if not line.lstrip().startswith("%")]
            source = "\n".join(lines).replace("\n    %pip", "\n    pass #")
            try:
                shown = functions(source)
            except IndentationError:  # the install cell, whose only statement was taken out
                continue
            for name, codes in shown.items():
                for code in codes:
                    yield path.stem, name, code


def package_functions():
    found = {}
    for module in ("networks", "losses", "models", "family"):
        source = (ROOT / "vae_helpers" / f"{module}.py").read_text()
        for name, codes in functions(source).items():
            found.setdefault(name, []).extend(codes)
    return found


LESSONS = {
    "build_encoder", "build_decoder", "reparameterize", "normal_loglik", "normal_kl",
    "bernoulli_loglik", "loss_terms", "train_step", "squared_distances", "mixture_loglik", "log_prior", "draw_prior", "pseudo_images", "compute_kernel", "compute_mmd",
    "continuous_bernoulli_loglik", "continuous_bernoulli_mean", "gaussian_loglik", "to_pixels",
}  # fmt: skip


def test_the_code_that_a_chapter_shows_is_the_code_that_the_package_runs():
    package, shown = package_functions(), set()
    for chapter, name, code in notebook_functions():
        if name in LESSONS:
            assert code in package[name], f"{name} in {chapter} differs from vae_helpers"
            shown.add(name)
    assert shown == LESSONS


def test_the_loss_terms_of_every_shipped_model_are_shown():
    shown = {code for _, name, code in notebook_functions() if name == "loss_terms"}
    shipped = {path.name.split("-")[0] for path in checkpoints.SHIPPED.glob("*.json")}
    assert len(shipped) > 5
    for run in shipped:
        source = textwrap.dedent(inspect.getsource(type(checkpoints.build(run)).loss_terms))
        assert functions(source)["loss_terms"][0] in shown, f"no chapter shows how {run} is trained"


@every_notebook
def test_a_chapter_is_committed_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert path.stat().st_size < 700_000
    counts = [c.execution_count for c in code_cells(path) if c.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom: make notebooks"
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= 30
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
    text = path.read_text()
    assert not re.search(r"/(home|root|tmp|Users)/\w", text), "a path of somebody's machine"


@every_notebook
def test_every_figure_has_alternative_text(path):
    for cell in code_cells(path):
        if any(
            any(kind.startswith("image/") for kind in output.get("data", {}))
            for output in cell.outputs
        ):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 30, cell.source


@every_notebook
def test_a_chapter_has_the_parts_that_a_reader_expects(path):
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    assert prose.startswith(f"# {int(path.name[:2])}. ")  # as the text cites it: chapter 7
    for heading in ("## Setup", "## Settings", "## Exercises", "## Summary"):
        assert re.search(f"^{heading}", prose, re.M), heading
    solutions = [c for c in code_cells(path) if "hide-cell" in c.metadata.get("tags", [])]
    exercises = re.findall(r"^\*\*\d\.\*\*", prose, re.M)
    assert 2 <= len(exercises) == len(solutions) <= 4
    assert any(c.source.startswith(MARK) for c in code_cells(path)), "no cell that nbval compares"


BULLETS = {
    "The standard VAE's latent space is uninformative": "Uninformative",
    "With MMD the edges of samples are sharper": "Sharper edges",
    "With MMD clusters are better spread": "Better spread clusters",
    "With MMD codes are centred at (0, 0)": "Centred",
    "With MMD morphs are smooth": "Smooth",
    "With MMD almost all of the space is filled with meaningful objects":
        "Almost all of the space is filled",
    "On MNIST samples hardly differ": "On MNIST hardly any difference",
    "On MNIST clusters hardly differ": "On MNIST hardly any difference",
    "On MNIST morphing with MMD is more organic": "More organic on MNIST",
}  # fmt: skip


@pytest.mark.parametrize("claim", BULLETS)
def test_chapter_7_says_of_each_claim_what_the_records_say(claim):
    records = study.read_records()
    rows = [row for row in study.read_claims() if row["claim"] == claim]
    word = study.verdict(study.judge(row, records)[2] for row in rows)
    (path,) = (path for path in NOTEBOOKS if path.stem == "07_claims")
    prose = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
    (bullet,) = re.findall(rf"^- \*{re.escape(BULLETS[claim])}\*.*$", prose, re.M)
    said = re.findall(r"\b(does not hold|holds|open|depends|not tested)\b", bullet)
    assert said[0] == word


def run_nbval(path):
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax",
            "--nbval-sanitize-with", ROOT / "tests/nbval_sanitize.cfg", path,
        ],
        capture_output=True, text=True, cwd=path.parent,
    )  # fmt: skip


def test_nbval_passes_a_chapters_beginning_and_fails_a_tampered_copy(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    first = next(i for i, c in enumerate(notebook.cells) if c.source.startswith(MARK))
    del notebook.cells[first + 1 :]
    copy = tmp_path / "chapter.ipynb"
    nbformat.write(notebook, copy)
    passed = run_nbval(copy)
    assert passed.returncode == 0, passed.stdout

    output = notebook.cells[first].outputs[0]
    output.text = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), output.text, count=1)
    nbformat.write(notebook, copy)
    failed = run_nbval(copy)
    assert failed.returncode == 1
    assert "1 failed" in failed.stdout

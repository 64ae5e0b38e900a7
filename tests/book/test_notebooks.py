"""The chapters as they are committed. That their code runs is what nbval checks, beside this."""

import ast
import base64
import importlib.util
import inspect
import io
import re
import textwrap
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from PIL import Image

from vae_helpers import checkpoints, networks
from vae_study import claims, records

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def marked(cell):
    """Whether nbval compares what the cell prints: by a comment in it, or by a tag."""
    tags = cell.metadata.get("tags", [])
    return cell.source.startswith("# NBVAL_CHECK_OUTPUT") or "nbval-check-output" in tags


def functions(tree):
    """{name: codes without docstrings and formatting} of all functions in a tree."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            found.setdefault(node.name, []).append(ast.dump(node))
    return found


def parsed(cell):
    """A cell's code as a tree, without IPython's own lines."""
    lines = [line for line in cell.source.splitlines() if not line.lstrip().startswith("%")]
    try:
        return ast.parse("\n".join(lines))
    except IndentationError:  # the install cell, whose only statement was taken out
        return ast.parse("")


def notebook_functions():
    for path in NOTEBOOKS:
        for cell in code_cells(path):
            if "hide-cell" in cell.metadata.get("tags", []):  # a solution may be a model of its own
                continue
            for name, codes in functions(parsed(cell)).items():
                for code in codes:
                    yield path.stem, name, code


def package_functions():
    found = {}
    for module in ("autoencoder", "losses", "models", "family"):
        tree = ast.parse((ROOT / "vae_helpers" / f"{module}.py").read_text())
        for name, codes in functions(tree).items():
            found.setdefault(name, []).extend(codes)
    return found


LESSONS = {
    "reparameterize", "normal_loglik", "normal_kl", "bernoulli_loglik", "loss_terms", "train_step",
    "squared_distances", "mixture_loglik", "log_prior", "draw_prior", "pseudo_images",
    "compute_kernel", "compute_mmd", "continuous_bernoulli_loglik", "continuous_bernoulli_mean",
    "gaussian_loglik", "to_pixels",
}  # fmt: skip


def test_the_code_that_a_chapter_shows_is_the_code_that_the_package_runs():
    package, shown = package_functions(), set()
    for chapter, name, code in notebook_functions():
        if name in LESSONS:
            assert code in package[name], f"{name} in {chapter} differs from vae_helpers"
            shown.add(name)
    assert shown == LESSONS


def layers_of(network):
    """What a network consists of, names aside."""
    found = [(type(layer).__name__, layer.get_config()) for layer in network.layers]
    for _, config in found:
        config.pop("name")
    return network.input_shape, found


PLAIN = {ast.Tuple, ast.Constant, ast.Load}


def networks_of(path):
    """The functions build_… that a chapter defines, with what they need of it."""
    names = {"keras": keras, "layers": keras.layers}
    for node in (node for cell in code_cells(path) for node in parsed(cell).body):
        setting = isinstance(node, ast.Assign) and not set(map(type, ast.walk(node.value))) - PLAIN
        if setting or getattr(node, "name", "").startswith("build_"):
            exec(compile(ast.Module([node], []), path.name, "exec"), names)
    return {name: function for name, function in names.items() if name.startswith("build_")}


def test_the_networks_that_chapters_build_are_the_packages():
    """Chapters make them for the published pictures, the package for any."""
    sizes, shown = {"build_encoder": 4, "build_decoder": 2}, set()
    for path in NOTEBOOKS:
        for name, function in networks_of(path).items():
            ours, theirs = function(sizes[name]), getattr(networks, name)(sizes[name])
            assert layers_of(ours) == layers_of(theirs), f"{name} in {path.stem}"
            shown.add(name)
    assert shown == set(sizes)


def test_the_loss_terms_of_every_shipped_model_are_shown():
    shown = {code for _, name, code in notebook_functions() if name == "loss_terms"}
    shipped = {path.name.split("-")[0] for path in checkpoints.SHIPPED.glob("*.json")}
    assert len(shipped) > 5
    for run in shipped:
        source = textwrap.dedent(inspect.getsource(type(checkpoints.build(run)).loss_terms))
        assert functions(ast.parse(source))["loss_terms"][0] in shown, (
            f"no chapter shows how {run} is trained"
        )


@every_notebook
def test_a_chapter_is_committed_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert path.stat().st_size < 1_200_000
    counts = [c.execution_count for c in code_cells(path) if c.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom: make notebooks"
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= 30
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
    # Pictures are base64, where any six letters turn up one day.
    text = re.sub(r'"image/\w+": "[^"]*"', "", path.read_text())
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
    assert any(map(marked, code_cells(path))), "no cell that nbval compares"


def test_pictures_that_are_committed_lose_bytes_and_nothing_that_one_sees():
    place = importlib.util.spec_from_file_location("run", ROOT / "tools" / "run_notebooks.py")
    place.loader.exec_module(tool := importlib.util.module_from_spec(place))
    grey = np.linspace(0, 255, 200 * 200).reshape(200, 200) + 20 * np.random.default_rng(0).random(
        (200, 200)
    )
    Image.fromarray(np.clip(grey, 0, 255).astype("uint8")).convert("RGBA").save(
        kept := io.BytesIO(), "png"
    )
    before = base64.b64encode(kept.getvalue()).decode()
    after = tool.smaller(before)
    assert len(after) < len(before) / 1.5
    found = np.array(Image.open(io.BytesIO(base64.b64decode(after))).convert("L"), float)
    assert np.abs(found - np.clip(grey, 0, 255)).max() < 10  # of 256 greys
    assert tool.smaller(after) == after  # and those that are small are left alone


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
    found = records.read_records()
    rows = [row for row in claims.read_claims() if row["claim"] == claim]
    word = claims.verdict(claims.judge(row, found)[2] for row in rows)
    (path,) = (path for path in NOTEBOOKS if path.stem == "07_claims")
    prose = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
    (bullet,) = re.findall(rf"^- \*{re.escape(BULLETS[claim])}\*.*$", prose, re.M)
    words = "|".join((*claims.VERDICTS, "depends"))
    said = re.findall(rf"\b({words})\b", bullet)
    assert said[0] == word

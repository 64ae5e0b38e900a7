"""Nothing that is loaded, shown or run can carry code: a scan of the sources."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = sorted(
    path
    for folder in ("vae_helpers", "vae_study", "tools", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
SCRIPTS = [
    path
    for folder in ("vae_helpers", "book/static")
    for path in sorted((ROOT / folder).rglob("*.js"))
    if "vendor" not in path.parts and path.name != "eslint.config.js"  # a tool's settings
]

# Modules that run what they read, or are gates to one that does.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
# A method "compile" is Keras's; the built-in has no object before it.
LOADERS = {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load", "pd.read_pickle"}
SWITCHES = {"allow_pickle": True, "shell": True, "safe_mode": False}


def dangers_in_python(source):
    """(line, what) for everything in Python code that could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            found += [(node.lineno, f"import {name}") for name in names & MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append((node.lineno, f"from {node.module}"))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in CALLS | LOADERS:
                found.append((node.lineno, name))
            for keyword in node.keywords:
                if keyword.arg not in SWITCHES:
                    continue
                # What is no plain value could be either.
                value = getattr(keyword.value, "value", SWITCHES[keyword.arg])
                if value == SWITCHES[keyword.arg]:
                    found.append((node.lineno, f"{keyword.arg}={value}"))
    return found


# Ways from a string to HTML or to code.
SINKS = re.compile(
    r"""innerHTML|outerHTML|insertAdjacentHTML|document\s*\.\s*write|createContextualFragment
    |DOMParser|parseFromString|srcdoc|setHTML|\beval\b|\bFunction\s*\(|javascript:
    |\bset(?:Timeout|Interval)\s*\(\s*["'`]|setAttribute\(\s*["'`]on""",
    re.VERBOSE,
)


def dangers_in_javascript(source):
    """(line, what) for everything in JavaScript that turns a string into HTML or code."""
    code = re.sub(
        r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", lambda c: "\n" * c[0].count("\n"), source, flags=re.S
    )
    return [(code[: hit.start()].count("\n") + 1, hit[0]) for hit in SINKS.finditer(code)]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_python_file_can_run_what_it_reads(path):
    assert dangers_in_python(path.read_text()) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_script_of_this_book_makes_html_or_code_of_a_string(path):
    assert dangers_in_javascript(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", "import pickle"),
        ("import os, dill.source", "import dill"),
        ("from joblib import load", "from joblib"),
        ("x = 1\ny = eval('x')", "eval"),
        ("exec(text)", "exec"),
        ("yaml.load(text)", "yaml.load"),
        ("np.load(path, allow_pickle=True)", "allow_pickle=True"),
        ("np.load(path, allow_pickle=trusted)", "allow_pickle=True"),
        ("subprocess.run(command, shell=True)", "shell=True"),
        ("keras.models.load_model(path, safe_mode=False)", "safe_mode=False"),
    ],
)
def test_the_scan_of_python_finds_what_it_is_for(source, expected):
    assert [what for _, what in dangers_in_python(source)] == [expected]


def test_the_scan_of_python_leaves_harmless_code_alone():
    source = """
        model.compile(optimizer); re.compile("x"); yaml.safe_load(text)
        np.load(path, allow_pickle=False); subprocess.run(command, shell=False); text = "eval(x)"
    """
    assert dangers_in_python(source.replace("\n        ", "\n")) == []


@pytest.mark.parametrize(
    "source",
    [
        "node.innerHTML = name;", "node.outerHTML += name;", "document . write(name)",
        "node.insertAdjacentHTML('beforeend', name)", "eval(name)", "new Function('z', name)",
        "setTimeout('draw()', 5)", "node.setAttribute('onclick', name)", "frame.srcdoc = name",
        "new DOMParser()", "const url = 'https://x'; node.innerHTML = url",
    ],
)  # fmt: skip
def test_the_scan_of_javascript_finds_what_it_is_for(source):
    assert len(dangers_in_javascript(f"/* fine\n */\n{source}")) == 1
    assert dangers_in_javascript(f"/* fine\n */\n{source}")[0][0] == 3


def test_the_scan_of_javascript_leaves_harmless_code_alone():
    source = (
        "node.textContent = name; // innerHTML would be wrong\nsetTimeout(draw, 5); retrieval(2)"
    )
    assert dangers_in_javascript(source) == []


def test_the_scan_sees_the_files_that_it_is_for():
    assert ROOT / "vae_helpers" / "checkpoints.py" in PYTHON
    assert {path.name for path in SCRIPTS} >= {"latent_explorer.js", "config.js", "names.js"}

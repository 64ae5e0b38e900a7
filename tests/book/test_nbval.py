"""Marked cells print what is committed: nbval's judgement, on what the book's build executed.

nbval runs as it always does, but its kernel answers with the outputs of that execution, so that no
notebook is run twice. ``pytest --nbval-lax notebooks`` runs them anew.
"""

import re

import build_book
import nbformat
import pytest
from checkout import ROOT
from nbval import plugin as nbval

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class Answering:
    """A kernel, as nbval sees it, that answers each cell with what it printed before."""

    def __init__(self, executed):
        self.cells = (cell for cell in executed.cells if cell.cell_type == "code")

    def is_alive(self):
        return True

    def execute_cell_input(self, source, allow_stdin):
        cell = next(self.cells)
        assert cell.source == source
        busy = [(output.output_type, output) for output in cell.outputs]
        self.messages = iter([*busy, ("status", {"execution_state": "idle"})])
        return "asked"

    def await_reply(self, asked, timeout):
        pass

    await_idle = await_reply

    def get_message(self, stream, timeout):
        kind, content = next(self.messages)
        return {"msg_type": kind, "content": content, "parent_header": {"msg_id": "asked"}}


@pytest.fixture
def judge(request, monkeypatch):
    """A function of a committed notebook and what was executed: nbval's complaints, one a cell."""
    monkeypatch.setattr(request.config.option, "nbval_lax", True)
    monkeypatch.setattr(
        request.config.option, "nbval_sanitize_with", ROOT / "tests" / "nbval_sanitize.cfg"
    )

    def complaints(path, executed):
        notebook = nbval.IPyNbFile.from_parent(request.session, path=path)
        notebook.setup_sanitize_files()
        notebook.kernel = Answering(executed)
        found = []
        for cell in notebook.collect():
            try:
                cell.runtest()
            except nbval.NbCellError as error:
                found.append(f"cell {cell.cell_num}: {error}\n{error.inner_traceback}")
        return found

    return complaints


@pytest.mark.book
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_marked_cells_printed_what_is_committed_when_the_book_was_built(judge, path):
    try:
        executed = build_book.execution(path)
    except KeyError:
        pytest.fail("the book was not built from this notebook as it is now: make book")
    found = judge(path, executed)
    assert not found, "\n".join(found)


# ---- the judgement itself ---------------------------------------------------------------------


@pytest.fixture(params=NOTEBOOKS[:2], ids=lambda path: path.stem)
def committed(request):
    return nbformat.read(request.param, as_version=4)


def first_marked(notebook):
    return next(
        cell
        for cell in notebook.cells
        if cell.source.startswith("# NBVAL_CHECK_OUTPUT")
        or "nbval-check-output" in cell.metadata.get("tags", [])
    )


def judged(judge, notebook, executed, tmp_path):
    nbformat.write(notebook, tmp_path / "chapter.ipynb")
    return judge(tmp_path / "chapter.ipynb", executed)


def change_a_digit(cell):
    """In the first output that has one, wherever it stands: printed, or in a table."""
    for output in cell.outputs:
        texts = output if "text" in output else output.get("data", {})
        for kind, text in texts.items():
            if kind.startswith("text") and re.search(r"\d", text):
                texts[kind] = re.sub(r"\d", lambda d: str((int(d[0]) + 1) % 10), text, count=1)
                return
    raise AssertionError("the cell shows no number")


def test_the_same_outputs_pass_also_with_other_addresses(judge, committed, tmp_path):
    executed = nbformat.reads(nbformat.writes(committed), as_version=4)
    for notebook, address in ((committed, "0x7f0000000001"), (executed, "0x7f0000000002")):
        shown = nbformat.v4.new_output("stream", name="stdout", text=f"<object at {address}>\n")
        first_marked(notebook).outputs.append(shown)
    assert judged(judge, committed, executed, tmp_path) == []


def test_a_tampered_number_of_a_marked_cell_is_found(judge, committed, tmp_path):
    executed = nbformat.reads(nbformat.writes(committed), as_version=4)
    change_a_digit(first_marked(committed))
    (found,) = judged(judge, committed, executed, tmp_path)
    assert "Cell outputs differ" in found


def test_a_marked_cell_without_its_output_is_found(judge, committed, tmp_path):
    executed = nbformat.reads(nbformat.writes(committed), as_version=4)
    first_marked(committed).outputs = []
    (found,) = judged(judge, committed, executed, tmp_path)
    assert "Cell outputs differ" in found


def test_an_error_of_any_cell_is_found(judge, committed, tmp_path):
    executed = nbformat.reads(nbformat.writes(committed), as_version=4)
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["no"])
    next(cell for cell in executed.cells if cell.cell_type == "code").outputs = [error]
    (found,) = judged(judge, committed, executed, tmp_path)
    assert "caused an exception" in found

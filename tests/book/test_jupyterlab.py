"""The explorer in JupyterLab, as a reader with a kernel has it: served, opened, run, dragged."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
from browsing import assert_a_drag_redraws_every_picture
from playwright.sync_api import TimeoutError

pytestmark = [pytest.mark.long, pytest.mark.browser]

CELL = """from vae_helpers.models import VAE
from vae_helpers.widgets import latent_explorer

latent_explorer({"an untrained VAE": VAE()})"""


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab whose folder holds one notebook, explorer.ipynb."""
    folder, runtime, log = (tmp_path / name for name in ("notebooks", "runtime", "log"))
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "explorer.ipynb")
    options = ("--no-browser", "--allow-root", "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1")
    private = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = os.environ | dict.fromkeys(private, str(runtime))
    with log.open("w") as file, subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", *options, folder],
        env=environment, stdout=file, stderr=file,
    ) as server:  # fmt: skip
        try:
            yield address_of(server, runtime, log)
        finally:
            server.terminate()


def address_of(server, runtime, log, seconds=60):
    """What the server writes about itself once it listens, as the address that opens the notebook."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            said = json.loads(path.read_text())
            if said["port"]:
                return f"{said['url']}lab/tree/explorer.ipynb?token={said['token']}"
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not answer:\n{log.read_text()}")


def test_an_explorer_in_jupyterlab_follows_its_sliders(lab, chromium):
    said = []
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.on("console", lambda message: message.type == "error" and said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(lab)
    # What is run before the kernel answers is never run.
    idle = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
    page.wait_for_selector(idle, timeout=120_000, state="attached")
    begun = "!document.querySelector('.jp-CodeCell .jp-InputPrompt').textContent.includes('[ ]')"
    for _ in range(20):  # JupyterLab can lose the first key, most of all on a busy machine
        page.locator(".jp-Notebook .jp-CodeCell").first.click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(begun, timeout=5_000)
            break
    page.wait_for_selector(".pictures canvas[data-z]", timeout=300_000)
    assert_a_drag_redraws_every_picture(page)
    ours = [text for text in said if re.search("explorer|widget|anywidget|decoder", text, re.I)]
    assert not ours, ours

"""The explorer outside notebooks: its JavaScript as one module, its place in a page, a whole page."""

import base64
import hashlib
import html
import io
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from ..files import written_whole
from ..plotting import tiled
from .room import heights

HERE = Path(__file__).parent
STYLE, PAGE, PLACE = HERE / "latent_explorer.css", HERE / "page.html", HERE / "place.html"
# The files of the module, each after those that it imports from.
PARTS = (
    "kernels", "engine", "networks", "models", "drawing", "page", "stage", "strip", "marks", "map", "grid",
    "walk", "pad", "address", "sliders", "layout", "latent_explorer",
)  # fmt: skip
IMPORT = re.compile(r'^import [^;]*? from "\./\w+\.js";\n', re.MULTILINE)
STILLS = np.linspace(-3, 3, 7)  # z₁ of the pictures that stand in a page without JavaScript


def module(*more):
    """The explorer's JavaScript as one module: its files, and ``more`` of them, one after the other."""
    texts = [(HERE / "js" / f"{part}.js").read_text(encoding="utf-8") for part in PARTS + more]
    return "\n".join(IMPORT.sub("", text) for text in texts)


def script():
    """The same as a script of the old kind, which a page that was opened from a disk can load, too.

    It defines ``showExplorer(selector, state)``: tools/front_page.py calls it.
    """
    text = re.sub(r"^export (default .*\n)?", "", module("front"), flags=re.MULTILINE)
    return f"(() => {{\n{text}}})();\n"


def place(models, state):
    """HTML that stands where an explorer will be: its height, a still picture and a sentence."""
    z = np.zeros((len(STILLS), state["latent_dim"]), "float32")
    z[:, state["dims"][0]] = STILLS
    pictures = []
    for name, model in models.items():
        strip, file = still(model.decode(z), len(STILLS)), io.BytesIO()
        strip.save(file, "PNG")
        pictures.append(
            f'<img class="{"grey" if strip.mode == "L" else "coloured"}" '
            f'src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}" '
            f'width="{2 * strip.width}" height="{2 * strip.height}" '
            f'alt="{html.escape(str(name))}: images decoded at seven points on a line">'
        )
    wide, narrow = heights(state)
    text = PLACE.read_text(encoding="utf-8")
    return text.format(wide=wide, narrow=narrow, pictures="".join(pictures))


def still(images, columns):
    """Images in rows of ``columns`` as one of Pillow's, grey ones dark on white as in the whole book."""
    pixels = np.rint(255 * np.clip(tiled(images, columns), 0, 1)).astype("uint8")
    return Image.fromarray(255 - pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def write_page(path, state, title):
    """Write one HTML file with an explorer that needs no network, no server and no kernel.

    Its content-security policy lets it load nothing from anywhere, and run only its own script.

    Parameters
    ----------
    path : where to write it
    state : what ``explorer_state`` returns
    title : heading of the page, plain text

    Returns
    -------
    Path
        The file written.
    """
    script, style = module("whole"), STYLE.read_text(encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8").format(
        script_digest=_digest(script),
        style_digest=_digest(style),
        title=html.escape(title),
        style=style,
        # The policy allows no other style than the page's own.
        place=re.sub(r' style="[^"]*"', "", state["place"], count=1),
        state=json.dumps(state, ensure_ascii=False).replace("<", "\\u003c"),
        module=script,
    )
    with written_whole(path) as part:
        Path(part).write_text(text, encoding="utf-8")
    return Path(path)


def _digest(text):
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

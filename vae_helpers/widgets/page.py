"""The explorer outside notebooks: its JavaScript as one module, its place in a page, a whole page."""

import base64
import hashlib
import html
import io
import json
import re
from pathlib import Path

import numpy as np
from matplotlib import image as png

from ..files import written_whole
from .room import heights

HERE = Path(__file__).parent
STYLE, PAGE = HERE / "latent_explorer.css", HERE / "page.html"
# The files of the module, each after those that it imports from.
PARTS = (
    "kernels", "networks", "models", "drawing", "page", "stage", "strip", "map", "grid", "walk", "pad",
    "latent_explorer",
)  # fmt: skip
IMPORT = re.compile(r'^import [^;]*? from "\./\w+\.js";\n', re.MULTILINE)

MOUNT = """
mount(document.querySelector(".explorer-place"), JSON.parse(document.getElementById("state").textContent));
"""
SHOW = """
window.showExplorer = (selector, state) => mount(document.querySelector(selector), state, { tour: true });
"""
STILLS = np.linspace(-3, 3, 7)  # z₁ of the pictures that stand in a page without JavaScript


def module():
    """The explorer's JavaScript as one module: its files one after the other."""
    texts = [(HERE / "js" / f"{part}.js").read_text(encoding="utf-8") for part in PARTS]
    return "\n".join(IMPORT.sub("", text) for text in texts)


def script():
    """The same as a script of the old kind, which a page that was opened from a disk can load, too.

    It defines ``showExplorer(selector, state)``: tools/front_page.py calls it.
    """
    text = re.sub(r"^export (default .*\n)?", "", module(), flags=re.MULTILINE)
    return f"(() => {{\n{text}{SHOW}}})();\n"


def place(models, state):
    """HTML that stands where an explorer will be: its height, a still picture and a sentence."""
    z = np.zeros((len(STILLS), state["latent_dim"]), "float32")
    z[:, state["dims"][0]] = STILLS
    pictures = []
    for facts, model in zip(state["models"], models.values(), strict=True):
        decode = getattr(model, "decode", model.decoder)
        strip = np.concatenate([_paper(image) for image in np.asarray(decode(z))], axis=1)
        file = io.BytesIO()
        png.imsave(file, strip, format="png")
        source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
        height, width = strip.shape[:2]
        name = html.escape(facts["name"])
        kind = "grey" if state["models"][0]["decoder"]["output"][2] == 1 else "coloured"
        pictures.append(
            f'<img class="{kind}" src="{source}" width="{2 * width}" height="{2 * height}" '
            f'alt="{name}: images decoded at seven points on a line">'
        )
    wide, narrow = heights(state)
    return (
        f'<div class="explorer-place" style="--wide: {wide}; --narrow: {narrow}">'
        f'<figure class="explorer-still">{"".join(pictures)}<figcaption>What each model decodes at '
        "seven points on a line through its latent space. With JavaScript, sliders for all of it "
        "stand here.</figcaption></figure></div>"
    )


def _paper(image):
    """An image as it is drawn: grey ones dark on white, as everywhere in the book."""
    image = np.clip(image, 0, 1)
    return np.repeat(1 - image, 3, axis=2) if image.shape[2] == 1 else image


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
    script = module() + MOUNT
    style = STYLE.read_text(encoding="utf-8")
    policy = {
        "default-src": "'none'",
        "script-src": f"'{_digest(script)}' 'wasm-unsafe-eval'",
        "style-src": f"'{_digest(style)}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    text = PAGE.read_text(encoding="utf-8").format(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
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

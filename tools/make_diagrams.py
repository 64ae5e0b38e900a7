"""Draw how the VAE and the MMD-VAE are built, for chapters 2 and 3, from their very networks.

    python tools/make_diagrams.py

The pictures follow the light or dark theme of the page that shows them.
"""

import base64
import io
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from vae_helpers.checkpoints import restore
from vae_helpers.data import load_images

IMAGES = Path(__file__).parent.parent / "book" / "images"
WIDTH, LEFT, RIGHT, BOX = 440, 20, 240, 180  # the columns of the encoder and the decoder
TOP, STEP, HIGH = 150, 62, 44  # of the first box, from box to box, of a box

# A phone shows the picture at four fifths: no letter is below 13.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
.shape { font-weight: 600; }
.number { font-weight: 700; fill: var(--plate); }
rect { rx: 6px; stroke-width: 1.5px; }
path { fill: none; stroke: var(--ink); stroke-width: 1.5px; }
marker path { fill: var(--ink); stroke: none; }
.plate { fill: var(--plate); stroke: none; }
.encoder { fill: var(--blue); stroke: var(--blue-edge); }
.decoder { fill: var(--green); stroke: var(--green-edge); }
.code { fill: var(--grey); stroke: var(--grey-edge); }
.loss { fill: var(--pink); stroke: var(--pink-edge); }
path.loss { fill: none; stroke-dasharray: 4 3; }
.differs { fill: var(--amber); stroke: var(--amber-edge); stroke-width: 3px; }
circle { fill: var(--amber-edge); }
svg {
  --plate: #fff; --ink: #1c1e21; --blue: #e3eefb; --blue-edge: #3b6ea8;
  --green: #e4f3e8; --green-edge: #3a7d4f; --grey: #f0f0f0; --grey-edge: #6b7280;
  --pink: #fde8f0; --pink-edge: #b0305f; --amber: #fff0cc; --amber-edge: #b45309;
}
@media (prefers-color-scheme: dark) {
  svg {
    --plate: #16191d; --ink: #eceff3; --blue: #1d3350; --blue-edge: #7fb0ea;
    --green: #1c3a27; --green-edge: #7cc795; --grey: #2c3138; --grey-edge: #a3abb8;
    --pink: #47202f; --pink-edge: #f08db2; --amber: #4a3208; --amber-edge: #f5b13d;
  }
}
"""


def box(x, y, width, lines, kind, high=HIGH):
    """A box with one or two lines of text, the last of them bold."""
    found = [f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{high}"/>']
    for number, line in enumerate(lines):
        at = y + high / 2 + 5 + 17 * (number - (len(lines) - 1) / 2)
        weight = ' class="shape"' if number and number == len(lines) - 1 else ""
        found.append(f'<text{weight} x="{x + width / 2:g}" y="{at:g}">{escape(line)}</text>')
    return found


def arrow(path):
    return [f'<path d="{path}" marker-end="url(#head)"/>']


def attached(path):
    return [f'<path class="loss" d="{path}"/>']


def numbered(number, x, y):
    return [f'<circle cx="{x}" cy="{y}" r="10"/>',
            f'<text class="number" x="{x}" y="{y + 4.5}">{number}</text>']  # fmt: skip


def picture(image, x, y, size=72):
    """Pixels as they are, grey with ink on white as everywhere in the book."""
    file = io.BytesIO()
    Image.fromarray(np.uint8(255 * (1 - image[..., 0]).round(2))).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return [f'<image x="{x}" y="{y}" width="{size}" height="{size}" '
            f'style="image-rendering: pixelated" href="data:image/png;base64,{data}"/>']  # fmt: skip


def described(layer):
    """A layer in two lines: what it does, and the shape that it gives."""
    kind = type(layer).__name__
    stride = f", stride {layer.strides[0]}" if getattr(layer, "strides", (1,))[0] > 1 else ""
    name = {"Conv2D": "convolution", "Conv2DTranspose": "transposed conv.", "Dense": "dense",
            "Flatten": "flatten", "Reshape": "reshape"}[kind] + stride  # fmt: skip
    shape = layer.output.shape[1:]
    return name, " × ".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} numbers"


def diagram(model, image):
    """The picture of a model whose encoder gives one or two numbers for each latent dimension."""
    noisy, d = model.outputs_per_dim == 2, model.latent_dim
    down, up = model.encoder.layers, model.decoder.layers
    rows = max(len(down) + noisy, len(up))
    bottom = TOP + rows * STEP  # of the code
    center, right = LEFT + BOX / 2, RIGHT + BOX / 2
    shape = " × ".join(map(str, image.shape))

    found = picture(image, center - 36, 34) + picture(model(image[None]).numpy()[0], right - 36, 34)
    found += [f'<text x="{center:g}" y="122">image x: {shape}</text>',
              f'<text x="{right:g}" y="122">image x̂: {shape}</text>']  # fmt: skip
    for row, layer in enumerate(down):
        y, last = TOP + row * STEP, row == len(down) - 1
        found += arrow(f"M{center:g} {y - STEP + HIGH if row else 128} V{y - 3}")
        kind = "differs" if last and not noisy else "encoder"
        found += box(LEFT, y, BOX, described(layer), kind)
    for row, layer in enumerate(reversed(up)):
        y = TOP + (row + rows - len(up)) * STEP
        found += arrow(f"M{right:g} {y} V{y - STEP + HIGH + 3 if row else 131}")
        lines, last = described(layer), row == 0
        if last:
            lines = lines[0], "logits, then sigmoid" if noisy else "sigmoid: pixels"
        kind = "differs" if last and not noisy else "decoder"
        found += box(RIGHT, y, BOX, lines, kind)
    if noisy:
        y = TOP + len(down) * STEP
        for x, width, lines in ((20, 72, ("means", f"μ: {d}")),
                                (98, 102, ("log-variances", f"log σ²: {d}"))):  # fmt: skip
            found += arrow(f"M{x + width / 2:g} {y - STEP + HIGH} V{y - 3}")
            found += box(x, y, width, lines, "code")
    found += code_and_losses(noisy, d, bottom, TOP + (len(down) - 1 + noisy) * STEP + HIGH)
    return document(found, bottom + 140, noisy)


def code_and_losses(noisy, d, y, above):
    """What stands between encoder and decoder, and where the terms of the loss bite."""
    below, middle = y + 76, y + HIGH / 2
    start = f"M56 {above} v9 H149 v-9 M110 {above + 9}" if noisy else f"M110 {above}"
    found = arrow(f"{start} V{middle:g} H127")
    found += arrow(f"M310 {middle:g} H330 V{y - STEP + HIGH + 3}")
    if noisy:
        found += box(130, y, BOX, ("code: a draw", "z = μ + σ · ε"), "code")
        found += arrow(f"M340 {below} V{below - 16} H280 V{y + HIGH + 3}")
        found += attached(f"M32 {above} V{below} M150 {y + HIGH} V{below}")
        found += box(LEFT, below, 215, ("divergence", "β (log q(z|x) − log p(z))"), "loss")
        found += box(260, below, 160, ("noise", "ε ~ N(0, I)"), "code")
        found += box(152, 48, 136, ("reconstruction", "−log p(x|z)"), "loss")
    else:
        found += box(130, y, BOX, ("code: no noise", f"z: {d} numbers"), "differs")
        found += attached(f"M150 {y + HIGH} V{below}") + arrow(f"M260 {below + 22} H238")
        found += box(LEFT, below, 215, ("batch of codes beside draws", "λ · MMD²"), "differs")
        found += box(260, below, 160, ("draws of the prior", "ε ~ N(0, I)"), "code")
        found += box(152, 48, 136, ("reconstruction", "(x − x̂)², mean"), "differs")
        found += numbered(1, 130, y) + numbered(2, 152, 48) + numbered(3, LEFT, below)
        found += numbered(1, LEFT, above - HIGH) + numbered(2, RIGHT + BOX, TOP)
    return found + attached("M146 70 H152") + attached("M288 70 H294")


def document(elements, height, noisy):
    title = "How the VAE is built" if noisy else "How the MMD-VAE is built"
    names = (
        '<text class="shape" x="110" y="22">encoder</text>'
        '<text class="shape" x="330" y="22">decoder</text>'
    )
    body = "\n".join(elements)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" \
viewBox="0 0 {WIDTH} {height}" role="img">
<title>{title}</title>
<style>{STYLE}</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="5" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>
<rect class="plate" width="{WIDTH}" height="{height}"/>
{names}
{body}
</svg>
"""


if __name__ == "__main__":
    image = load_images("fashion_mnist").test_images[0]
    for run in ("vae", "mmd_vae"):
        (IMAGES / f"{run}.svg").write_text(diagram(restore(run, "fashion_mnist")[0], image))

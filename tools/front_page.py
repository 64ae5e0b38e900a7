"""The explorer on the book's first page: what a Markdown page needs to hold one without a notebook.

    import front_page
    front_page.write({"VAE": vae, "MMD-VAE": mmd_vae}, data, "book/static/front")

and in book/index.md

    ```{raw} html
    :file: static/front/explorer.html
    ```

The page then loads the explorer's own code, which page_head.py puts into _static, and no ipywidgets.
"""

import html
import json
from pathlib import Path

from vae_helpers.checkpoints import restore
from vae_helpers.faces import draw_faces
from vae_helpers.files import written_whole
from vae_helpers.plotting import latent_grid
from vae_helpers.widgets import explorer_state
from vae_helpers.widgets.page import still
from vae_helpers.widgets.room import heights

BOOK = Path(__file__).parent.parent / "book"
PICTURES = 80  # test images that one can point at
FRAGMENT = """<link rel="stylesheet" href="../_static/explorer.css">
<div class="explorer-place explorer-front" style="--wide: {wide}; --narrow: {narrow}">
<figure class="explorer-still">
<div class="front-stills">{stills}</div>
<figcaption>What each model decodes on a square of its latent space. With JavaScript you can move about
in it.</figcaption>
</figure>
</div>
<script defer src="../_static/explorer.js"></script>
<script defer src="{here}/models.js"></script>
"""


def write(models, data, out):
    """Write the files of an explorer with a map of each model and one z for all of them.

    Parameters
    ----------
    models : dict, name → Autoencoder with latent_dim = 2; two of them fit the page
    data : ImageDataset: its test images are the points
    out : a folder in book/static, for ``explorer.html``, which the page includes; ``models.js``, the
        models as the explorer reads them; and ``0.webp``, ``1.webp``, each model's grid for a page
        without JavaScript

    Returns
    -------
    list of Path : the files written
    """
    out = Path(out)
    state = explorer_state(models, data, map=True, most=PICTURES)
    state.pop("place")  # it has another one here
    here = f"../_static/{out.name}"  # as the front page sees it, book/index.html
    wide, narrow = heights(state, front=True)
    stills, written = [], []
    with written_whole(out / "models.js") as part:
        # A script rather than JSON: a page that was opened from a disk may fetch nothing.
        told = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
        part.write_text(f'showExplorer(".explorer-front", {told});\n', encoding="utf-8")
    for m, (name, model) in enumerate(models.items()):
        grid = still(model.decode(latent_grid()), 16)
        written.append(out / f"{m}.webp")
        with written_whole(written[-1]) as part:
            grid.save(part, quality=60, method=6)
        alt = f"{html.escape(name)}: 16 × 16 images decoded over a square of its latent space"
        size = f'width="{grid.width}" height="{grid.height}"'
        kind = "grey" if grid.mode == "L" else "coloured"
        stills.append(
            f"<div><strong>{html.escape(name)}</strong>"
            f'<img class="{kind}" src="{here}/{m}.webp" {size} alt="{alt}"></div>'
        )
    with written_whole(out / "explorer.html") as part:
        text = FRAGMENT.format(here=here, wide=wide, narrow=narrow, stills="".join(stills))
        part.write_text(text, encoding="utf-8")
    return [out / "explorer.html", out / "models.js", *written]


def main():
    models = {"VAE": restore("vae", "faces")[0], "MMD-VAE": restore("mmd_vae", "faces")[0]}
    for path in write(models, draw_faces().data, BOOK / "static" / "front"):
        print(f"{path.relative_to(BOOK.parent)}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

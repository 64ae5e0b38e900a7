"""Models, pictures and pages for the explorer's tests."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from browsing import serving, visiting
from ipywidgets.embed import dependency_state, embed_data
from page_head import with_places, with_policy

from vae_helpers.data import CLASS_NAMES, ImageDataset
from vae_helpers.models import MMDVAE, VAE
from vae_helpers.widgets import explorer_state, latent_explorer, write_page
from vae_helpers.widgets.page import module

ROOT = Path(__file__).parents[3]
JAVASCRIPT = ROOT / "vae_helpers" / "widgets" / "js"
# Around the explorer the worst of a theme: what Bootstrap does to its classes.
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Explorer</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/book.css">
<style>.row {{ padding: 12px }} .mark {{ color: #212529 }} body {{ margin: 8px; font-family: sans-serif }}
main {{ max-width: 688px; margin: auto; padding: 0 12px }}</style>
<script defer src="/static/vendor/widgets/require.js"></script>
<script defer src="/static/widgets/config.js"></script>
<script defer data-jupyter-widgets-cdn="about:blank#"
src="/static/vendor/widgets/embed-amd.js"></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
</head><body><main><h1>Explorer</h1>
<script type="application/vnd.jupyter.widget-view+json">{view}</script>
<p style="height: 900px" id="after">The page goes on.</p></main></body></html>"""


def lively(model):
    """An untrained model whose pictures differ from place to place, as a trained one's do."""
    for layer in [*model.encoder.layers, *model.decoder.layers]:
        if layer.weights:
            layer.kernel.assign(2 * layer.kernel)
            layer.bias.assign(keras.random.normal(layer.bias.shape, stddev=0.3))
    codes = model.encoder.layers[-1]
    codes.kernel.assign(3 * codes.kernel)  # some of them beyond ±4
    return model


def blobs(shape=(28, 28, 1), n=300):
    """Images like a data set's: soft blobs, ten classes by where they lie."""
    rng = np.random.default_rng(0)
    height, width, channels = shape
    labels = (np.arange(n) % 10).astype("uint8")
    rows, columns = np.mgrid[:height, :width]
    places = np.stack([0.2 + 0.15 * (labels % 5), 0.3 + 0.35 * (labels // 5)], 1)
    centres = (places + rng.normal(0, 0.04, (n, 2))) * (height, width)
    distance = (rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2
    images = np.exp(-distance / rng.uniform(5, 40, (n, 1, 1)))[..., None]
    images = images * rng.uniform(0.3, 1, (n, 1, 1, channels)) if channels > 1 else images
    images = (np.rint(255 * images) / 255).astype("float32")
    return ImageDataset(
        images[:1], images, labels[:1], labels, CLASS_NAMES["fashion_mnist"], "blobs"
    )


@pytest.fixture(scope="session")
def models():
    keras.utils.set_random_seed(1)
    return {"VAE": lively(VAE()), "MMD-VAE": lively(MMDVAE())}


@pytest.fixture(scope="session")
def data():
    return blobs()


@pytest.fixture(scope="session")
def coloured():
    """A model and a data set of 48 × 40 pictures in colour, without labels, in twelve dimensions."""
    keras.utils.set_random_seed(4)
    data = blobs((48, 40, 3))._replace(train_labels=None, test_labels=None, class_names=())
    return {"colours": lively(VAE(latent_dim=12, image_shape=(48, 40, 3)))}, data


@pytest.fixture(scope="session")
def snapshots(models, data):
    """Codes of three epochs: close together, then wide apart, then the model's own; of one model the
    decoders too, whose last layer was weaker."""
    taken = {}
    for name, model in models.items():
        codes = model.encode(data.test_images)
        taken[name] = {
            "epochs": np.array([0, 5, 50]),
            "codes": np.stack([factor * codes for factor in (0.4, 1.7, 1)]),
        }
    weights = models["MMD-VAE"].decoder.get_weights()
    for i, part in enumerate(weights):
        share = np.array([0.2, 0.5, 1] if i >= len(weights) - 2 else [1, 1, 1])
        by_epoch = part * share.reshape(-1, *[1] * part.ndim)
        taken["MMD-VAE"][f"decoder_{i}"] = by_epoch.astype("float16")
    return taken


def page_of(explorer):
    """A page as the book has it: its state, its policy, its room for the explorer."""
    held = embed_data([explorer], state=dependency_state([explorer], drop_defaults=False))
    state = json.dumps(held["manager_state"]).replace("<", "\\u003c")
    view = json.dumps(held["view_specs"][0]).replace("<", "\\u003c")
    return with_policy(with_places(PAGE.format(state=state, view=view)))


@pytest.fixture(scope="session")
def site(tmp_path_factory, models, data, snapshots, coloured):
    """A folder that is served, and its address."""
    import book_assets

    book_assets.fetch_all()
    folder = tmp_path_factory.mktemp("site")
    (folder / "static").symlink_to(ROOT / "book" / "static")
    (folder / "module.js").write_text(module())
    (folder / "blank.html").write_text("<!doctype html><link rel='icon' href='data:,'>")
    everything = {"map": True, "grid": True, "pad": True, "walk": True}
    explorers = {
        "core": (models, None, {}),
        "all": (models, data, everything | {"snapshots": snapshots}),
        "map": (models, data, {"map": True}),
        "grid": (models, None, {"grid": True}),
        "pad": (models, data, {"pad": True}),
        "walk": (models, data, {"walk": True}),
        "ten": (
            {f"model {i}": models["VAE"] for i in range(10)},
            data,
            {"map": True, "walk": True},
        ),
        "colours": (*coloured, {"map": True, "pad": True, "walk": True}),
    }
    for name, (shown, source, panels) in explorers.items():
        (folder / f"{name}.html").write_text(page_of(latent_explorer(shown, source, **panels)))
    write_page(folder / "own.html", explorer_state(models, data, **everything), "One & only")
    with serving(folder) as address:
        yield folder, address


@pytest.fixture
def visit(chromium, site):
    """Open a page; when the test ends, nothing may have gone wrong or gone out."""
    with visiting(chromium, site[1]) as open_page:

        def visit(name, **options):
            page = open_page(
                f"{name}.html", **({"viewport": {"width": 1280, "height": 720}} | options)
            )
            if name != "blank":
                page.wait_for_selector(".pictures canvas[data-z]", timeout=30_000)
            return page

        yield visit

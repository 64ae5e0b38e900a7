"""Write one HTML file in which a training's latent space can be explored, to open or to send.

    python -m vae_helpers.explore runs/mmd_vae-holidays-seed0 --open

The file needs no network and no server. It holds the trained networks, the codes of test images, and
a few of these images themselves: as many as it says, none with ``--pictures 0``.
"""

import argparse
import base64
import json
import sys
import webbrowser
from pathlib import Path

import keras
import numpy as np

from . import family, models  # noqa: F401  Keras finds the registered classes once they are there
from .checkpoints import DATASETS, RUNS, build, image_shape_of
from .checks import check_number
from .data import DataError, ImageDataset, load_images
from .faces import draw_faces
from .folders import load_folder
from .results import FOLDER
from .widgets.explorer import explorer_state
from .widgets.page import write_page
from .widgets.points import MAP_POINTS

PICTURES = 60


def explore(
    run: str | Path, *, pictures: int = PICTURES, out: str | Path | None = None,
    folder: str | Path | None = None,
) -> tuple[Path, int]:  # fmt: skip
    """Write the page of one training.

    Parameters
    ----------
    run : the training's folder, as ``train`` wrote it
    pictures : how many test images the page may contain, at least 0. Without any it has sliders and
        map, whose points are codes, but nothing to walk between or to reconstruct
    out : the file, by default explorer.html in the training's folder
    folder : where its pictures are, if they are no longer where they were

    Returns
    -------
    path, n : the file written, and how many images it contains

    Raises
    ------
    ValueError
        No finished training in that folder, pictures of another size, or a layer that browsers
        cannot run.
    DataError
        Its pictures cannot be had.
    OSError
        The file cannot be written.
    """
    pictures = check_number(pictures, "pictures", low=0, whole=True)
    run = Path(run)
    model, settings = load_training(run)
    data = data_of(run, settings, folder)
    panels = {"map": model.latent_dim > 1, "grid": model.latent_dim == 2}
    if pictures > 1:
        panels |= {"walk": True, "pad": True}
    name = f"{type(model).__name__}, {model.latent_dim} dimensions"
    state = explorer_state({name: model}, data, **panels)
    shown = keep_pictures(state["points"], pictures, model.image_shape)
    path = write_page(out or run / "explorer.html", state, f"{data.name}: latent space")
    return path, shown


def load_training(run):
    """The model in a training's folder, and its settings."""
    records = [path for path in sorted(run.glob("*.json")) if path.name != FOLDER]
    if len(records) != 1:
        what = "holds no finished training" if not records else f"holds {len(records)} records"
        raise ValueError(f"{run} {what}; name the folder that python -m vae_helpers.train wrote")
    try:
        settings = json.loads(records[0].read_text())["settings"]
        if settings["run"] in RUNS:
            model = build(settings["run"], image_shape_of(settings["dataset"]))
            model.load_weights(records[0].with_suffix(".weights.h5"))
        else:
            model = keras.models.load_model(records[0].with_suffix(".keras"))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{run} is damaged, or of another version: {error}") from error
    return model, settings


def data_of(run, settings, folder):
    """The first test images of a training's data, as many as a map shows; an ImageDataset."""
    if settings["dataset"] in DATASETS and not (run / FOLDER).exists():
        name = settings["dataset"]
        data = draw_faces().data if name == "faces" else load_images(name)
    else:
        try:
            reading = json.loads((run / FOLDER).read_text())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{run} does not say where its pictures are: it was trained from Python. There, "
                "latent_explorer and write_page make the page"
            ) from error
        path = reading.pop("path")
        data = load_folder(folder or path, **reading)
    n = min(MAP_POINTS, len(data.test_images))
    # All of a streamed set would not fit into memory, and the page needs no training images.
    images = np.asarray(data.test_images[:n])
    labels = None if data.test_labels is None else data.test_labels[:n]
    return ImageDataset(images[:0], images, None, labels, data.class_names, data.name)


def _bytes(packed):
    return base64.b64decode(packed["base64"])


def _packed(array):
    return {"base64": base64.b64encode(array.tobytes()).decode()}


def keep_pictures(points, most, image_shape):
    """Leave at most so many images in what a page is told, in turn from each class; how many stay."""
    marked = points.get("marked", [])
    labels = np.frombuffer(_bytes(points.get("labels")), "<u2")[marked] if marked else np.array([])
    rank = [int(np.sum(labels[:i] == label)) for i, label in enumerate(labels)]
    keep = np.sort(np.argsort(rank, kind="stable")[:most]).astype(int)
    if marked:
        images = np.frombuffer(_bytes(points["images"]), "uint8").reshape(-1, *image_shape)
        points["images"] = _packed(images[keep])
        points["codes"] = [
            _packed(np.frombuffer(_bytes(codes), "<f2").reshape(len(marked), -1)[keep])
            for codes in points["codes"]
        ]
        points["marked"] = [marked[k] for k in keep]
    return len(keep)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.explore",
        description="Write one HTML file with sliders over a training's latent space.",
    )
    parser.add_argument("run", help="a training's folder, such as runs/mmd_vae-holidays-seed0")
    parser.add_argument(
        "--pictures",
        type=int,
        default=PICTURES,
        help=f"how many it may contain ({PICTURES}); 0: none",
    )
    parser.add_argument("--out", help="the file (default: explorer.html in that folder)")
    parser.add_argument("--folder", help="where the pictures are, if they were moved")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    settings = vars(parser.parse_args(arguments))
    show = settings.pop("open")
    try:
        path, n = explore(**settings)
    except (DataError, ValueError, OSError) as error:
        sys.exit(f"explore: {' '.join(str(error).split())}")
    contains = f"{n} of your pictures" if n else "none of your pictures, but the codes of some"
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; it contains {contains}")
    if show:
        webbrowser.open(path.resolve().as_uri())


if __name__ == "__main__":
    main()

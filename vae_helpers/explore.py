"""Write one HTML file in which a training's latent space can be explored, to open or to send.

    python -m vae_helpers.explore runs/mmd_vae-holidays-seed0 --open

The file needs no network and no server. It holds the trained networks, the codes of test images, and
a few of these images themselves: as many as it says, none with ``--pictures 0``.
"""

import argparse
import json
import sys
import webbrowser
from pathlib import Path

import keras

from . import family, models  # noqa: F401  Keras finds the registered classes once they are there
from .checkpoints import DATASETS, RUNS, build, image_shape_of
from .checks import check_number
from .data import DataError, load_images
from .faces import draw_faces
from .folders import load_folder
from .results import FOLDER
from .widgets import explorer_state, write_page

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
    panels |= dict.fromkeys(("walk", "pad"), pictures > 1)
    name = f"{type(model).__name__}, {model.latent_dim} dimensions"
    state = explorer_state({name: model}, data, **panels, most=pictures)
    path = write_page(out or run / "explorer.html", state, f"{data.name}: latent space")
    return path, len(state["points"].get("marked", []))


def load_training(run):
    """The model in a training's folder, and its settings."""
    records = [path for path in run.glob("*.json") if path.name != FOLDER]
    if len(records) != 1:
        raise ValueError(
            f"{run} holds {len(records) or 'no'} finished trainings and not one; name the folder "
            "that python -m vae_helpers.train wrote"
        )
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
    """The ImageDataset of a training."""
    if (run / FOLDER).exists():
        reading = json.loads((run / FOLDER).read_text())
        path = reading.pop("path")
        return load_folder(folder or path, **reading)
    if (name := settings["dataset"]) in DATASETS:
        return draw_faces().data if name == "faces" else load_images(name)
    raise DataError(
        f"{run} does not say where its pictures are, for it was trained from Python; there, "
        "latent_explorer and write_page make the page"
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.explore",
        description="Write one HTML file with sliders over a training's latent space.",
    )
    add = parser.add_argument
    add("run", help="a training's folder, such as runs/mmd_vae-holidays-seed0")
    add("--pictures", type=int, default=PICTURES, help=f"at most so many ({PICTURES}); 0: none")
    add("--out", help="the file (default: explorer.html in that folder)")
    add("--folder", help="where the pictures are, if they were moved")
    add("--open", action="store_true", help="open it in the browser")
    given = parser.parse_args(arguments)
    try:
        path, n = explore(given.run, pictures=given.pictures, out=given.out, folder=given.folder)
    except (DataError, ValueError, OSError) as error:
        sys.exit(f"explore: {' '.join(str(error).split())}")
    contains = f"{n} of your pictures" if n else "none of your pictures, but the codes of some"
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; it contains {contains}")
    if given.open:
        webbrowser.open(path.resolve().as_uri())


if __name__ == "__main__":
    main()

"""The weights behind the study's records: float16, one file a training; what the book ships (seed 0 of
most) is not kept a second time.

python -m vae_study.weights runs/vae-fashion_mnist-seed1        keep a finished training's
"""

import json
import sys
from pathlib import Path

import numpy as np

from vae_helpers.autoencoder import Autoencoder
from vae_helpers.checkpoints import build, digest_of, image_shape_of, restore, unaltered
from vae_helpers.files import written_whole

from .records import rounded_json

WEIGHTS = Path(__file__).parent / "weights"


def restore_training(run: str, dataset: str, seed: int) -> tuple[Autoencoder, dict]:
    """The model of one training of the study, and what its training recorded.

    Parameters
    ----------
    run, dataset : as for ``vae_helpers.checkpoints.restore``
    seed : of the training; where none is kept in float16, 0 is what the book ships

    Raises
    ------
    ValueError
        The file of the weights has been altered.
    FileNotFoundError
        The weights are not kept.
    """
    path = WEIGHTS / f"{run}-{dataset}-seed{seed}.npz"
    listed = f"  {path.name}\n" in (WEIGHTS / "SHA256SUMS").read_text()
    if not listed and not path.exists():
        if seed == 0:
            return restore(run, dataset)
        raise FileNotFoundError(
            f"{path.stem} is not kept. To have it: python -m vae_helpers.train {run} {dataset} --seed "
            f"{seed}, and after that python -m vae_study.weights runs/{path.stem}"
        )
    unaltered(path)
    model = build(run, image_shape_of(dataset))
    with np.load(path, allow_pickle=False) as file:
        model.set_weights([file[name].astype("float32") for name in file.files])
    return model, json.loads(path.with_suffix(".json").read_text())


def halves(model):
    """The weights of a model as they are kept, a list of float16 arrays."""
    return [weight.astype("float16") for weight in model.get_weights()]


def keep(folder):
    """Keep the weights and the record of a finished training, as ``vae_helpers.train`` left them."""
    (record_path,) = Path(folder).glob("*.json")
    record = json.loads(record_path.read_text())
    settings = record["settings"]
    model = build(settings["run"], image_shape_of(settings["dataset"]))
    model.load_weights(record_path.with_suffix(".weights.h5"))
    path = WEIGHTS / "{run}-{dataset}-seed{seed}.npz".format(**settings)
    with written_whole(path) as part:
        np.savez_compressed(part, *halves(model))
    for test in record["test"].values():
        if model.latent_dim > 8:  # a thousand numbers that nothing asks for
            test.pop("code_cov", None)
    path.with_suffix(".json").write_text(rounded_json(record))
    sums = [f"{digest_of(file)}  {file.name}\n" for file in sorted(WEIGHTS.glob("*.npz"))]
    (WEIGHTS / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        keep(folder)

"""The runs of this book by name, and their shipped weights and records.

Weights are HDF5 files, codes and decoders over time NumPy arrays, records JSON: nothing that is
loaded can carry code. ``shipped/SHA256SUMS`` says what they must be; ``sha256sum -c`` reads it too.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .checks import check_known
from .data import DIGESTS, SHAPES
from .family import CapacityVAE, ContinuousBernoulliVAE, GaussianVAE, VampPriorVAE
from .files import written_whole
from .models import MMDVAE, VAE, Autoencoder, InfoVAE

# The published batch size. The 2018 tutorial's loss is batch_size times ours at this β.
PUBLISHED_BATCH_SIZE = 100

# The MMD's weight beside a reconstruction in nats. In the published loss the MMD stands beside the
# squared error, and between drawing the mean image for everything and what mmd_vae learnt lies 0.0559
# of it; between the mean image and what vae learnt lie 123.7 nats. Their ratio keeps the proportion.
BERNOULLI_MMD_WEIGHT = 2215.0

# For a curve of rate and distortion: the VAE at these β, 10 epochs each.
SWEEP = {f"vae_beta_{beta:g}": beta for beta in (0.03, 0.1, 0.3, 3.0, 10.0, 30.0)}

MANY = (8, 32, 64)  # latent dimensions


class Run(NamedTuple):
    """A model with its settings, and how the book trains it."""

    make: Callable[..., Autoencoder]  # of image_shape; other arguments replace the run's own
    epochs: int = 50  # the published number; fewer where they show what is to be shown
    learning_rate: float = 1e-4  # the published one


RUNS = {
    "vae_published": Run(partial(VAE, beta=1 / PUBLISHED_BATCH_SIZE)),
    "vae": Run(partial(VAE, beta=1.0)),
    "mmd_vae": Run(partial(MMDVAE, mmd_weight=1.0)),
    "autoencoder": Run(partial(MMDVAE, mmd_weight=0.0)),
    # Two controls of chapter 7. From vae to mmd_vae_bernoulli only the divergence changes, from there
    # to mmd_vae_stochastic only the likelihood, from there to mmd_vae only the encoder's noise.
    "mmd_vae_bernoulli": Run(partial(InfoVAE, alpha=1.0, lambda_=BERNOULLI_MMD_WEIGHT)),
    "mmd_vae_stochastic": Run(partial(InfoVAE, alpha=1.0, lambda_=1.0, likelihood="squared_error")),
    # The rest of the family.
    "vae_capacity": Run(CapacityVAE),
    "vae_vamp_prior": Run(VampPriorVAE),
    "vae_continuous_bernoulli": Run(ContinuousBernoulliVAE),
    "vae_gaussian": Run(GaussianVAE),
    # More dimensions, also for photographs, and with a kernel that does not go flat as they are added.
    **{f"vae_{d}d": Run(partial(VAE, latent_dim=d), 25) for d in MANY},
    **{f"mmd_vae_{d}d": Run(partial(MMDVAE, latent_dim=d, kernel="published"), 25) for d in MANY},
    **{f"mmd_vae_imq_{d}d": Run(partial(MMDVAE, latent_dim=d, kernel="imq"), 25) for d in MANY},
    **{run: Run(partial(VAE, beta=beta), 10) for run, beta in SWEEP.items()},
    # One setting changed: is it β, or time? And how much of chapter 7 hangs on the MMD's weight and kernel?
    "vae_published_fast": Run(partial(VAE, beta=1 / PUBLISHED_BATCH_SIZE), learning_rate=1e-3),
    "vae_fast": Run(partial(VAE, beta=1.0), learning_rate=1e-3),
    "mmd_vae_imq": Run(partial(MMDVAE, kernel="imq")),
    "mmd_vae_bernoulli_weak": Run(partial(InfoVAE, alpha=1.0, lambda_=BERNOULLI_MMD_WEIGHT / 10)),
    "mmd_vae_bernoulli_strong": Run(partial(InfoVAE, alpha=1.0, lambda_=BERNOULLI_MMD_WEIGHT * 10)),
}

SHIPPED = Path(__file__).parent / "shipped"
DATASETS = (*DIGESTS, "faces")  # what runs are shipped for; the faces are those of draw_faces()


def build(run: str, image_shape: tuple[int, int, int] = (28, 28, 1)) -> Autoencoder:
    """A new, untrained model of the named run, for images of that shape."""
    check_known(run, "run", RUNS)
    return RUNS[run].make(image_shape=image_shape)


def restore(run: str, dataset: str) -> tuple[Autoencoder, dict]:
    """The model of a shipped training, and its record.

    Introduced in chapter 2.

    Parameters
    ----------
    run : a name from ``RUNS``, such as "vae_published", "vae" or "mmd_vae"
    dataset : "fashion_mnist" or "mnist", or "faces", which ``draw_faces()`` draws

    Returns
    -------
    model : the trained Autoencoder
    record : dict: settings, seed, versions, loss terms and seconds of each epoch, measures

    Raises
    ------
    ValueError
        Unknown run or data set, or a shipped file that has been altered.
    FileNotFoundError
        That run is not shipped for that data set.
    """
    model = build(run, image_shape_of(dataset))
    weights, record = shipped_file(run, dataset, "weights.h5"), read_record(run, dataset)
    model.load_weights(weights)
    return model, record


def image_shape_of(dataset):
    """(height, width, channels) of a data set of the book, without loading it."""
    return SHAPES.get(dataset, (28, 28, 1))


def read_record(run: str, dataset: str) -> dict:
    """The record of a shipped training alone, without building its model."""
    return json.loads(shipped_file(run, dataset, "json").read_text())


def snapshots(run: str, dataset: str) -> dict[str, np.ndarray]:
    """How a shipped training unfolded: what its model did at epochs 0, 1, 10, 20, … and its last.

    Introduced in chapter 4.

    Returns
    -------
    dict of arrays: ``epochs`` [e], e up to 7; ``codes`` float16 [e, 2000, latent_dim], of the first
    2,000 test images; for ``vae_published`` and ``mmd_vae`` on Fashion-MNIST also ``decoder_0`` …,
    the decoder's weights in Keras's order with the epochs in front, float16.
    """
    with np.load(shipped_file(run, dataset, "npz"), allow_pickle=False) as file:
        return dict(file)


def shipped_file(run, dataset, kind):
    """The path of one of a shipped training's three files, once it has been found unaltered."""
    check_known(run, "run", RUNS)
    check_known(dataset, "data set", DATASETS)
    path = SHIPPED / f"{run}-{dataset}.{kind}"
    if not path.exists() and path.name not in _digests():
        there = sorted({p.name.split(".")[0] for p in SHIPPED.glob("*.json")})
        raise FileNotFoundError(
            f"{run!r} on {dataset!r} is not shipped; there are {', '.join(there) or 'none'}. "
            f"Train it, python -m vae_helpers.train {run} {dataset}, and then load it: "
            f"model = build({run!r}); "
            f"model.load_weights('runs/{run}-{dataset}-seed0/{run}-{dataset}.weights.h5')"
        )
    return unaltered(path)


def unaltered(path):
    """The path of a shipped file, once it has the digest that its folder's SHA256SUMS says."""
    path = Path(path)
    if not path.exists() or digest_of(path) != _digests(path.parent).get(path.name):
        raise ValueError(
            f"{path} is not the file that this book ships: it was altered, cut short, swapped or "
            f"removed. Install the package again, or in a clone: git checkout "
            f"{path.parent.parent.name}/{path.parent.name}"
        )
    return path


def _digests(folder=SHIPPED):
    """What ``SHA256SUMS`` says: {file name: digest}; nothing where it is missing."""
    sums = folder / "SHA256SUMS"
    lines = sums.read_text(errors="replace").splitlines() if sums.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def digest_of(path):
    """A file's SHA-256, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def copy_of(model):
    """A new model with the settings and weights of another one, and no optimizer."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def save_weights(model, path):
    """Write a model's weights without the optimizer's state, which is twice as large again."""
    with written_whole(path) as part:
        copy_of(model).save_weights(part)

"""What ``train_in_jax.py`` needs before it can train, and what becomes of its trainings after.

python tools/starts_for_jax.py start  STARTS vae-mnist-seed1 mmd_vae_imq-fashion_mnist-seed0 …
python tools/starts_for_jax.py finish STARTS DONE        leaves in runs/ what any training leaves
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm
from train_in_jax import BATCH, KEPT_WEIGHTS

from vae_helpers.checkpoints import RUNS, build
from vae_helpers.data import load_images
from vae_helpers.files import batched
from vae_helpers.models import MMDVAE, InfoVAE
from vae_helpers.results import CODES_KEPT, look, result_path, write_results
from vae_helpers.resuming import TrainingState


def settings_of(run, model):
    """What tells a model from the others, as numbers that the one loss of ``train_in_jax`` takes."""
    info, plain = isinstance(model, InfoVAE), isinstance(model, MMDVAE)
    weight = getattr(model, "mmd_weight", 0.0)
    seed, drawn = (int(part) for part in model.seed_generator.state.numpy())
    if drawn or keras.backend.floatx() != "float32":
        raise ValueError("a model that has drawn noise already cannot be trained anew")
    return {
        "seed": seed % (2**31 - 2),  # as Autoencoder.noise_like has it
        "draws": 1 + info,  # an InfoVAE draws twice a step: for z first, then from the prior
        "noise_at": 0,
        "prior_at": int(info),
        "stochastic": float(not plain),
        "beta": 1 - model.alpha if info else getattr(model, "beta", 0.0),
        "bernoulli": float(model.decoder_output == "logits"),
        "published": weight * (getattr(model, "kernel", None) == "published"),
        "imq": weight * (getattr(model, "kernel", None) == "imq"),
        "rate": RUNS[run].learning_rate,
    }


def orders(n, seed, epochs):
    """In which order ``to_batches`` shows n images: uint16 [epochs, n]."""
    found = np.zeros((epochs, n), "uint16")
    for epoch in range(epochs):
        order = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
        batches = batched(tf.data.Dataset.range(n), BATCH, True, order)
        found[epoch] = np.concatenate(list(batches.as_numpy_iterator()))
    return found


def start(starts, names):
    """Write first weights, settings, orders and images of the trainings named."""
    starts.mkdir(parents=True, exist_ok=True)
    rows, data = [], {}
    for name in tqdm(names):
        run, dataset, seed = name.rsplit("-", 2)
        seed = int(seed.removeprefix("seed"))
        if dataset not in data:
            data[dataset] = load_images(dataset)
            parts = data[dataset].train_images, data[dataset].test_images[:CODES_KEPT]
            train, test = (np.rint(255 * part).astype("uint8") for part in parts)
            np.savez_compressed(starts / f"{dataset}.npz", train=train, test=test)
        n, shape = len(data[dataset].train_images), data[dataset].image_shape
        keras.utils.set_random_seed(seed)
        model = build(run, shape)
        weights = model.get_weights()
        if isinstance(model, MMDVAE):  # beside each code a log-variance that nothing uses
            weights[4:6] = [np.concatenate([a, 0 * a], axis=-1) for a in weights[4:6]]
        np.savez(starts / f"{name}.npz", *weights)
        epochs, path = RUNS[run].epochs, starts / f"order-{n}-{seed}.npy"
        if not path.exists() or len(np.load(path, mmap_mode="r")) < epochs:
            np.save(path, orders(n, seed, epochs))
        rows.append(
            {"name": name, "run": run, "dataset": dataset, "seed": seed, "shape": shape,
             "latent_dim": model.latent_dim, "epochs": epochs, "how": settings_of(run, model)}
        )  # fmt: skip
    (starts / "trainings.json").write_text(json.dumps(rows, indent=1))


def finish(starts, done):
    """Write into ``runs`` what ``vae_helpers.train`` would have left, but for the state to go on from."""
    for row in tqdm(json.loads((starts / "trainings.json").read_text())):
        settings = {
            "run": row["run"], "dataset": row["dataset"], "seed": row["seed"], "batch_size": BATCH,
            "learning_rate": row["how"]["rate"], "train_images": None,
        }  # fmt: skip
        out, path = Path("runs") / row["name"], done / f"{row['name']}.npz"
        if path.exists() and not result_path(out, settings, "json").exists():
            with np.load(path) as file:
                finish_one(row, settings, out, dict(file))


def finish_one(row, settings, out, found):
    data = load_images(row["dataset"])
    keras.utils.set_random_seed(row["seed"])
    model = build(row["run"], data.image_shape)
    state = TrainingState(model, settings, out)
    for epoch in (*KEPT_WEIGHTS, row["epochs"]):
        last = "w" if epoch == row["epochs"] else f"w{epoch}"
        weights = [found[f"{last} {i}"].astype("float32") for i in range(14)]
        if isinstance(model, MMDVAE):
            weights[4:6] = [a[..., : model.latent_dim] for a in weights[4:6]]
        model.set_weights(weights)
        look(state, data, epoch, measured=True)
    # Of the decoder over time, which a few trainings keep, there are three epochs alone.
    state.arrays = {name: array for name, array in found.items() if name.startswith("codes ")}
    names = ("loss", *model.summands, *model.reported, "seconds")
    state.history = [
        {"epoch": epoch, **{name: seen[name] for name in names}}
        for epoch, seen in enumerate(json.loads(str(found["history"])), 1)
    ]
    state.versions = {"trained by": str(found["by"])}
    write_results(state, data)


if __name__ == "__main__":
    if sys.argv[1:2] == ["start"]:
        start(Path(sys.argv[2]), sys.argv[3:])
    elif sys.argv[1:2] == ["finish"]:
        finish(*map(Path, sys.argv[2:4]))
    else:
        sys.exit(__doc__)

"""The continuous Bernoulli VAE trained with its authors' two precautions; chapter 11 shows it.

    python -m vae_study.continuous_bernoulli

Loaiza-Ganem & Cunningham's own code spreads each grey value over its 1/256 with uniform noise, and
keeps λ between 1e-4 and 1 − 1e-4. The book's ``vae_continuous_bernoulli`` has neither. All else is as
there, but for the number of epochs. Started again after an interruption, it goes on where it was.
"""

import argparse
import json
import math
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.data import load_images
from vae_helpers.family import ContinuousBernoulliVAE
from vae_helpers.files import written_whole
from vae_helpers.measures import measures_of_chapter_4
from vae_helpers.networks import build_decoder
from vae_helpers.train import train

from .records import RECORDS

LIMIT = math.log((1 - 1e-4) / 1e-4)  # of the logits: λ stays between 1e-4 and 1 − 1e-4
RECORD = RECORDS / "continuous_bernoulli.json"
WEIGHTS = RECORDS / "continuous_bernoulli.npz"


@keras.saving.register_keras_serializable("vae_study")
def clipped(logits):
    """Logits within ±``LIMIT``, in their shape; beyond it they have no gradient."""
    return tf.clip_by_value(logits, -LIMIT, LIMIT)


def dequantised(images, seed=0):
    """Images [n, …] of 256 grey values with uniform noise of one grey value's width: in [0, 1).

    Source: Theis, van den Oord & Bethge (2016).
    """
    noise = np.random.default_rng(seed).random(images.shape, "float32")
    return np.minimum((255 * images + noise) / 256, np.float32(1))


def build():
    """An untrained model: the book's continuous Bernoulli VAE with a decoder whose logits are clipped."""
    return ContinuousBernoulliVAE(decoder=build_decoder(2, activation=clipped))


def restore():
    """The trained model and its record, as ``vae_helpers.checkpoints.restore`` gives them."""
    model = build()
    with np.load(WEIGHTS, allow_pickle=False) as kept:
        model.set_weights([kept[name].astype("float32") for name in sorted(kept)])
    return model, json.loads(RECORD.read_text())


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m vae_study.continuous_bernoulli")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args(arguments)
    data = load_images("fashion_mnist")
    noisy = data._replace(
        train_images=dequantised(data.train_images, settings.seed),
        test_images=dequantised(data.test_images, settings.seed + 1),
        name="fashion_mnist_dequantised",
    )
    keras.utils.set_random_seed(settings.seed)
    model = build()
    out = Path(f"runs/continuous_bernoulli-seed{settings.seed}")
    record = train(model, noisy, epochs=settings.epochs, seed=settings.seed, out=out)

    kept = {f"weight_{i:02d}": w.astype("float16") for i, w in enumerate(model.get_weights())}
    with written_whole(WEIGHTS) as part:
        np.savez_compressed(part, **kept)
    # What is measured is what is kept, on the images as they are.
    model.set_weights([w.astype("float32") for w in kept.values()])
    logits = np.concatenate(
        [model.decoder(z).numpy() for z in np.split(model.encode(data.test_images), 10)]
    )
    empty = data.test_images == 0
    record["study"] = {
        **measures_of_chapter_4(model, data),
        "empty_at_limit": float(np.mean(logits[empty] <= -LIMIT)),
        "empty_drawn": float(model.to_pixels(logits).numpy()[empty].mean()),
    }
    with written_whole(RECORD) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["study"], indent=1))


if __name__ == "__main__":
    main()

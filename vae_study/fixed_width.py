"""VAEs whose Gaussian pixels have a variance that is chosen and not learnt; chapter 11 shows them.

    python -m vae_study.fixed_width

Each is the book's ``vae_gaussian`` with log σ² held where it is put. What has been trained is passed
over.
"""

import json

import keras
import numpy as np

from vae_helpers.data import load_images, to_batches
from vae_helpers.family import GaussianVAE
from vae_helpers.files import written_whole
from vae_helpers.measures import measures_of_chapter_4

from .records import RECORDS

VARIANCES = (0.003, 0.03, 0.3)  # of a grey value; the learnt one is 0.03
EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED = 10, 100, 1e-3, 0
RECORD = RECORDS / "fixed_width.json"


def weights_path(variance):
    return RECORDS / f"fixed_width_{variance:g}.npz"


def build(variance):
    """An untrained ``GaussianVAE`` whose pixels have this variance for good."""
    model = GaussianVAE()
    model.pixel_logvar.assign(np.log(variance))
    model.pixel_logvar.trainable = False
    return model


def restore():
    """The trained models, {variance: model}, and what was recorded of each, {variance: dict}."""
    models = {}
    for variance in VARIANCES:
        models[variance] = build(variance)
        with np.load(weights_path(variance), allow_pickle=False) as kept:
            weights = [kept[name].astype("float32") for name in sorted(kept)]
        models[variance].set_weights(weights)
    records = json.loads(RECORD.read_text())
    return models, {variance: records[f"{variance:g}"] for variance in VARIANCES}


def make(variance, data):
    """Train one model, keep its weights in float16, measure these; its record, a dict."""
    keras.utils.set_random_seed(SEED)
    model = build(variance)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    batches = to_batches(data.train_images, BATCH_SIZE, seed=SEED)
    history = model.fit(batches, epochs=EPOCHS, verbose=2).history
    kept = {f"weight_{i:02d}": w.astype("float16") for i, w in enumerate(model.get_weights())}
    with written_whole(weights_path(variance)) as part:
        np.savez_compressed(part, **kept)
    model.set_weights([w.astype("float32") for w in kept.values()])
    settings = {"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "seed": SEED}
    found = measures_of_chapter_4(model, data)
    return {"settings": settings, "history": history, "study": found}


def main():
    data = load_images("fashion_mnist")
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for variance in VARIANCES:
        if f"{variance:g}" not in records:
            records[f"{variance:g}"] = make(variance, data)
            with written_whole(RECORD) as part:
                part.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()

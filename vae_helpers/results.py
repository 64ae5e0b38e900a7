"""What a finished training leaves behind: weights, arrays over time, a record."""

import hashlib
import json

import keras
import numpy as np

from .checkpoints import RUNS, copy_of, save_weights
from .data import DIGESTS, to_batches
from .files import written_whole
from .measures import measures_of_chapter_4
from .resuming import snapshot_name

SNAPSHOT_EPOCHS = (0, 1, 10, 20, 30, 40, 50)
# For these two the decoder is kept as well, so that the latent grid can be drawn over time.
DECODERS_OVER_TIME = {("vae_published", "fashion_mnist"), ("mmd_vae", "fashion_mnist")}
MEASURED_EPOCHS = (1, 10, 50)
CODES_KEPT = 2000
FOLDER = "folder.json"  # in a training's folder: where its pictures are, and how they were read


def digest_of_images(images):
    """SHA-256 of float32 images, also of streamed ones, in hexadecimal digits."""
    digest = hashlib.sha256()
    for i in range(0, len(images), 1000):
        digest.update(np.ascontiguousarray(images[i : i + 1000]))
    return digest.hexdigest()


def write_results(state, data):
    """From a finished training's snapshots, make what can be shipped: weights, arrays, record."""
    settings, history, model = state.settings, state.history, copy_of(state.model)
    run, dataset = settings["run"], settings["dataset"]
    epochs = [e for e in sorted({*SNAPSHOT_EPOCHS, len(history)}) if e <= len(history)]
    codes, decoders, measured = [], [], {}
    for epoch in epochs:
        model.load_weights(state.out / snapshot_name(epoch))
        codes.append(model.encode(data.test_images[:CODES_KEPT]).astype("float16"))
        decoders.append([w.astype("float16") for w in model.decoder.get_weights()])
        if epoch in MEASURED_EPOCHS or epoch == len(history):
            terms = test_terms(model, data, settings)
            measured[str(epoch)] = {**terms, **measures_of_chapter_4(model, data)}

    arrays = {"epochs": np.array(epochs), "codes": np.stack(codes)}
    if (run, dataset) in DECODERS_OVER_TIME:
        arrays |= {f"decoder_{i}": np.stack(w) for i, w in enumerate(zip(*decoders, strict=True))}
    record = {
        "settings": settings,
        "epochs": len(history),
        "versions": state.versions,
        "data_sha256": settings.get("data_sha256") or DIGESTS[dataset],
        "history": history,
        "test": measured,
    }
    path = state.out / f"{run}-{dataset}"
    save_weights(model, f"{path}.weights.h5")
    if run not in RUNS:  # nothing else would say what its layers are
        with written_whole(f"{path}.keras") as part:
            model.save(part)
    with written_whole(f"{path}.npz") as part:
        np.savez_compressed(part, **arrays)
    with written_whole(f"{path}.json") as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    return record


def test_terms(model, data, settings):
    """Loss terms on the test images, with noise that is the same in each call."""
    keras.utils.set_random_seed(settings["seed"])
    fresh = copy_of(model)
    fresh.compile()
    batches = to_batches(data.test_images, settings["batch_size"])
    return fresh.evaluate(batches, return_dict=True, verbose=0)

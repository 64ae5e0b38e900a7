"""What a finished training leaves behind: weights, arrays over time, a record."""

import hashlib
import json

import keras
import numpy as np

from .checkpoints import RUNS, copy_of, save_weights
from .data import DIGESTS, to_batches
from .files import written_whole
from .measures import measures_of_chapter_4
from .resuming import result_path

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


def look(state, data, epoch, measured):
    """Put what is kept of an epoch into the state: codes, perhaps the decoder, measures."""
    settings, model = state.settings, copy_of(state.model)
    state.arrays[f"codes {epoch}"] = model.encode(data.test_images[:CODES_KEPT]).astype("float16")
    if (settings["run"], settings["dataset"]) in DECODERS_OVER_TIME:
        for i, weights in enumerate(model.decoder.get_weights()):
            state.arrays[f"decoder_{i} {epoch}"] = weights.astype("float16")
    if measured:
        terms = test_terms(model, data, settings)
        state.test[str(epoch)] = {**terms, **measures_of_chapter_4(model, data)}


def write_results(state, data):
    """Write what can be shipped of a finished training: weights, arrays, record."""
    settings, last = state.settings, len(state.history)
    if str(last) not in state.test:
        look(state, data, last, measured=True)
    epochs = [e for e in sorted({*SNAPSHOT_EPOCHS, last}) if e <= last]
    arrays = {"epochs": np.array(epochs)}
    for name in sorted({key.split()[0] for key in state.arrays}):
        arrays[name] = np.stack([state.arrays[f"{name} {epoch}"] for epoch in epochs])
    record = {
        "settings": settings,
        "epochs": last,
        "versions": state.versions,
        "data_sha256": settings.get("data_sha256") or DIGESTS[settings["dataset"]],
        "history": state.history,
        "test": state.test,
    }
    save_weights(state.model, result_path(state.out, settings, "weights.h5"))
    if settings["run"] not in RUNS:  # nothing else would say what its layers are
        with written_whole(result_path(state.out, settings, "keras")) as part:
            copy_of(state.model).save(part)
    with written_whole(result_path(state.out, settings, "npz")) as part:
        np.savez_compressed(part, **arrays)
    with written_whole(result_path(state.out, settings, "json")) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")
    return record


def test_terms(model, data, settings):
    """Loss terms on the test images, with noise that is the same in each call."""
    keras.utils.set_random_seed(settings["seed"])
    fresh = copy_of(model)
    fresh.compile()
    batches = to_batches(data.test_images, settings["batch_size"])
    return fresh.evaluate(batches, return_dict=True, verbose=0)

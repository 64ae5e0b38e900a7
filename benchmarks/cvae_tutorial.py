"""An outside yardstick: TensorFlow's CVAE tutorial, trained with this book's VAE.

    python benchmarks/cvae_tutorial.py            about 5 minutes on two cores

The tutorial (https://www.tensorflow.org/tutorials/generative/cvae) has the same layers and loss. It
trains on MNIST with every pixel set to 0 or 1 at 0.5, in batches of 32, with Adam at 1e-4, for 10
epochs, and prints a test ELBO of about −155.9 nats per image. The result is kept in
vae_study/records/cvae_tutorial.json, and a test holds it to within 5 nats.
"""

import json
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from vae_helpers.data import load_images, to_batches
from vae_helpers.models import VAE

SETTINGS = {"batch_size": 32, "learning_rate": 1e-4, "epochs": 10, "seed": 0}
RESULT = Path(__file__).parents[1] / "vae_study" / "records" / "cvae_tutorial.json"


def binarize(images):
    return np.where(images > 0.5, 1.0, 0.0).astype("float32")


def main():
    keras.utils.set_random_seed(SETTINGS["seed"])
    data = load_images("mnist")
    train_images, test_images = binarize(data.train_images), binarize(data.test_images)
    model = VAE(latent_dim=2, beta=1.0)
    model.compile(keras.optimizers.Adam(SETTINGS["learning_rate"]))
    elbos = []
    for epoch in range(SETTINGS["epochs"]):
        batches = to_batches(train_images, SETTINGS["batch_size"], seed=0, epoch=epoch)
        model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, verbose=2)
        test_batches = to_batches(test_images, SETTINGS["batch_size"])
        elbos.append(-model.evaluate(test_batches, return_dict=True, verbose=0)["loss"])
        print(f"epoch {epoch + 1}: test ELBO {elbos[-1]:.2f}", flush=True)
    packages = ("tensorflow", "keras", "numpy")
    record = {
        "settings": SETTINGS,
        "versions": {package: version(package) for package in packages},
        "test_elbo": elbos,
    }
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Draw the picture of README and front page from the shipped weights."""

from pathlib import Path

import matplotlib.pyplot as plt

from vae_helpers.checkpoints import restore
from vae_helpers.plotting import latent_grid, show_latent_grid

IMAGES = Path(__file__).parent.parent / "book" / "images"


def main():
    figure, axes = plt.subplots(1, 2, figsize=(10, 5.2))
    titles = {"vae_published": "VAE as published in 2018", "mmd_vae": "MMD-VAE"}
    for ax, (run, title) in zip(axes, titles.items(), strict=True):
        model, _ = restore(run, "fashion_mnist")
        show_latent_grid(model.decode(latent_grid()), ax=ax)
        ax.set_title(title)
    figure.tight_layout()
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / "two_planes.jpg", dpi=100, pil_kwargs={"quality": 85})


if __name__ == "__main__":
    main()

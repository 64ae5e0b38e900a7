"""Draw the picture of README and front page, and the one of shared links, from the shipped weights."""

from pathlib import Path

import matplotlib.pyplot as plt

from vae_helpers.checkpoints import restore
from vae_helpers.plotting import latent_grid, show_latent_grid

BOOK = Path(__file__).parent.parent / "book"
TITLES = {"vae_published": "VAE as published in 2018", "mmd_vae": "MMD-VAE"}


def two_planes(axes):
    for ax, (run, title) in zip(axes, TITLES.items(), strict=True):
        model, _ = restore(run, "fashion_mnist")
        show_latent_grid(model.decode(latent_grid()), ax=ax)
        ax.set_title(title)


def front_page():
    figure, axes = plt.subplots(1, 2, figsize=(10, 5.2))
    two_planes(axes)
    figure.tight_layout()
    figure.savefig(BOOK / "images" / "two_planes.jpg", dpi=100, pil_kwargs={"quality": 85})


def shared_links():
    """1200 × 630 pixels, what most networks show."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.3))
    two_planes(axes)
    for ax in axes:
        ax.set_axis_off()
    figure.suptitle("Representation learning with variational autoencoders", fontsize=24, y=0.96)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.85, wspace=0.01)
    figure.savefig(BOOK / "static" / "social.jpg", dpi=100, pil_kwargs={"quality": 80})


if __name__ == "__main__":
    (BOOK / "images").mkdir(exist_ok=True)
    front_page()
    shared_links()

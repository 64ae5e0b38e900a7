"""Draw README's film of the map of faces and the picture of shared links, from the shipped weights."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

from vae_helpers.checkpoints import restore
from vae_helpers.plotting import draw_image, latent_grid, show_latent_grid

BOOK = Path(__file__).parent.parent / "book"
SHARED = {"vae_published": "VAE as published in 2018", "mmd_vae": "MMD-VAE"}
FACES = {"vae": "VAE", "mmd_vae": "MMD-VAE"}
LIMIT = 2.5  # the faces' codes lie within this
FRAMES = 72


def faces_film():
    """One thumb wanders over the maps of two models, and a face follows it."""
    angle = np.linspace(0, 2 * np.pi, FRAMES, endpoint=False)
    path = 1.9 * np.stack([np.sin(angle), np.sin(2 * angle)], axis=1).astype("float32")
    figure, axes = plt.subplots(
        1, 4, figsize=(8, 3), gridspec_kw={"width_ratios": [2.6, 1, 2.6, 1]}, layout="constrained"
    )
    moving = []
    for (run, title), ax, face in zip(FACES.items(), axes[::2], axes[1::2], strict=True):
        model, _ = restore(run, "faces")
        show_latent_grid(model.decode(latent_grid(9, LIMIT)), limit=LIMIT, ax=ax)
        ax.set_title(title)
        decoded = model.decode(path)
        thumb = ax.plot(*path[0], "o", ms=11, mfc="none", mec="#c2410c", mew=3, zorder=4)[0]
        draw_image(face, decoded[0])
        face.set_axis_off()
        moving.append((thumb, face.images[0], decoded))

    def frame(i):
        for thumb, picture, decoded in moving:
            thumb.set_data(path[i : i + 1, 0], path[i : i + 1, 1])
            picture.set_data(decoded[i, ..., 0])

    film = FuncAnimation(figure, frame, frames=FRAMES)
    film.save(BOOK / "images" / "faces.webp", writer=PillowWriter(fps=12), dpi=100)


def shared_links():
    """1200 × 630 pixels, what most networks show."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.3))
    for ax, (run, title) in zip(axes, SHARED.items(), strict=True):
        model, _ = restore(run, "fashion_mnist")
        show_latent_grid(model.decode(latent_grid()), ax=ax)
        ax.set_title(title)
        ax.set_axis_off()
    figure.suptitle("Representation learning with variational autoencoders", fontsize=24, y=0.96)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.85, wspace=0.01)
    figure.savefig(BOOK / "static" / "social.jpg", dpi=100, pil_kwargs={"quality": 80})


if __name__ == "__main__":
    (BOOK / "images").mkdir(exist_ok=True)
    faces_film()
    shared_links()

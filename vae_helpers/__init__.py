"""Helpers of the book "Representation learning with variational autoencoders".

What most people use is here; the modules hold more, and the chapters import from them:

    import vae_helpers as vh
    model, record = vh.restore("vae", "fashion_mnist")

A name is looked up when it is first used: importing the package loads nothing, prints nothing and
seeds nothing.
"""

from importlib import import_module

__version__ = "0.2.0"

_MODULES = {
    "autoencoder": ("Autoencoder",),
    "checkpoints": ("restore", "snapshots"),
    "data": ("ImageDataset", "load_images", "to_batches"),
    "folders": ("load_folder",),
    "models": ("VAE", "MMDVAE", "InfoVAE"),
    "networks": ("build_encoder", "build_decoder"),
    "plotting": ("latent_grid", "plot_codes", "show_images"),
    "widgets": ("latent_explorer",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_PLACES)


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__():
    return sorted({*__all__, "__version__"})

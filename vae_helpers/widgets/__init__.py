"""Sliders for looking around in latent space: one Python call, one JavaScript module, one style sheet."""

from .explorer import latent_explorer

__all__ = ["latent_explorer"]

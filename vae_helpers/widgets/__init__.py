"""Sliders for looking around in latent space: one Python call, one JavaScript module, one style sheet."""

from .explorer import explorer_state, latent_explorer
from .page import write_page

__all__ = ["explorer_state", "latent_explorer", "write_page"]

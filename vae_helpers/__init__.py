"""Helpers of the book "Representation learning with variational autoencoders"."""

__version__ = "0.1.0"

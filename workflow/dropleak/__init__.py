"""Gradient inversion attacks on clients with dropout, from images to verdicts."""

__version__ = "0.1.0"

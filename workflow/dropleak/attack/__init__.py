"""Gradient inversion: from what clients shared to their images. Needs torch and numpy only."""

ENGINE_VERSION = 3
"""Raised whenever a change alters the numbers that an attack gives."""

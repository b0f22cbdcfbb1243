"""Gradient inversion: from what clients shared to their images. Needs torch and numpy only."""

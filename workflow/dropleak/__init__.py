"""Gradient inversion attacks on clients with dropout, from images to verdicts."""

"""Dropout against Deep Leakage from Gradients: the library behind the workflow."""

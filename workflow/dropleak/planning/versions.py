"""Versions of numbers: raised by hand when a change alters them, so that results are made anew."""

DATA_VERSION = 2
"""Of the pixels and labels in image tables."""

ENGINE_VERSION = 4
"""Of what an attack gives."""

TRAINING_VERSION = 1
"""Of what a training gives."""

"""Versions of numbers: raised by hand when the numbers change, so that results are made again."""

DATA_VERSION = 2
"""Version of the pixels and labels in image tables."""

ENGINE_VERSION = 5
"""Version of an attack's numbers."""

TRAINING_VERSION = 2
"""Version of a training's numbers."""

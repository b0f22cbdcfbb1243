"""The hardware of this machine. Planning uses it, so it does not import torch."""

from pathlib import Path


def has_gpu() -> bool:
    """Whether the NVIDIA driver offers a GPU here."""
    return any(Path("/dev").glob("nvidia[0-9]*"))

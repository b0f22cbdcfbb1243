"""What this machine has, found out without torch, so that planning is quick."""

from pathlib import Path


def has_gpu() -> bool:
    """Whether the NVIDIA driver offers a GPU here."""
    return any(Path("/dev").glob("nvidia[0-9]*"))

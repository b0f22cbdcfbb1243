"""Forget what a process has cached."""

from dropleak.data import folder


def rescan() -> None:
    """Scan folders of images again, which a process does only once."""
    folder._scan.cache_clear()

"""What a new process would do, within one."""

from dropleak.data import folder


def look_again() -> None:
    """See what has changed in folders of images, at which a process looks once."""
    folder._scan.cache_clear()

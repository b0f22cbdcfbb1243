"""What a client does to its gradient before it shares it."""

from collections.abc import Mapping


def label(defence: Mapping[str, Mapping]) -> str:
    """A defence with its settings in tables and names of files: `none`, or `pruning-0.9`.

    Args:
        defence: as in a client's settings, from its name to its settings; empty if it has none.
    """
    for name, settings in defence.items():
        return "-".join([name, *(f"{value:g}" for value in settings.values())])
    return "none"

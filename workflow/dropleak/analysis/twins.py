"""Clients that are the same but for their defence."""

from collections.abc import Mapping


def undefended(client: str, clients: Mapping[str, Mapping]) -> str | None:
    """The client of an experiment that has every setting of another one but its defence.

    Dropout rates may differ. A client without a defence is its own; None if there is none.

    Args:
        client: name of one.
        clients: settings of all, by name.
    """
    if not clients[client]["defence"]:
        return client
    twin = {**clients[client], "defence": {}, "rates": None}
    return next((name for name, it in clients.items() if {**it, "rates": None} == twin), None)

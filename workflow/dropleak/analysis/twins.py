"""Clients that are the same but for their defence."""

from collections.abc import Mapping

from dropleak.planning.networks import HOW_ATTACKED


def undefended(client: str, clients: Mapping[str, Mapping]) -> str | None:
    """The client of an experiment that has every setting of another one but its defence.

    Dropout rates and attackers may differ. A client without a defence is its own; None if there is
    none.

    Args:
        client: name of one.
        clients: settings of all, by name.
    """
    if not clients[client]["defence"]:
        return client
    twin = {**clients[client], "defence": {}, **HOW_ATTACKED}
    return next((name for name, it in clients.items() if {**it, **HOW_ATTACKED} == twin), None)

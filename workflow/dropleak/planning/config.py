"""What a complete configuration says, to whoever asks."""

import json
from collections.abc import Iterable, Iterator
from functools import cache

from dropleak.planning import networks
from dropleak.planning.messages import path_of
from dropleak.planning.schema import load_presets, settings_of, with_defaults

ACCOUNTING = ("read", "separate", "optimise", "known")
"""The ways with masks that look for the client's."""


def clients(config: dict) -> dict[str, dict]:
    """All settings of every client that may be named, by name."""
    return _presets("clients", config)


def rates_of(config: dict, client: str) -> list[float]:
    """The dropout rates at which a client is attacked."""
    return clients(config)[client]["rates"] or config["rates"]


def attackers_of(config: dict, client: str) -> list[str]:
    """The names of the attackers of a client."""
    return clients(config)[client]["attackers"] or config["attackers"]


def attacking(config: dict) -> list[str]:
    """The names of all attackers that attack some client.

    The first one is the first client's, which takes the role of the paper's.
    """
    every = (name for client in config["clients"] for name in attackers_of(config, client))
    return list(dict.fromkeys(every))


def iterations_of(config: dict, attacker: str) -> int:
    """The budget of an attacker, in iterations."""
    return attackers(config)[attacker]["iterations"] or config["attack"]["iterations"]


def clients_of_training(config: dict, *training: str) -> list[dict]:
    """Settings of the clients that share trainings, which `networks.training` names."""
    presets = clients(config)
    named = (presets[name] for name in config["clients"])
    return [client for client in named if networks.training(client) == training]


def attacked_epochs(config: dict, *training: str) -> list[int]:
    """The epochs of a training after which its weights are attacked."""
    sharing = clients_of_training(config, *training)
    return sorted({client["epochs"] for client in sharing if networks.is_trained(client)})


def training_rates(config: dict, *training: str) -> list[float]:
    """The dropout rates of a training: those for its accuracy, and those that it is attacked at.

    The accuracy of clients with rates of their own is only of interest there.
    """
    rates: list[float] = []
    for client in clients_of_training(config, *training):
        rates += client["rates"] or config["utility"]["rates"]
        if networks.is_trained(client):
            rates += client["rates"] or config["rates"]
    return list(dict.fromkeys(rates))


def attackers(config: dict) -> dict[str, dict]:
    """All settings of every attacker that may be named, by name."""
    return _presets("attackers", config)


def _presets(kind: str, config: dict) -> dict[str, dict]:
    return _built_in(kind) | config["presets"][kind]


@cache
def _built_in(kind: str) -> dict[str, dict]:
    """All settings of the built-in presets; those of a complete configuration have theirs."""
    return {name: with_defaults(own, settings_of(kind)) for name, own in load_presets(kind).items()}


def independent(clients: Iterable[dict]) -> str:
    """What is independent in attacks on clients with these settings: images, updates, or both."""
    alone = {client["images_per_update"] == 1 for client in clients}
    return " or ".join(name for name, one in (("images", True), ("updates", False)) if one in alone)


def interpretations(config: dict) -> dict[str, str]:
    """The configured attackers that could be the paper's, and what each does about masks.

    They have its settings but for masks, of which it says nothing; it gave the attacker none.
    """
    presets = attackers(config)
    paper = with_defaults({}, settings_of("attackers"))
    return {
        name: presets[name]["masks"]
        for name in attacking(config)
        if presets[name] == paper | {"masks": presets[name]["masks"]}
        and presets[name]["masks"] not in ACCOUNTING
    }


def accounting(config: dict) -> list[str]:
    """The configured attackers that account for the client's masks, and are not given them."""
    presets = attackers(config)
    return [name for name in without_oracles(config) if presets[name]["masks"] in ACCOUNTING]


def without_oracles(config: dict) -> list[str]:
    """The configured attackers that know no more than what a client shares."""
    presets = attackers(config)
    return [name for name in attacking(config) if presets[name]["masks"] != "known"]


def separating(config: dict) -> list[str]:
    """The configured attackers that separate the images of an update."""
    presets = attackers(config)
    return [name for name in attacking(config) if presets[name]["masks"] == "separate"]


def differences(one: object, other: object, path: tuple = ()) -> Iterator[tuple[str, str, str]]:
    """Keys whose values differ between two configurations, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            yield from differences(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path_of(path), json.dumps(one), json.dumps(other)

"""What results depend on: the settings, data and code versions that their numbers follow from.

Every result file has a record of it, so that it can be told what may be used, whatever became of
Snakemake's own records. Settings at their defaults are left out: a new setting, whose default is
what was done before, changes nothing.
"""

from collections.abc import Mapping

from dropleak.data.sources import data_identity
from dropleak.planning.config import (
    attackers,
    clients,
    differences,
    settings_of,
    with_defaults,
    without_defaults,
)
from dropleak.planning.versions import DATA_VERSION, ENGINE_VERSION, TRAINING_VERSION

TRAINED = ("network", "dropout")
"""The settings of a client that its accuracy depends on: who shares them shares trainings."""

_TRAINING = ("epochs", "batch_size", "optimiser", "learning_rate", "initialisation")


def of_images(config: dict) -> dict:
    """Of the image tables."""
    return {"data_version": DATA_VERSION, "data": data_identity(config["data"])}


def of_attack(config: dict, images: dict, client: str, attacker: str) -> dict:
    """Of the attacks of one attacker on one client, besides rate and images.

    Not their names: presets that are called otherwise give the same numbers.

    Args:
        config: complete.
        images: as of `of_images`, which looks at every file of a folder and need not do so again.
        client, attacker: names.
    """
    return images | {
        "engine_version": ENGINE_VERSION,
        "seed": config["seed"],
        "client": without_defaults(clients(config)[client], _CLIENT),
        "attacker": without_defaults(attackers(config)[attacker], _ATTACKER),
        "iterations": config["attack"]["iterations"],
        "precision": config["attack"]["precision"],
    }


def of_training(config: dict, images: dict, client: str) -> dict:
    """Of the trainings of one client's network, besides the rate; arguments as above."""
    trained = {key: clients(config)[client][key] for key in TRAINED}
    return images | {
        "training_version": TRAINING_VERSION,
        "seed": config["seed"],
        "client": without_defaults(trained, _CLIENT),
        "seeds": config["utility"]["seeds"],
        "training": {key: config["utility"][key] for key in _TRAINING},
    }


def changes(recorded: Mapping, identity: Mapping) -> list[str]:
    """What has changed since a result was made, in words; nothing if it can be used."""
    if recorded == identity:
        return []
    was, now = (_with_defaults(each) for each in (recorded, identity))
    return [f"{key} was {old} and is {new}" for key, old, new in differences(was, now)]


_CLIENT, _ATTACKER = settings_of("clients"), settings_of("attackers")
_PARTS = {"client": _CLIENT, "attacker": _ATTACKER}


def _with_defaults(identity: Mapping) -> dict:
    filled = {
        key: with_defaults(identity[key], part) for key, part in _PARTS.items() if key in identity
    }
    return {**identity, **filled}

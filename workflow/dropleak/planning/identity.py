"""Identities of results: the settings, data and code versions that determine their numbers.

Every result file records its identity, which says whether it can be used, whatever happened to
Snakemake's own records. Settings at their defaults are left out, so a new setting changes nothing
if its default is what was done before.
"""

from collections.abc import Mapping

from dropleak.data.sources import data_identity
from dropleak.planning.config import (
    attacked_epochs,
    attackers,
    clients,
    differences,
    iterations_of,
)
from dropleak.planning.networks import HOW_ATTACKED, is_trained, training, untrained, without_paths
from dropleak.planning.schema import settings_of, with_defaults, without_defaults
from dropleak.planning.versions import DATA_VERSION, ENGINE_VERSION, TRAINING_VERSION

_TRAINED = ("network", "dropout", "weights", "batch_norm", "defence")
"""The settings of a client that determine its accuracy. Clients that share them share trainings."""

_TRAINING = ("batch_size", "optimiser", "learning_rate", "initialisation")


def of_images(config: dict) -> dict:
    """Identity of the image tables."""
    return {"data_version": DATA_VERSION, "data": data_identity(config["data"])}


def of_client(settings: dict) -> dict:
    """Identity of a client: its settings, with the content of files in place of their paths.

    Without its rates and attackers, as each has results of its own.
    """
    return without_defaults(without_paths(settings) | HOW_ATTACKED, _CLIENT)


def of_attack(config: dict, images: dict, client: str, attacker: str) -> dict:
    """Identity of one attacker's attacks on one client, apart from rate and images.

    Without the names, because presets give the same numbers under another name.

    Args:
        config: complete.
        images: result of `of_images`, which is slow for a folder of images.
        client, attacker: names.
    """
    settings = clients(config)[client]
    weights = of_weights(config, images, client) if is_trained(settings) else images
    return weights | {
        "engine_version": ENGINE_VERSION,
        "seed": config["seed"],
        "client": of_client(settings),
        "attacker": without_defaults(attackers(config)[attacker] | {"iterations": None}, _ATTACKER),
        "iterations": iterations_of(config, attacker),
        "precision": config["attack"]["precision"],
    }


def of_weights(config: dict, images: dict, client: str) -> dict:
    """Identity of the weights of one client's network in training, apart from rate and epoch.

    They do not depend on how long the training goes on, nor on those with other seeds. For the
    arguments see `of_attack`.
    """
    settings = of_client(untrained(clients(config)[client]))
    return images | {
        "training_version": TRAINING_VERSION,
        "seed": config["seed"],
        "client": {key: settings[key] for key in _TRAINED if key in settings},
        "training": {key: config["utility"][key] for key in _TRAINING},
    }


def of_training(config: dict, images: dict, client: str) -> dict:
    """Identity of the trainings of one client's network, apart from the rate; see `of_attack`."""
    weights, utility = of_weights(config, images, client), config["utility"]
    kept = {*attacked_epochs(config, *training(clients(config)[client]))} - {utility["epochs"]}
    return weights | {
        "seeds": utility["seeds"],
        "training": {"epochs": utility["epochs"], **weights["training"]},
        **({"weights_after": sorted(kept)} if kept else {}),
    }


def changes(recorded: Mapping, identity: Mapping) -> list[str]:
    """The settings that have changed since a result was made, in words; empty if it can be used."""
    if recorded == identity:
        return []
    was, now = map(_with_defaults, (recorded, identity))
    return [f"{key} was {old} and is {new}" for key, old, new in differences(was, now)]


_CLIENT, _ATTACKER = settings_of("clients"), settings_of("attackers")
_PARTS = {"client": _CLIENT, "attacker": _ATTACKER}


def _with_defaults(identity: Mapping) -> dict:
    filled = {
        key: with_defaults(identity[key], part) for key, part in _PARTS.items() if key in identity
    }
    return {**identity, **filled}

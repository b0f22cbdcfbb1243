"""The configuration: defaults from the schema, and checks whose messages say what to do."""

import json
import math
import os
import stat
from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators

from dropleak.assets import WORKFLOW
from dropleak.data import folder, sources
from dropleak.engine import defences
from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.models.zoo import NETWORKS
from dropleak.errors import InputError
from dropleak.planning import networks
from dropleak.planning.messages import explain, nearest, path_of, shown
from dropleak.planning.paths import expanded

# In JSON 2.0 is a whole number; in Python it cannot count anything.
_VALIDATOR = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)

SCHEMA = WORKFLOW / "schemas" / "config.schema.yaml"
PRESETS = WORKFLOW / "presets"

_CHOICES: dict[str, dict[str, str | None]] = {
    "data sets": dict.fromkeys(sources.SOURCES),
    "distances": {name: entry.meaning for name, entry in DISTANCES.items()},
    "networks": {name: entry.meaning for name, entry in NETWORKS.items()},
}
"""What settings can be, and what that means, unless the schema says it."""

_GROUPS = {"defences": defences.DEFENCES}
"""The entries that a group of keys can name, each with settings of its own."""

_MOST_PROBLEMS = 10
"""That are told at once: a list can have any number of wrong entries."""

_SOME = 32
"""Images that an experiment attacks unless it says how many."""

ACCOUNTING = ("read", "separate", "optimise", "known")
"""The ways with masks that look for the client's."""


@cache
def load_schema() -> dict:
    """The configuration's JSON schema, with the choices that the registries have."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    _fill_in_choices(schema)
    return schema


def _fill_in_choices(schema: dict) -> None:
    """Replace `registry`, in any part of the schema, by the choices that this registry has.

    They add to what `anyOf` allows, if the part has it. Those of a group are its keys.
    """
    if isinstance(schema.get("registry"), str):
        registry = schema.pop("registry")
        if registry in _GROUPS:
            entries = _GROUPS[registry]
            choices: dict[str, str | None] = {
                name: entry.meaning for name, entry in entries.items()
            }
            schema["properties"] = {name: _group(entry) for name, entry in entries.items()}
            schema["additionalProperties"] = False
        else:
            choices = _CHOICES[registry]
            if "anyOf" in schema:
                schema["anyOf"].insert(0, {"enum": list(choices)})
            else:
                schema["enum"] = list(choices)
        meanings = [f"`{name}` is {meaning}" for name, meaning in choices.items() if meaning]
        schema["description"] += f" {'; '.join(meanings)}." if meanings else ""
    for part in schema.values():
        if isinstance(part, dict):
            _fill_in_choices(part)


def _group(entry: defences.Entry) -> dict:
    """The schema of the settings of a defence."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, part in entry.settings.items() if "default" not in part],
        "properties": entry.settings,
    }


def complete(config: dict, folders: Iterable[Path] = ()) -> dict:
    """A copy of the configuration with every default filled in and paths expanded, checked.

    Args:
        config: as given.
        folders: of its files, which a client's relative paths are looked for in.

    Raises:
        InputError: one message that lists all problems, each with key, value and what is allowed.
    """
    schema = load_schema()
    try:
        config = with_defaults(config, schema)
        errors = _VALIDATOR(schema).iter_errors(config)
        problems = list(islice(_earlier_forms(config), _MOST_PROBLEMS))
        problems = problems or list(map(explain, islice(errors, _MOST_PROBLEMS)))
        problems = problems or list(_expand_paths(config, folders))
        problems = problems or list(islice(_contradictions(config), _MOST_PROBLEMS))
    except RecursionError:
        problems = ["it contains itself, or is nested without end"]
    if problems:
        raise InputError("the configuration cannot be used:\n  " + "\n  ".join(problems))
    config["images"] = _images(config)
    return config


def with_defaults(value: Any, schema: dict) -> Any:
    """`value` with the schema's defaults filled in, at every depth, and keys in the schema's order.

    Others come last, sorted, so that the order in which keys were given changes nothing.
    """
    if not isinstance(value, dict):
        return deepcopy(value)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    filled = {
        key: with_defaults(value.get(key, part.get("default")), part)
        for key, part in properties.items()
        if key in value or "default" in part
    }
    for key in sorted(value.keys() - properties.keys(), key=str):
        filled[key] = with_defaults(value[key], others if isinstance(others, dict) else {})
    return filled


def without_defaults(value: dict, schema: dict) -> dict:
    """Those settings of a group that differ from the schema's defaults."""
    defaults = {key: part.get("default") for key, part in schema["properties"].items()}
    return {key: chosen for key, chosen in value.items() if chosen != defaults[key]}


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


def settings_of(kind: str) -> dict:
    """The schema of the settings of a preset, of "clients" or "attackers"."""
    return load_schema()["properties"]["presets"]["properties"][kind]["additionalProperties"]


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
    """The configured attackers that account for the client's masks."""
    presets = attackers(config)
    return [name for name in attacking(config) if presets[name]["masks"] in ACCOUNTING]


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


@cache
def load_presets(kind: str) -> dict[str, dict]:
    """The built-in "clients" or "attackers"."""
    return yaml.safe_load((PRESETS / f"{kind}.yaml").read_text(encoding="utf-8"))


def _earlier_forms(config: object) -> Iterator[str]:
    """Keys of earlier versions, each with what to write in its place."""
    if not isinstance(config, dict):
        return
    if "client" in config:
        yield (
            "client: clients are presets now; write clients: [mine] and, under presets, "
            f"clients: {{mine: {shown(config['client'])}}}"
        )
    if isinstance(config["presets"], dict):
        kinds = load_schema()["properties"]["presets"]["properties"]
        for name, settings in config["presets"].items():
            if name not in kinds and isinstance(settings, dict) and not nearest(name, kinds):
                new = path_of(["presets", "attackers", name])
                yield f"{path_of(['presets', name])}: attackers have their own group; write {new}"


def _expand_paths(config: dict, folders: Iterable[Path]) -> Iterator[str]:
    """Mistakes in the paths of a configuration that fits the schema; the others are expanded."""
    data = config["data"]
    try:
        data["root"] = expanded(data["root"])
    except ValueError as error:
        yield f"data.root: {shown(data['root'])} {error}"
    for name, client in config["presets"]["clients"].items():
        for key, problem in networks.expand(client, folders):
            yield f"presets.clients.{name}.{key}: {problem}"


def _contradictions(config: dict) -> Iterator[str]:
    """Mistakes that a schema cannot express, in a configuration that fits it."""
    for path, value in _numbers(config, ()):
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{path_of(path)}: {value} is not a finite number"
        elif value == 0 and math.copysign(1, value) < 0:
            yield f"{path_of(path)}: -0.0 has a sign; write 0.0"  # it would be in file names
    if config["experiment"] == "slurm":
        yield "experiment: slurm is taken, by the logs of the cluster in logs/slurm"
    groups = {"clients": clients(config), "attackers": attackers(config)}
    lists = [(kind, kind, config[kind]) for kind in groups]
    lists += [
        (f"presets.clients.{name}.attackers", "attackers", preset["attackers"] or [])
        for name, preset in groups["clients"].items()
    ]
    for key, kind, names in lists:
        for name in names:
            if name not in groups[kind]:
                yield (
                    f"{key}: {shown(name)} is not one of {', '.join(sorted(groups[kind]))}"
                    f"{nearest(name, groups[kind])}"
                )
    for name, preset in groups["attackers"].items():
        for key, reason in _impossible(preset):
            yield f"presets.attackers.{name}.{key}: {preset[key]} {reason}"
    for name, preset in groups["clients"].items():
        for key, reason in networks.problems(preset):
            yield f"presets.clients.{name}.{key}: {reason}"
            return  # as the following must be able to read the files
    known = groups["clients"].keys() & config["clients"]
    yield from networks.confused({name: groups["clients"][name] for name in sorted(known)})
    data = config["data"]
    if why := _unusable(data["root"]):
        yield f"data.root: {shown(data['root'])} cannot be used ({why})"
        return
    if data["source"] == "folder":
        folder.trees(data["root"])
    available, images = sources.count_images(data, "test"), _images(config)
    if images > available:
        yield f"images: {images} is more than the {available} in the test part of {data['source']}"
    epochs = config["utility"]["epochs"]
    for name in sorted(known):
        if (groups["clients"][name]["epochs"] or 0) > epochs:
            yield (
                f"clients: {name} is attacked after {groups['clients'][name]['epochs']} epochs; "
                f"utility.epochs: {epochs} ends before, so raise it"
            )
    for name in config["clients"]:
        together = groups["clients"].get(name, {}).get("images_per_update", 1)
        if images % together:
            yield (
                f"images: {images} is not a multiple of {together}, the "
                f"images_per_update of client {name}"
            )


def _images(config: dict) -> int:
    """The number of images to attack: as configured, or some, in whole updates of every client."""
    if config["images"]:
        return config["images"]
    known = (preset for name, preset in clients(config).items() if name in config["clients"])
    together = math.lcm(*(preset["images_per_update"] for preset in known))
    available = sources.count_images(config["data"], "test")
    return max(min(_SOME, available) // together, 1) * together


def _unusable(root: str) -> str | None:
    """Why this cannot be a folder; one that does not exist yet can be."""
    try:
        return None if stat.S_ISDIR(os.stat(root).st_mode) else "it is not a folder"
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror)
    except ValueError as error:  # a character that no name can have
        return str(error)


def _impossible(preset: dict) -> Iterator[tuple[str, str]]:
    """Settings of an attacker that others of its settings exclude, and why."""
    if preset["optimiser"] == "closed-form":
        if preset["masks"] != "read":
            yield "masks", "must be read for optimiser: closed-form"
        for key in without_defaults(preset, settings_of("attackers")):
            if key not in ("optimiser", "masks", "distance"):
                yield key, "is not for optimiser: closed-form"
        return
    lbfgs, optimised = preset["optimiser"] == "lbfgs", preset["masks"] == "optimise"
    if preset["line_search"] != "none" and not lbfgs:
        yield "line_search", "is for optimiser: lbfgs"
    if preset["line_search"] != "none" and preset["masks"] == "resample":
        yield "line_search", "needs a loss that stays the same, which masks: resample does not give"
    if preset["schedule"] != "none" and lbfgs:
        yield "schedule", "is for optimiser: adam or signed-adam"
    if preset["clip"] and lbfgs:
        yield "clip", "is for optimiser: adam or signed-adam"
    if optimised and lbfgs:
        yield "masks", "needs optimiser: adam or signed-adam, which can keep masks in [0, 1]"
    for key, default in (("total_variation_smoothing", 0), ("stages", 1)):
        if preset[key] != default and not preset["total_variation"]:
            yield key, "needs total_variation"
    if preset["features"] and preset["masks"] != "separate":
        yield "features", "needs masks: separate"
    if preset["mask_regulariser"] and not optimised:
        yield "mask_regulariser", "needs masks: optimise"


def _numbers(value: Any, path: tuple) -> Iterator[tuple[tuple, float]]:
    """Every number in the configuration, with its path."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            yield from _numbers(part, (*path, key))
    elif isinstance(value, int | float):
        yield path, value

"""A configuration made complete, with checks whose messages say what to do."""

import math
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, validators

from dropleak.data import folder, sources
from dropleak.errors import InputError
from dropleak.planning import networks
from dropleak.planning.config import attackers, clients
from dropleak.planning.messages import explain, nearest, path_of, shown
from dropleak.planning.paths import expanded
from dropleak.planning.schema import load_schema, settings_of, with_defaults, without_defaults

# In JSON 2.0 is a whole number; in Python it cannot count anything.
_VALIDATOR = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)

_MOST_PROBLEMS = 10
"""That are told at once: a list can have any number of wrong entries."""

_SOME = 32
"""Images that an experiment attacks unless it says how many."""


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

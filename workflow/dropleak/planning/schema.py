"""The schema of the configuration, its defaults, and the built-in presets."""

from copy import deepcopy
from functools import cache
from typing import Any

import yaml

from dropleak.assets import WORKFLOW
from dropleak.data import sources
from dropleak.engine import defences
from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.models.zoo import NETWORKS

_SCHEMA = WORKFLOW / "schemas" / "config.schema.yaml"
_PRESETS = WORKFLOW / "presets"

_CHOICES: dict[str, dict[str, str | None]] = {
    "data sets": dict.fromkeys(sources.SOURCES),
    "distances": {name: entry.meaning for name, entry in DISTANCES.items()},
    "networks": {name: entry.meaning for name, entry in NETWORKS.items()},
}
"""What settings can be, and what that means, unless the schema says it."""

_EXACT = 2**53
"""Floats hold every whole number below."""

_GROUPS = {"defences": defences.DEFENCES}
"""The entries that a group of keys can name, each with settings of its own."""


@cache
def load_schema() -> dict:
    """The configuration's JSON schema, with the choices that the registries have."""
    schema = yaml.safe_load(_SCHEMA.read_text(encoding="utf-8"))
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


def settings_of(kind: str) -> dict:
    """The schema of the settings of a preset, of "clients" or "attackers"."""
    return load_schema()["properties"]["presets"]["properties"][kind]["additionalProperties"]


@cache
def load_presets(kind: str) -> dict[str, dict]:
    """The built-in "clients" or "attackers"."""
    return yaml.safe_load((_PRESETS / f"{kind}.yaml").read_text(encoding="utf-8"))


def with_defaults(value: Any, schema: dict) -> Any:
    """`value` with the schema's defaults filled in, at every depth, and keys in the schema's order.

    Others come last, sorted, so that neither the order of keys nor 1 in place of 1.0 changes
    anything.
    """
    if type(value) is int and schema.get("type") == "number" and abs(value) < _EXACT:
        return float(value)
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

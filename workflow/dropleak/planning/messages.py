"""Messages about mistakes in a configuration: where they are, and what is allowed."""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr
from typing import Any

from jsonschema import ValidationError


def explain(error: ValidationError) -> str:
    """One line: the key, its value, and what is allowed."""
    key = path_of(error.absolute_path)
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    given = shown(value)
    match error.validator:
        case "additionalProperties":
            allowed = schema["properties"]
            choice = "maxProperties" in schema
            one_of = f"; it must be one of {', '.join(allowed)}" if choice else ""
            unknown = sorted(value.keys() - allowed.keys(), key=str)
            return "; ".join(
                f"{path_of([*error.absolute_path, name])}: unknown key"
                f"{nearest(name, allowed) or one_of}"
                for name in unknown
            )
        case "required":
            missing = ", ".join(
                path_of([*error.absolute_path, name]) for name in rule if name not in value
            )
            return f"{missing}: missing; it has no default"
        case "enum":
            return f"{key}: {given} is not one of {', '.join(rule)}{nearest(value, rule)}"
        case "anyOf":
            names = rule[0]["enum"]
            return f"{key}: {given} is not one of {', '.join(names)}{nearest(value, names)}" + (
                "; a network of your own is file.py:function"
            )
        case "type":
            names = [_TYPE_NAMES[name] for name in ([rule] if isinstance(rule, str) else rule)]
            return f"{key}: {given} has the wrong type; it must be {' or '.join(names)}" + (
                _TEXT_NUMBER if isinstance(value, str) and _is_number(value) else ""
            )
        case "uniqueItems":
            return f"{key}: {given} has the same entry twice; entries must be different"
        case "maxProperties":
            return f"{key}: {given} has {len(value)} entries; at most {rule} is allowed"
        case "minItems":
            return f"{key}: {given} is empty; at least {rule} entry is needed"
        case "pattern":
            return f"{key}: {given} is not allowed; it must match {rule}"
        case "multipleOf":
            return f"{key}: {given} is not a multiple of {rule}"
        case _:
            return f"{key}: {given} is outside what is allowed: {_limits(schema)}"


def path_of(keys: Iterable) -> str:
    """A path in the configuration, such as `utility.rates[2]`."""
    path = ""
    for key in keys:
        if isinstance(key, str):
            path += f".{key if re.fullmatch('[A-Za-z0-9_-]{1,100}', key) else shown(key)}"
        else:
            path += f"[{shown(key)}]"
    return path.removeprefix(".") or "configuration"


class _Shown(Repr):
    """Values as written in a file, on one line, shortened because they can be of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = 100

    def repr_str(self, value: str, level: int) -> str:
        text = json.dumps(value[: self.maxstring])
        return text if len(value) <= self.maxstring else f"{text}..."

    def repr_bool(self, value: bool, level: int) -> str:
        return json.dumps(value)

    def repr_NoneType(self, value: None, level: int) -> str:  # noqa: N802
        return json.dumps(value)


shown = _Shown().repr
"""A value of any size, on one line."""


def nearest(name: object, allowed: Iterable[str]) -> str:
    """A question that suggests the most similar allowed name; empty if none is similar."""
    close = get_close_matches(name[:100], list(allowed), n=1) if isinstance(name, str) else []
    return f"; did you mean {close[0]}?" if close else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_TEXT_NUMBER = (
    " (what YAML takes for text: write it without quotes, an exponent as in 1.0e-9, and lists in a "
    "file rather than after --config)"
)


_TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a group of keys",
    "null": "null",
}


def _limits(schema: dict) -> str:
    """The bounds of a number, or of a text's or list's length."""
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
        "minLength": "in length at least",
        "maxLength": "in length at most",
    }
    return " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)

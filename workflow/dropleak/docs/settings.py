"""The table of settings in config/README.md, generated from the schema.

`python -m dropleak.docs.settings` updates it.
"""

from collections.abc import Iterator

from dropleak.assets import ROOT
from dropleak.docs import markdown
from dropleak.planning.schema import load_schema

README = ROOT / "config" / "README.md"
PART = "settings"


def settings_table() -> str:
    """A Markdown table of every key: allowed values, default, meaning."""
    rows = []
    for key, schema in _leaves(load_schema(), ""):
        default = f"`{_text(schema['default'])}`" if "default" in schema else "required"
        rows.append([f"`{key}`", _allowed(schema), default, schema["description"]])
    return markdown.table(["key", "allowed", "default", "meaning"], rows)


def _leaves(schema: dict, prefix: str) -> Iterator[tuple[str, dict]]:
    for key, part in schema["properties"].items():
        others = part.get("additionalProperties")
        if "maxProperties" in part:  # a choice between groups, or none
            yield f"{prefix}{key}", part
        if "properties" in part:
            yield from _leaves(part, f"{prefix}{key}.")
            continue
        yield f"{prefix}{key}", part
        if isinstance(others, dict):
            yield from _leaves(others, f"{prefix}{key}.<name>.")


def _allowed(schema: dict) -> str:
    if "anyOf" in schema:
        return ", ".join(map(_allowed, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    bounds = {
        "minimum": "≥ {}",
        "exclusiveMinimum": "> {}",
        "maximum": "≤ {}",
        "exclusiveMaximum": "< {}",
        "multipleOf": "multiple of {}",
        "maxLength": "≤ {} characters",
        "pattern": "`{}`",
    }
    limits = [text.format(schema[name]) for name, text in bounds.items() if name in schema]
    if "items" in schema:
        limits.append(f"of {_allowed(schema['items'])}, all different")
    return ", ".join([" or ".join(kinds), *limits])


def _text(default: object) -> str:
    return "null" if default is None else str(default)


if __name__ == "__main__":
    markdown.replace(README, PART, settings_table())

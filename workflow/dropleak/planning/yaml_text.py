"""Check the text of configuration files for what YAML would silently misread."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import yaml

from dropleak.errors import InputError


def check(paths: Iterable[str | Path]) -> None:
    """Stop if a key appears twice, or if a value has two meanings.

    Of two equal keys YAML takes the last. Snakemake reads YAML 1.1, where 0100 is 64, 1:30 is 90
    and `no` is false; in YAML 1.2, and to most people, they are 100, 1:30 and no.

    Raises:
        InputError: naming file and line, with advice.
    """
    for path in paths:
        text = Path(path).read_text(encoding="utf-8")
        try:
            root = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError:
            continue  # Snakemake has read it as JSON
        is_json = _is_json(text)
        for node in _nodes(root) if root else ():
            if isinstance(node, yaml.MappingNode):
                _refuse_repeated([key for key, _ in node.value], path)
            elif isinstance(node, yaml.ScalarNode) and not is_json:
                _refuse_ambiguous(node, path)


def _is_json(text: str) -> bool:
    """Whether Snakemake reads the text as JSON, where every value has one meaning."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, including keys; an alias can refer to a node that contains it."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]


def _refuse_repeated(keys: list[yaml.Node], path: str | Path) -> None:
    names = set()
    for key in keys:
        if not isinstance(key, yaml.ScalarNode):
            continue  # not a valid key anyway
        if key.value in names:
            line = key.start_mark.line + 1
            raise InputError(f"{path}, line {line}: {key.value} appears twice; keep one")
        names.add(key.value)


def _refuse_ambiguous(node: yaml.ScalarNode, path: str | Path) -> None:
    implied = yaml.resolver.Resolver().resolve(yaml.ScalarNode, node.value, (True, False))
    if node.style is not None or node.tag != implied or implied.endswith(":merge"):
        return  # it is in quotes, has a tag, or is the key <<
    try:
        old = yaml.constructor.SafeConstructor().construct_object(node)
        new = _value(node.value)
    except ValueError:
        return  # a number with more digits than Python reads; no setting allows it
    if repr(old) == repr(new):
        return
    written = [_written(value) for value in (old, new)]
    raise InputError(
        f"{path}, line {node.start_mark.line + 1}: {node.value[:100]} means "
        f"{written[0] or 'a date'} in YAML 1.1 and {written[1]} in YAML 1.2; "
        f"write {' or '.join(filter(None, written))}"
    )


_CORE: list[tuple[str, Callable[[str], object]]] = [
    (r"null|Null|NULL|~|", lambda text: None),
    (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    (r"[-+]?[0-9]+", int),
    (r"0o[0-7]+|0x[0-9a-fA-F]+", lambda text: int(text, 0)),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
    (r"[-+]?\.(inf|Inf|INF)", lambda text: float(text.replace(".", ""))),
    (r"\.nan|\.NaN|\.NAN", lambda text: float("nan")),
]
"""The core schema of YAML 1.2.2 (chapter 10.3.2): patterns, and the values of their text."""


def _value(text: str) -> object:
    """The value of a plain scalar in YAML 1.2."""
    for pattern, read in _CORE:
        if re.fullmatch(pattern, text):
            return read(text)
    return text


def _written(value: object) -> str:
    """A spelling of the value that every version of YAML reads the same; empty if there is none."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, bool | int | float):
        return yaml.safe_dump(value).splitlines()[0]
    return ""

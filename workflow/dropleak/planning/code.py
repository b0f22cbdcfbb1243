"""Which code a job runs, so that it runs again when that changes, and only then.

Snakemake would go by the age of scripts, which a fresh checkout makes new, and does not see the
library behind them. Attacks and trainings take long and have versions instead (`versions.py`).
Needs no torch, so that planning is quick.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from dropleak.assets import WORKFLOW
from dropleak.errors import InputError

_Place = tuple[Path, str]
"""A module's file, and a name in it."""


def digest(script: str, names: Iterable[str] = (), files: Iterable[str] = ()) -> str:
    """Of everything of the library that a script can reach, without comments and layout.

    Args:
        script: name of a file in workflow/scripts.
        names: what it takes from the library by names that are not in its code, as in
            `dropleak.figures.sample`.
        files: what its code reads, from workflow/.
    """
    path = WORKFLOW / "scripts" / script
    found = {(path, ""): ast.unparse(_tree(path))}
    waiting = [*_uses(path, _tree(path)), *map(_place, names)]
    while waiting:
        place = waiting.pop()
        path, name = place
        if name in _imports(path):
            waiting.append(_place(_imports(path)[name]))
        elif place not in found:
            nodes = _definitions(path).get(name, [])
            found[place] = "\n".join(map(ast.unparse, nodes))
            waiting += [use for node in nodes for use in _uses(path, node)]
    code = [(path.name, name, found[path, name]) for path, name in sorted(found)]
    code += [(WORKFLOW / name).read_text(encoding="utf-8") for name in files]
    return hashlib.sha256(repr(code).encode()).hexdigest()[:16]


def refuse_braces(folder: Path = WORKFLOW) -> None:
    """Stop if the workflow lies where Snakemake cannot start its scripts.

    Raises:
        InputError: a part of its path has braces, which Snakemake takes for wildcards.
    """
    if {"{", "}"} & set(str(folder)):
        raise InputError(
            f"{folder}: Snakemake takes the braces in this path for wildcards; move the workflow "
            "to a folder without them (results, images and configurations may stay in such folders)"
        )


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _definitions(path: Path) -> dict[str, list[ast.stmt]]:
    """The statements of a module that give each name its value."""
    found = {}
    for node in _tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = (part for target in targets for part in ast.walk(target))
            for name in {part.id for part in parts if isinstance(part, ast.Name)}:
                found.setdefault(name, []).append(node)
    return found


@cache
def _imports(path: Path) -> dict[str, str]:
    """What names in a module stand for: things of the library, by their full names."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dropleak")
        for alias in node.names
    }


def _uses(path: Path, node: ast.AST) -> Iterator[_Place]:
    """What of the library a piece of a module's code names."""
    known = _imports(path)
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id=name), attr=last) if name in known:
                if module := _file(known[name]):
                    yield module, last
            case ast.Name(id=name) if name in known:
                if not _file(known[name]):
                    yield _place(known[name])
            case ast.Name(id=name):
                yield path, name


def _place(name: str) -> _Place:
    module, _, last = name.rpartition(".")
    return _file(module), last


@cache
def _file(module: str) -> Path | None:
    """The file of a module of the library, or None if the name is not that of one."""
    place = WORKFLOW.joinpath(*module.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in files if path.exists()), None)

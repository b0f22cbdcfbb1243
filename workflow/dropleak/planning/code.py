"""Digests of the code that a job runs, so that it runs again when the code changes.

Snakemake only checks the age of scripts, which a fresh checkout makes new, and does not see the
library behind them. Attacks and trainings take long and have versions instead (`versions.py`).
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from dropleak.assets import LIBRARY, WORKFLOW
from dropleak.errors import InputError


def digest(script: str, names: Iterable[str] = (), files: Iterable[str] = ()) -> str:
    """Digest of a script and of every module of the library that it imports, directly or not.

    Comments and layout do not count.

    Args:
        script: name of a file in workflow/scripts.
        names: full names in the library that the script resolves at run time, such as
            `dropleak.figures.sample.sample`.
        files: files that the code reads, relative to workflow/.
    """
    waiting = [WORKFLOW / "scripts" / script]
    waiting += [module for name in names for module in _modules(name)]
    code = {}
    while waiting:
        path = waiting.pop()
        if path not in code:
            tree = _parse(path)
            code[path] = ast.unparse(tree)
            waiting += _imports(tree)
    texts = sorted(code.values())  # not by path: an installed library has other paths
    texts += [(WORKFLOW / name).read_text(encoding="utf-8") for name in files]
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[Path]:
    """The modules of the library that code imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield from _modules(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _modules(alias.name)


def _modules(name: str) -> Iterator[Path]:
    """The files of the library along a full name: its packages and module."""
    parts = name.split(".")
    if parts[0] == "dropleak":
        for length in range(1, len(parts) + 1):
            path = LIBRARY.parent.joinpath(*parts[:length])
            files = (path / "__init__.py", path.with_suffix(".py"))
            yield from (file for file in files if file.exists())


def refuse_braces(folder: Path = WORKFLOW) -> None:
    """Stop if the workflow is in a folder from which Snakemake cannot start its scripts.

    Raises:
        InputError: its path has braces, which Snakemake takes for wildcards.
    """
    if {"{", "}"} & set(str(folder)):
        raise InputError(
            f"{folder}: Snakemake takes the braces in this path for wildcards; move the workflow "
            "to a folder without them (results, images and configurations may stay in such folders)"
        )

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
    start = [WORKFLOW / "scripts" / script]
    start += [module for name in names for module in _modules(LIBRARY.parent, name)]
    texts = [*_texts(start, LIBRARY.parent, LIBRARY)]
    texts += [(WORKFLOW / name).read_text(encoding="utf-8") for name in files]
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


def digest_of_file(path: Path) -> str:
    """Digest of a user's Python file and of every one beside it that it imports, directly or not.

    None of them is executed. Comments and layout do not count, nor does where the files are.

    Raises:
        InputError: one cannot be read as Python.
    """
    texts = _texts([path], path.parent, path.parent)
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


def _texts(start: Iterable[Path], folder: Path, inside: Path) -> list[str]:
    """Files and all that they import, sorted: not by path, as that of an installed library differs.

    Args:
        start: the first files.
        folder: where imported names are looked for.
        inside: a folder that imported files must be in.
    """
    waiting, code = [*start], dict[Path, str]()
    while waiting:
        path = waiting.pop()
        if path not in code:
            try:
                code[path], imported = _parse(path.read_bytes(), path, folder, inside)
            except SyntaxError as error:
                place = f"{path}:{error.lineno}" if error.lineno else path
                raise InputError(f"{place}: cannot be read as Python ({error.msg})") from None
            except (OSError, ValueError) as error:
                raise InputError(f"{path}: cannot be read as Python ({error})") from None
            waiting += imported
    return sorted(code.values())


@cache  # as many digests cover the same modules
def _parse(text: bytes, path: Path, folder: Path, inside: Path) -> tuple[str, list[Path]]:
    """Code of a file without comments and layout, and the files that it imports, see `_texts`."""
    tree = ast.parse(text)
    files = {
        file
        for level, name in _imports(tree)
        for file in _modules(path.parents[level - 1] if level else folder, name)
        if file.is_relative_to(inside)
    }
    return ast.unparse(tree), [*files]


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The names that code imports, anywhere in it, each after the dots that make it relative."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.level, ".".join(filter(None, [node.module, alias.name]))
        elif isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)


@cache  # as above
def _modules(folder: Path, name: str) -> list[Path]:
    """The files along a full name, its packages and module, as far as they are in a folder."""
    parts = name.split(".")
    paths = [folder.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    files = (file for path in paths for file in (path / "__init__.py", path.with_suffix(".py")))
    return [file for file in files if file.is_file()]


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

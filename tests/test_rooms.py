"""Allowed imports between the rooms of the library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

LIBRARY = ROOT / "workflow" / "dropleak"


def modules(room: str) -> list[Path]:
    """The files of a room."""
    files = sorted((LIBRARY / room).rglob("*.py"))
    assert files
    return files


def imported(path: Path) -> set[str]:
    """Full names that a module imports, anywhere in its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def rooms(names: set[str]) -> set[str]:
    """The imported rooms, or modules beside them."""
    return {name.split(".")[1] for name in names if name.startswith("dropleak.")}


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("engine", {"engine", "errors"}),
        ("scoring", {"scoring", "engine", "errors"}),
    ],
)
def test_a_room_imports_only_lower_rooms(room, allowed):
    for path in modules(room):
        assert rooms(imported(path)) <= allowed, path


def test_planning_and_everything_after_the_attacks_run_without_torch():
    paths = [
        path
        for room in ("planning", "tables", "analysis", "figures", "report")
        for path in modules(room)
        if path.name != "__init__.py"
    ]
    names = [".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts) for path in paths]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name\n"
    )
    subprocess.run([sys.executable, "-c", code, *names], check=True)

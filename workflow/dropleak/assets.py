"""Paths of the files beside the library: schemas, presets, templates, scripts."""

import os
from pathlib import Path

LIBRARY = Path(__file__).parent

CLONE = LIBRARY.parents[1] if (LIBRARY.parent / "Snakefile").exists() else None
"""The clone around the library; None if the library is installed."""

ROOT = CLONE or LIBRARY
"""The folder with these files: an installed library has copies, laid out as in a clone."""

WORKFLOW = ROOT / "workflow"


def lend_to_jobs() -> None:
    """Let jobs import the library of the clone that planned them, even if another is installed."""
    if CLONE:
        paths = [str(WORKFLOW), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)

"""Where the files beside the library are: schemas, presets, templates, scripts."""

import os
from pathlib import Path

LIBRARY = Path(__file__).parent

CLONE = LIBRARY.parents[1] if (LIBRARY.parent / "Snakefile").exists() else None
"""The clone around the library; None if the library is installed."""

ROOT = CLONE or LIBRARY
"""What has these files: an installed library has copies, in the same folders as a clone."""

WORKFLOW = ROOT / "workflow"


def lend_to_jobs() -> None:
    """Have jobs import the library of the clone that plans them, where another one is installed."""
    if CLONE:
        paths = [str(WORKFLOW), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)

"""Where the files of the workflow are that the library reads: schemas, presets, templates."""

from pathlib import Path

_PACKAGE = Path(__file__).parent

ROOT = _PACKAGE.parents[1]
"""The clone, where there is one around the library."""

WORKFLOW = _PACKAGE.parent if (_PACKAGE.parent / "Snakefile").exists() else _PACKAGE / "workflow"
"""Its folder `workflow`, or, if the library is installed, what the package has of it."""

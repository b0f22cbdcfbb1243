"""Where the files beside the library are: schemas, presets, templates, scripts."""

from pathlib import Path

LIBRARY = Path(__file__).parent

CLONE = LIBRARY.parents[1] if (LIBRARY.parent / "Snakefile").exists() else None
"""The clone around the library; None if the library is installed."""

ROOT = CLONE or LIBRARY
"""What has these files: an installed library has copies, in the same folders as a clone."""

WORKFLOW = ROOT / "workflow"

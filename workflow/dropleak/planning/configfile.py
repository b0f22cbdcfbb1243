"""Configuration files for commands outside Snakemake, read as the workflow reads them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml

from dropleak.assets import ROOT
from dropleak.errors import InputError
from dropleak.planning import yaml_text
from dropleak.planning.validation import complete

DEMONSTRATION = ROOT / "config" / "config.yaml"
"""The default configuration, whatever the working directory."""


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option `--configfile`, as in Snakemake."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        type=Path,
        default=[DEMONSTRATION],
        help="as for Snakemake; by default the demonstration",
    )


def load(paths: Sequence[Path]) -> dict:
    """The complete configuration of some files; later files replace keys of earlier ones.

    Raises:
        InputError: a file cannot be read, or the configuration cannot be used.
    """
    from snakemake.utils import update_config  # slow to import

    config: dict = {}
    for path in paths:
        try:
            update_config(config, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from None
    yaml_text.check(paths)
    return complete(config, [path.parent for path in paths])

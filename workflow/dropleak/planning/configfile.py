"""Configuration files as the workflow reads them, for commands beside it."""

import argparse
from collections.abc import Iterable
from pathlib import Path

import yaml

from dropleak.assets import ROOT
from dropleak.errors import InputError
from dropleak.planning import yaml_text
from dropleak.planning.config import complete

DEMONSTRATION = ROOT / "config" / "config.yaml"
"""What runs if no file is given; wherever it runs."""


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The option `--configfile`, as Snakemake has it."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        type=Path,
        default=[DEMONSTRATION],
        help="as given to Snakemake; the demonstration if left out",
    )


def load(paths: Iterable[Path]) -> dict:
    """The complete configuration of some files; a later one replaces keys of those before it.

    Raises:
        InputError: a file cannot be read, or the configuration cannot be used.
    """
    from snakemake.utils import update_config  # which takes a while to import

    config: dict = {}
    for path in paths:
        try:
            update_config(config, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from None
    yaml_text.check(paths)
    return complete(config)

"""Existing results: which can be used, and which must be made.

Snakemake checks whether a file exists; this checks its content.

`python -m dropleak.planning.inventory --configfile FILE` lists results that the configuration does
not use; with `--remove` it deletes them.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from dropleak.errors import DamagedError, InputError
from dropleak.planning import configfile, grid, identity
from dropleak.planning.layout import Folder, Layout
from dropleak.tables import parquet, weights
from dropleak.tables.schemas import ATTACKS

DAMAGED = ".damaged"
"""Ending of files that cannot be used."""


def damage(
    path: str | Path, schema: pa.Schema, settings: Mapping | None = None, rows: int | None = None
) -> str | None:
    """The problem of a file, found without reading all of it; None if it can be used.

    Args:
        path: of an existing file.
        schema: that the table must have.
        settings: that it must have been made with, for files that record them.
        rows: that it must have, if the number is known.
    """
    try:
        recorded, actual_rows = parquet.inspect(path, schema)
    except DamagedError as error:
        return str(error)
    except InputError:
        return None  # unreachable; the job that needs it will say more
    if rows not in (None, actual_rows):
        return f"{path}: has {actual_rows} rows and should have {rows}"
    return None if settings is None else _of_other_settings(path, recorded, settings)


def damage_of_weights(path: str | Path, settings: Mapping) -> str | None:
    """The problem of a file of weights; as `damage`."""
    try:
        recorded = weights.inspect(path)
    except DamagedError as error:
        return str(error)
    except InputError:
        return None  # as above
    return _of_other_settings(path, recorded, settings)


def _of_other_settings(path: str | Path, recorded: Mapping, settings: Mapping) -> str | None:
    """Whether the settings that a file records are others, in words."""
    if "settings" not in recorded:
        return f"{path}: does not say which settings it was made with"
    if changes := identity.changes(recorded["settings"], settings):
        return f"{path}: belongs to other settings ({'; '.join(changes)})"
    return None


def set_aside(path: str | Path, problem: str) -> str:
    """Rename a file that cannot be used, so that it is made again.

    Returns:
        a message for the user.

    Raises:
        InputError: the file cannot be renamed.
    """
    target = f"{path}{DAMAGED}"
    try:
        os.replace(path, target)
    except OSError as error:
        raise InputError(f"{problem}; remove it ({error.strerror})") from None
    return f"{problem}; renamed to {Path(target).name}, and made again if needed"


def attack_files(
    folder: str, settings: Mapping, images: int, size: int
) -> tuple[list[str], dict[str, str]]:
    """The files that hold one attacker's attacks on every image at one rate.

    Args:
        folder: of the files.
        settings: that they must have been made with.
        images: number of images.
        size: of new batches.

    Returns:
        the files of the batches from `grid.batches`, existing or not; and the problems of existing
        files that cannot be used, by path.
    """
    usable, damaged = [], {}
    for path in sorted(Path(folder).glob("images-*-*.parquet")):
        batch = path.stem.removeprefix("images-")
        if not re.fullmatch(r"\d+-\d+", batch):
            continue  # not one of ours, such as "images-0-250 (copy).parquet"
        part = grid.batch_slice(batch)
        if problem := damage(path, ATTACKS, settings, rows=part.stop - part.start):
            damaged[str(path)] = problem
        else:
            usable.append(batch)
    needed = grid.batches(images, size, usable)
    return [f"{folder}/images-{batch}.parquet" for batch in needed], damaged


def new_settings(folder: Folder) -> str | None:
    """Describe how a folder without results differs from the latest results beside it, if any."""
    if Path(folder.path).exists():
        return None
    files = [path for path in Path(folder.parent).glob("*/**/*.parquet") if path.is_file()]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        recorded = parquet.origin(path)
        if changes := recorded and identity.changes(recorded, folder.settings):
            earlier = Path(folder.parent, path.relative_to(folder.parent).parts[0])
            return f"{folder.path}: is new because {'; '.join(changes)}; {earlier} is kept"
    return None


def unused(layout: Layout) -> Iterator[Path]:
    """Results that a configuration does not use: made with other settings, or damaged."""
    used = {Path(folder.path) for folder in layout}
    above = {parent for path in used for parent in path.parents}

    def beside(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.glob("*")):
            if path in above:
                yield from beside(path)
            elif path not in used:
                yield path

    for kind in ("data", "utility", "weights", "attacks"):
        yield from beside(Path(layout.results, kind))
    for folder in used:
        yield from sorted(folder.rglob(f"*{DAMAGED}"))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="List results that a configuration does not use: made with other settings, or "
        "damaged."
    )
    configfile.add_argument(parser)
    parser.add_argument("--remove", action="store_true", help="delete them")
    arguments = parser.parse_args()
    try:
        layout = Layout(configfile.load(arguments.configfile))
        paths = list(unused(layout))
        for path in paths:
            print(f"{_size(path) / 1e6:10.1f} MB  {path}")
            if arguments.remove:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
    if not paths:
        print(f"{layout.results}: everything is used")
    elif not arguments.remove:
        print("--remove deletes them.")


if __name__ == "__main__":
    main()

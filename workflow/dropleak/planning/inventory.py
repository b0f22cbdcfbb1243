"""Which results are there, and which have to be made.

Snakemake sees whether a file is there; this checks what is in it.

`python -m dropleak.planning.inventory --configfile FILE` lists results that the
configuration does not use; with `--remove` it deletes them.
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
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS

DAMAGED = ".damaged"
"""Ending of files that cannot be used."""


def damage(
    path: str | Path, schema: pa.Schema, settings: Mapping | None = None, rows: int | None = None
) -> str | None:
    """What is wrong with a file, without reading all of it; None if it can be used.

    Args:
        path: of a file that is there.
        schema: which the table must have.
        settings: which it must have been made with, if it has a record of them.
        rows: how many it must have, if that is known.
    """
    try:
        recorded, found = parquet.inspect(path, schema)
    except DamagedError as error:
        return str(error)
    except InputError:
        return None  # out of reach, of which the job that needs it will say more
    if rows not in (None, found):
        return f"{path}: has {found} rows and should have {rows}"
    if settings is None:
        return None
    if "settings" not in recorded:
        return f"{path}: does not say which settings it was made with"
    if changes := identity.changes(recorded["settings"], settings):
        return f"{path}: belongs to other settings ({'; '.join(changes)})"
    return None


def set_aside(path: str | Path, why: str) -> str:
    """Rename a file that cannot be used, so that another is made in its place.

    Returns:
        what a user should know.

    Raises:
        InputError: the file cannot be renamed.
    """
    target = f"{path}{DAMAGED}"
    try:
        os.replace(path, target)
    except OSError as error:
        raise InputError(f"{why}; remove it ({error.strerror})") from None
    return f"{why}; it is now {Path(target).name}, and is made anew if it is needed"


def attack_files(
    folder: str, settings: Mapping, images: int, size: int
) -> tuple[list[str], dict[str, str]]:
    """The files that hold one attacker's attacks on every image at one rate.

    Args:
        folder: where they are.
        settings: which they must have been made with.
        images: number of images.
        size: of new batches.

    Returns:
        the files as `grid.batches` has them, whether they are there or not; and what is wrong with
        those that are there and cannot be used, by path.
    """
    usable, damaged = [], {}
    for path in sorted(Path(folder).glob("images-*-*.parquet")):
        batch = path.stem.removeprefix("images-")
        if not re.fullmatch(r"\d+-\d+", batch):
            continue  # as "images-0-250 (copy).parquet" is none of ours
        part = grid.batch_slice(batch)
        if why := damage(path, ATTACKS, settings, rows=part.stop - part.start):
            damaged[str(path)] = why
        else:
            usable.append(batch)
    needed = grid.batches(images, size, usable)
    return [f"{folder}/images-{batch}.parquet" for batch in needed], damaged


def new_settings(folder: Folder) -> str | None:
    """What is new about a folder that has no results yet, if there are earlier ones beside it."""
    if Path(folder.path).exists():
        return None
    files = [path for path in Path(folder.parent).glob("*/**/*.parquet") if path.is_file()]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        recorded = parquet.origin(path)
        if changes := recorded and identity.changes(recorded, folder.settings):
            earlier = Path(folder.parent, path.relative_to(folder.parent).parts[0])
            return f"{folder.path}: is new, as {'; '.join(changes)}; {earlier} stays as it is"
    return None


def unused(layout: Layout) -> Iterator[Path]:
    """Results that a configuration does not use: of other settings, or damaged."""
    used = {Path(folder.path) for folder in layout}
    above = {parent for path in used for parent in path.parents}

    def beside(place: Path) -> Iterator[Path]:
        for path in sorted(place.glob("*")):
            if path in above:
                yield from beside(path)
            elif path not in used:
                yield path

    for kind in ("data", "utility", "attacks"):
        yield from beside(Path(layout.results, kind))
    for folder in used:
        yield from sorted(folder.rglob(f"*{DAMAGED}"))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="List results that a configuration does not use: of other settings, or damaged."
    )
    configfile.add_argument(parser)
    parser.add_argument("--remove", action="store_true", help="delete them")
    given = parser.parse_args()
    try:
        layout = Layout(configfile.load(given.configfile))
        found = list(unused(layout))
        for path in found:
            print(f"{_size(path) / 1e6:10.1f} MB  {path}")
            if given.remove:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
    if not found:
        print(f"{layout.results}: everything is used")
    elif not given.remove:
        print("With --remove these are deleted.")


if __name__ == "__main__":
    main()

"""Which results are there, which of them can be used, and which have to be made.

Snakemake sees whether a file is there; here is looked at what is in it. Needs no torch, so that
planning is quick.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from os.path import exists
from pathlib import Path

import pyarrow as pa

from dropleak import grid, identity, tables
from dropleak.errors import InputError
from dropleak.schemas import ATTACKS, IMAGES, SCHEMAS, UTILITY


@dataclass(frozen=True)
class Result:
    """A file that holds a table."""

    path: str
    damage: str = ""
    """What is wrong with the file."""
    outdated: str = ""
    """What has changed since it was made."""

    @property
    def usable(self) -> bool:
        """Whether it need not be made anew."""
        return not (self.damage or self.outdated)


def inspect(
    path: str | Path, schema: pa.Schema, settings: Mapping | None = None, rows: int | None = None
) -> Result:
    """Look at a file that is there, without reading all of it.

    Args:
        path: of the file.
        schema: which the table must have.
        settings: which it must have been made with, if it has a record of them.
        rows: how many it must have, if that is known.
    """
    try:
        known, found = tables.inspect(path, schema)
    except InputError as error:
        return Result(str(path), damage=str(error))
    if rows not in (None, found):
        return Result(str(path), damage=f"{path}: has {found} rows and should have {rows}")
    if settings is None:
        return Result(str(path))
    if "settings" not in known:
        return Result(str(path), damage=f"{path}: does not say which settings it was made with")
    return Result(str(path), outdated="; ".join(identity.changes(known["settings"], settings)))


def attack_files(
    folder: str, settings: Mapping, images: int, size: int
) -> tuple[list[str], list[Result]]:
    """The files that hold one attacker's attacks on every image at one rate.

    Args:
        folder: where they are.
        settings: which they must have been made with.
        images: number of images.
        size: of new batches.

    Returns:
        the files as `grid.batches` has them, whether they are there or not; and what is there, but
        for files of other settings, when none has to be made in their place.
    """
    found, there = [], []
    for path in sorted(Path(folder).glob("images-*-*.parquet")):
        batch = path.stem.removeprefix("images-")
        if not re.fullmatch(r"\d+-\d+", batch):
            continue  # as "images-0-250 (copy).parquet" is none of ours
        part = grid.batch_slice(batch)
        found.append(inspect(path, ATTACKS, settings, rows=part.stop - part.start))
        if found[-1].usable:
            there.append(batch)
    needed = grid.batches(images, size, there)
    if set(needed) <= set(there):
        found = [each for each in found if not each.outdated]
    return [f"{folder}/images-{batch}.parquet" for batch in needed], found


@dataclass(frozen=True)
class Survey:
    """What is there of an experiment."""

    attacks: list[str]
    """The files that are needed for all attacks."""
    trainings: list[str]
    """And for all trainings."""
    usable: set[str]
    """Files that are there, and need not be made anew."""
    unusable: set[str]
    """Files that are there, and have to be made anew if they are needed."""
    notes: list[str]
    """What a user should know of them."""


def survey(
    folder: str,
    *,
    attacks: Mapping[str, Mapping],
    rates: Iterable[str],
    images: int,
    batch_size: int,
    training: Mapping,
    training_rates: Iterable[str],
    data: Mapping,
) -> Survey:
    """Look at every table of an experiment.

    Args:
        folder: of its results.
        attacks: settings that attacks must have been made with, for each attacker.
        rates: of the attacks, as in file names.
        images: number of attacked images.
        batch_size: of new attack jobs.
        training: settings that trainings must have been made with.
        training_rates: of these, as in file names.
        data: settings that image tables must have been made with.
    """
    needed, found = [], []
    for (attacker, settings), rate in product(attacks.items(), rates):
        files, there = attack_files(
            f"{folder}/attacks/{attacker}/rate-{rate}", settings, images, batch_size
        )
        needed += files
        found += there
    trainings = [f"{folder}/utility/rate-{rate}.parquet" for rate in training_rates]
    others = dict.fromkeys(trainings, (UTILITY, training))
    others |= {f"{folder}/data/{part}.parquet": (IMAGES, data) for part in ("train", "test")}
    others |= {
        f"{folder}/tables/{name}.parquet": (schema, None)
        for name, schema in SCHEMAS.items()
        if name != "images"
    }
    found += [inspect(path, *expected) for path, expected in others.items() if exists(path)]
    return Survey(
        needed,
        trainings,
        {each.path for each in found if each.usable},
        {each.path for each in found if not each.usable},
        notes(found, {*needed, *others}),
    )


def notes(found: list[Result], needed: set[str]) -> list[str]:
    """What a user should know of results that cannot be used.

    Args:
        found: results that are there.
        needed: files that are needed, whether they are there or not.
    """
    damaged = [
        f"{each.damage}; it is {'made anew' if each.path in needed else 'not needed'}"
        for each in found
        if each.damage
    ]
    outdated = Counter(each.outdated for each in found if each.outdated)
    return damaged + [
        f"results of {count} files are made anew: {changes}" for changes, count in outdated.items()
    ]

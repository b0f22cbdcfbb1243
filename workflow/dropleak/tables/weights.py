"""Files of trained weights: safetensors with a record of where they come from, written whole."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dropleak.runtime.files import atomic
from dropleak.tables import parquet

Weights = Mapping[str, np.ndarray]
"""By the names of parameters."""

_ORIGIN = "origin"

_DAMAGE = (SafetensorError, OSError, ValueError)
"""Errors of safetensors for files that are damaged or cannot be read."""


def write(path: str | Path, weights: Weights, settings: dict, code: dict | None = None) -> None:
    """Write weights with their origin; see `parquet.with_origin`."""
    # Under one key, as safetensors writes several in a random order.
    origin = {_ORIGIN: json.dumps({"settings": settings, "code": code})}
    with atomic(path) as partial:
        partial.write_bytes(
            save(dict(weights), origin)
        )  # whose errors safetensors has no types for


def write_epochs(
    path: str | Path, epochs: Mapping[int, Weights], settings: dict, code: dict | None = None
) -> None:
    """Write the weights after some epochs of a training, as `write`."""
    named = {
        f"{_epoch(number)}{name}": array
        for number, weights in epochs.items()
        for name, array in weights.items()
    }
    write(path, named, settings, code)


def inspect(path: str | Path) -> dict:
    """The settings and code that `write` recorded, from a file whose length is right.

    Raises:
        InputError: naming the file and its problem.
    """
    try:
        with open(path, "rb"), safe_open(path, "np") as file:
            origin: dict = json.loads((file.metadata() or {}).get(_ORIGIN, "{}"))
            return origin
    except _DAMAGE as error:
        raise parquet.failure(path, error) from None


def read(path: str | Path, epoch: int | None = None) -> Weights:
    """Read weights: all of a file from `write`, or an epoch's of one from `write_epochs`.

    Raises:
        InputError: naming the file and its problem.
    """
    prefix = "" if epoch is None else _epoch(epoch)
    try:
        with open(path, "rb"), safe_open(path, "np") as file:
            return {
                name.removeprefix(prefix): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118
                if name.startswith(prefix)
            }
    except _DAMAGE as error:
        raise parquet.failure(path, error, parquet.DELETE) from None


def _epoch(number: int) -> str:
    """What the names of an epoch's weights begin with."""
    return f"epoch-{number}."

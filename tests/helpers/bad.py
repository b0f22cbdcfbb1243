"""Bad input, and what becomes of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dropleak.errors import InputError

RNG = np.random.default_rng(0)


class Payload:
    """Pickled, it makes a file when somebody unpickles it."""

    def __init__(self, path: Path):
        self._path = path

    def __reduce__(self):
        return Path.touch, (self._path,)


def picture(shape=(8, 8, 3), kind=np.uint8) -> Image.Image:
    """An image of noise."""
    return Image.fromarray(RNG.integers(0, 256, shape).astype(kind))


def image_tree(root: Path) -> Path:
    """A folder with an image each in two classes for both parts."""
    for place in ("train/a", "train/b", "test/a", "test/b"):
        path = root / place
        path.mkdir(parents=True)
        picture().save(path / "1.png")
    return root


def circles(root):
    """Put a link to the whole tree into each of its classes."""
    for place in root.glob("*/*"):
        (place / "again").symlink_to(root)


def with_value(column, row, value):
    """A function that puts a value into a table."""

    def spoil(table):
        values = table[column].to_pylist()
        values[row] = value
        number = table.schema.get_field_index(column)
        field = table.schema.field(column)
        return table.set_column(number, field, pa.array(values, field.type))

    return spoil


def refused(what, *arguments, words):
    """Check that a call ends in one message with these words."""
    with pytest.raises(InputError) as caught:
        what(*arguments)
    message = str(caught.value)
    for word in words:
        assert word in message
    assert message.encode()
    return message

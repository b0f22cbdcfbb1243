"""Bad input, and checks that it is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dropleak.errors import InputError

RNG = np.random.default_rng(0)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self._path = path

    def __reduce__(self):
        return Path.touch, (self._path,)


def picture(shape=(8, 8, 3), kind=np.uint8) -> Image.Image:
    """An image of noise."""
    return Image.fromarray(RNG.integers(0, 256, shape).astype(kind))


def image_tree(root: Path) -> Path:
    """A folder with one image in each of two classes, for both parts."""
    for name in ("train/a", "train/b", "test/a", "test/b"):
        folder = root / name
        folder.mkdir(parents=True)
        picture().save(folder / "1.png")
    return root


def circles(root):
    """Put a link to the whole tree into each of its classes."""
    for folder in root.glob("*/*"):
        (folder / "again").symlink_to(root)


def with_value(column, row, value):
    """A function that replaces a value in a table."""

    def spoil(table):
        values = table[column].to_pylist()
        values[row] = value
        number = table.schema.get_field_index(column)
        field = table.schema.field(column)
        return table.set_column(number, field, pa.array(values, field.type))

    return spoil


def refused(function, *arguments, words):
    """Check that a call raises an InputError with these words; returns the message."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    message = str(caught.value)
    for word in words:
        assert word in message
    assert message.encode()
    return message

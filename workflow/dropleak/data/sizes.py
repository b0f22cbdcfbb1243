"""Sizes of images that can be attacked."""

from pathlib import Path

from dropleak.errors import InputError

MIN_SIZE = 8
"""Height and width of the smallest images, in pixels."""

MAX_SIZE = 512
"""And of the largest, if they are square."""


def check_size(what: object, width: int, height: int) -> None:
    """Stop if images are of a size that cannot be attacked.

    Raises:
        InputError: saying so of `what`.
    """
    if min(width, height) < MIN_SIZE or width * height > MAX_SIZE**2:
        raise InputError(
            f"{what}: {width}x{height} pixels; the network and SSIM need at least "
            f"{MIN_SIZE}x{MIN_SIZE}, and attacks take up to {MAX_SIZE}x{MAX_SIZE}. Set data.size "
            "to resample images"
        )


def check_same_size(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Stop if an image has another width and height than others.

    Raises:
        InputError: saying so.
    """
    if size != expected:
        raise InputError(
            f"{path}: is {size[0]}x{size[1]} pixels while others are {expected[0]}x{expected[1]}; "
            "set data.size to resample all to one size"
        )

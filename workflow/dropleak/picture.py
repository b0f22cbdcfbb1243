"""Image files to pixels. Needs no torch, so that planning is quick."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from dropleak.errors import InputError

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Whatever a file's name. For others, as EPS, Pillow would start programs of the system."""

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's names of what becomes grey or RGB without a choice; LA and the like if opaque."""


def size(path: Path) -> tuple[int, int]:
    """Width and height, going by the header.

    Raises:
        InputError: it is not an image.
    """
    with _opened(path) as image:
        return image.size


def read(path: Path, size: int | None) -> np.ndarray:
    """Pixels, uint8 [1 or 3, H, W], resampled if a size is given.

    Raises:
        InputError: it is not an image, or not one that has a single meaning as grey or RGB.
    """
    with _opened(path) as image:
        if image.mode not in _MODES:
            raise InputError(
                f"{path}: is of mode {image.mode}, not of 8 bits in a channel; convert it to grey "
                "or RGB"
            )
        # Telephones add a depth map or a smaller copy to photographs: that is MPO.
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise InputError(
                f"{path}: holds {image.n_frames} images; save the one that is meant as a file of "
                "its own"
            )
        image.load()
        if image.has_transparency_data:
            whole = image.convert("RGBA")
            if whole.getchannel("A").getextrema()[0] < 255:
                raise InputError(
                    f"{path}: is transparent in places; put it on a background, and save it without"
                )
            image = image if image.mode == "L" else whole
        return resample(image if image.mode == "L" else image.convert("RGB"), size)


def resample(image: Image.Image, size: int | None) -> np.ndarray:
    """uint8 [C, H, W] of a grey or RGB image, resampled bicubically if a size is given."""
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except InputError:
        raise
    except Exception as error:  # broken files make Pillow raise SyntaxError, struct.error, ...
        raise InputError(f"{path}: cannot be read as an image ({error})") from None

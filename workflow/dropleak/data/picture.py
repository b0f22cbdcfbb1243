"""Image files to pixels."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from dropleak.data import depth
from dropleak.errors import InputError

FORMATS = {
    "AVIF": (".avif",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "PNG": (".png", ".apng"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""Pillow's names of what is read, whatever a file's name, and the usual endings.

For others, as EPS, Pillow would start programs of the system.
"""

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's names of what becomes grey or RGB without a choice; LA and the like if opaque."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image as its EXIF orientation asks for.

Pillow's `exif_transpose` also writes the other entries anew, and fails where one is damaged.
"""


def size(path: Path) -> tuple[int, int]:
    """Width and height of the image as `read` gives it, going by the header.

    Raises:
        InputError: it is not an image.
    """
    with _opened(path) as image:
        width, height = image.size
        # Of TIFF Pillow has turned the size already. That of a square needs no look at EXIF.
        if width != height and image.format != "TIFF" and _orientation(image) > 4:
            return height, width
        return width, height


def read(path: Path, size: int | None) -> np.ndarray:
    """Pixels, uint8 [1 or 3, H, W], the way up a viewer shows it, resampled if a size is given.

    One channel if red, green and blue are equal in every pixel: not every format can say "grey".

    Raises:
        InputError: it is not an image, or not one that has a single meaning as grey or RGB.
    """
    with _opened(path) as image:
        if not depth.fits(image, path):
            raise InputError(
                f"{path}: has more than 8 bits in a channel, or negative numbers, so that black "
                "and white would be a guess; save it with 8 bits"
            )
        if image.mode not in _MODES:
            raise InputError(f"{path}: is of mode {image.mode}; save it as grey or RGB of 8 bits")
        # Telephones add a depth map or a smaller copy to photographs: that is MPO.
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise InputError(
                f"{path}: holds {frames} images; save the one that is meant as a file of its own"
            )
        image.load()
        if image.has_transparency_data:
            whole: Image.Image = image.convert("RGBA")
            if min(whole.getchannel("A").tobytes()) < 255:
                raise InputError(
                    f"{path}: is transparent in places; put it on a background, and save it without"
                )
        else:
            whole = image
        colour = whole.convert("RGB")
        orientation = _orientation(image)
        if orientation in _UPRIGHT:
            colour = colour.transpose(_UPRIGHT[orientation])
        red, green, blue = colour.split()
        return resample(red if red == green == blue else colour, size)


def resample(image: Image.Image, size: int | None) -> np.ndarray:
    """uint8 [C, H, W] of a grey or RGB image, resampled bicubically if a size is given."""
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _orientation(image: Image.Image) -> int:
    """EXIF's number for the way up, which is 1 if nothing is said, or nothing that can be read.

    Not by PNG's own method: it decodes an image that says nothing to look behind its pixels.
    """
    try:
        said = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF makes Pillow raise SyntaxError, struct.error, ...
        return 1
    return said if said in _UPRIGHT else 1


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    # From a file that is open, as Pillow maps others into memory, and then confuses the width and
    # height of a TIFF that lies on its side.
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.filterwarnings("ignore", "Corrupt EXIF data")
            with Image.open(file, formats=list(FORMATS)) as image:
                yield image
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"{path}: cannot be read as an image; it is none, is damaged, or is of a kind that "
            f"Pillow does not read. Of images these are read: {', '.join(FORMATS)}"
        ) from None
    except Exception as error:  # broken files make Pillow raise SyntaxError, struct.error, ...
        raise InputError(f"{path}: cannot be read as an image ({error})") from None

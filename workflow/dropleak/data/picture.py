"""Reading the pixels of image files."""

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
"""Pillow's names of the formats that are read, whatever a file's name, with the usual endings.

For some others, such as EPS, Pillow would start external programs.
"""

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes with a single meaning as grey or RGB; those with transparency only if opaque."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Transposition for each EXIF orientation.

Pillow's `exif_transpose` also rewrites the other entries, and fails if one is damaged.
"""


def size(path: Path) -> tuple[int, int]:
    """Width and height of the image as `read` returns it, from the header alone.

    Raises:
        InputError: it is not an image.
    """
    with _opened(path) as image:
        width, height = image.size
        # Pillow has already turned the size of a TIFF. A square has no need of EXIF.
        if width != height and image.format != "TIFF" and _orientation(image) > 4:
            return height, width
        return width, height


def read(path: Path, size: int | None) -> np.ndarray:
    """Pixels, uint8 [1 or 3, H, W], oriented as in a viewer, resampled if a size is given.

    One channel if red, green and blue are equal in every pixel: not every format has a grey mode.

    Raises:
        InputError: it is not an image, or has no single meaning as grey or RGB.
    """
    with _opened(path) as image:
        if not depth.fits(image, path):
            raise InputError(
                f"{path}: has more than 8 bits in a channel, or negative numbers, so its black and "
                "white are unknown; save it with 8 bits"
            )
        if image.mode not in _MODES:
            raise InputError(f"{path}: has mode {image.mode}; save it as 8-bit grey or RGB")
        # Phones add a depth map or a smaller copy to photographs, as MPO.
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise InputError(
                f"{path}: holds {frames} images; save the right one as a separate file"
            )
        image.load()
        if image.has_transparency_data:
            opaque: Image.Image = image.convert("RGBA")
            if min(opaque.getchannel("A").tobytes()) < 255:
                raise InputError(
                    f"{path}: is transparent in places; save it with an opaque background"
                )
        else:
            opaque = image
        colour = opaque.convert("RGB")
        orientation = _orientation(image)
        if orientation in _UPRIGHT:
            colour = colour.transpose(_UPRIGHT[orientation])
        red, green, blue = colour.split()
        return resample(red if red == green == blue else colour, size)


def resample(image: Image.Image, size: int | None) -> np.ndarray:
    """Pixels of a grey or RGB image, uint8 [C, H, W], resampled bicubically if a size is given."""
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _orientation(image: Image.Image) -> int:
    """EXIF's number of the orientation; 1 if it is missing or damaged.

    Avoids the method of PNG images, which decodes all pixels to look for EXIF behind them.
    """
    try:
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF makes Pillow raise SyntaxError, struct.error, ...
        return 1
    return orientation if orientation in _UPRIGHT else 1


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    # From an open file: Pillow maps files that it opens itself into memory, and then confuses width
    # and height of a rotated TIFF.
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.filterwarnings("ignore", "Corrupt EXIF data")
            with Image.open(file, formats=list(FORMATS)) as image:
                yield image
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"{path}: cannot be read as an image: it is damaged, or not in one of the formats "
            f"{', '.join(FORMATS)}"
        ) from None
    except Exception as error:  # broken files make Pillow raise SyntaxError, struct.error, ...
        raise InputError(f"{path}: cannot be read as an image ({error})") from None

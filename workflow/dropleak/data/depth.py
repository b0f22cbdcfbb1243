"""Check that the channels of an image file are unsigned integers of up to 8 bits.

Pillow's modes do not tell: it silently reads 16-bit colour as 8-bit.
"""

import re
from pathlib import Path

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile


def fits(image: ImageFile, path: Path) -> bool:
    """Whether every channel of an image, open but not loaded, has at most 8 bits in its file.

    Always true for BMP, GIF and WebP, and for JPEG as far as Pillow reads it.
    """
    match image.format:
        case "PNG":
            return not _decoding(image)[0].endswith(";16B")
        case "PPM":
            largest = _decoding(image)[-1]
            return image.mode != "I" and not (isinstance(largest, int) and largest > 255)
        case "TIFF":
            assert isinstance(image, TiffImageFile)
            bits, kinds = (image.tag_v2.get(tag, (1,)) for tag in (_BITS, _KIND))
            return max(bits) <= 8 and set(kinds) == {_WHOLE}
        case "JPEG2000":
            return max(_jpeg2000_depths(path.read_bytes())) < 8
        case "AVIF":
            return not any(flags & 0x40 for flags in _avif_flags(path.read_bytes()))
    return True


_BITS, _KIND, _WHOLE = 258, 339, 1
"""TIFF's tags BitsPerSample and SampleFormat, and the latter's value for unsigned integers."""


def _decoding(image: ImageFile) -> tuple:
    """Arguments of Pillow's decoder: the layout of pixels and, for PPM, the largest value."""
    arguments = image.tile[0][3]
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _jpeg2000_depths(content: bytes) -> bytes:
    """The bits of each channel minus 1, plus 128 if it is signed.

    They are in the codestream's SIZ segment, which has 3 bytes per channel.
    """
    start = content.index(b"\xff\x4f\xff\x51") + 40
    channels = int.from_bytes(content[start : start + 2], "big")
    return content[start + 2 :][: 3 * channels : 3]


def _avif_flags(content: bytes) -> list[int]:
    """Flags of the image, its transparency, and so on; 0x40 means 10 or 12 bits."""
    return [flags[0] for flags in re.findall(rb"av1C\x81.(.)", content, re.DOTALL)]

"""Whether the channels of an image file are whole numbers of up to 8 bits.

Pillow's modes do not tell: it reads colour of 16 bits as 8 and says nothing of it.
"""

import re
from pathlib import Path

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile


def fits(image: ImageFile, path: Path) -> bool:
    """Whether every channel of an image, open but not loaded, has at most 8 bits in its file.

    That of BMP, GIF and WebP always does, and of JPEG Pillow reads nothing else.
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
"""TIFF's tags BitsPerSample and SampleFormat, and what the latter is for numbers with no sign."""


def _decoding(image: ImageFile) -> tuple:
    """What Pillow tells its decoder: how pixels are laid out and, of PPM, the largest value."""
    arguments = image.tile[0][3]
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _jpeg2000_depths(content: bytes) -> bytes:
    """For each channel its bits less 1, plus 128 if it has a sign: in the codestream's first part.

    There a channel has 3 bytes.
    """
    place = content.index(b"\xff\x4f\xff\x51") + 40
    channels = int.from_bytes(content[place : place + 2], "big")
    return content[place + 2 :][: 3 * channels : 3]


def _avif_flags(content: bytes) -> list[int]:
    """Flags of the image, of its transparency, and the like; 0x40 stands for 10 or 12 bits."""
    return [found[0] for found in re.findall(rb"av1C\x81.(.)", content, re.DOTALL)]

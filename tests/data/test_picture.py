"""Reading image files of every format: depth, grey, orientation."""

import io
import struct
import zlib

import numpy as np
import pytest
from bad import picture, refused
from PIL import ExifTags, Image, TiffImagePlugin

from dropleak.data import depth
from dropleak.data import picture as pictures


def png(bits, colour, pixels):
    """A PNG of 8x8 pixels, built by hand because Pillow does not write 16-bit colour."""

    def chunk(name, content):
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    rows = [
        pixels[start : start + len(pixels) // 8]
        for start in range(0, len(pixels), len(pixels) // 8)
    ]
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, bits, colour, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
            chunk(b"IEND", b""),
        ]
    )


def tiff(channels, bits=16, kind=1, order="<", pixels=b""):
    """An uncompressed TIFF of 8x8 pixels, black by default, built by hand."""
    pixels = pixels or bytes(8 * len(channels) * bits)
    entries = [
        (256, 8),  # width
        (257, 8),  # height
        (258, *[bits] * len(channels)),
        (259, 1),  # not compressed
        (262, 2 if len(channels) > 2 else 1),  # RGB, or grey
        (273, 8),  # where pixels are
        (277, len(channels)),
        (278, 8),  # rows in a strip
        (279, len(pixels)),
        *([(338, 2)] if len(channels) == 4 else []),  # transparency
        (339, *[kind] * len(channels)),
    ]
    start = 8 + len(pixels)
    far = start + 2 + 12 * len(entries) + 4
    directory, behind = struct.pack(f"{order}H", len(entries)), b""
    for tag, *values in entries:
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            behind, packed = behind + packed, struct.pack(f"{order}I", far + len(behind))
        directory += struct.pack(f"{order}HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", start) + pixels + directory + bytes(4) + behind


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def jpeg2000(format, depths):
    """A JPEG 2000 file that declares these depths of its channels."""
    content = bytearray(saved(picture(), "JPEG2000", no_jp2=format == "codestream"))
    start = content.index(b"\xff\x4f\xff\x51") + 42
    content[start : start + 9 : 3] = bytes(depths)
    return bytes(content)


DEEP = {
    "grey PNG": png(16, 0, bytes(128)),
    "RGB PNG": png(16, 2, bytes(384)),
    "LA PNG": png(16, 4, bytes(256)),
    "RGBA PNG": png(16, 6, bytes(512)),
    "grey PNG of Pillow": saved(picture((8, 8), np.uint16), "PNG"),
    "grey PGM": b"P5 8 8 65535\n" + bytes(128),
    "grey PGM of 10 bits": b"P5 8 8 1023\n" + bytes(128),
    "RGB PPM": b"P6 8 8 65535\n" + bytes(384),
    "RGB PPM of 9 bits": b"P6 8 8 256\n" + bytes(384),
    "plain PGM": b"P2 8 8 4095\n" + b"9 " * 64,
    "plain PPM": b"P3 8 8 4095\n" + b"9 " * 192,
    "grey TIFF": tiff("L"),
    "grey TIFF of 12 bits": tiff("L", bits=12),
    "grey TIFF of 32 bits": tiff("L", bits=32),
    "grey TIFF with a sign": tiff("L", bits=8, kind=2),
    "grey TIFF of floats": tiff("L", bits=32, kind=3),
    "RGB TIFF": tiff("RGB"),
    "RGB TIFF, big-endian": tiff("RGB", order=">"),
    "RGBA TIFF": tiff("RGBA"),
    "compressed TIFF": saved(picture((8, 8), np.uint16), "TIFF", compression="tiff_lzw"),
    "JPEG 2000": jpeg2000("jp2", (15, 15, 15)),
    "JPEG 2000 of 9 bits in a channel": jpeg2000("codestream", (7, 7, 8)),
    "JPEG 2000 with a sign": jpeg2000("codestream", (0x87, 0x87, 0x87)),
    "grey JPEG 2000": saved(picture((8, 8), np.uint16), "JPEG2000"),
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_per_channel_are_refused(tmp_path, name):
    path = tmp_path / "x.png"
    path.write_bytes(DEEP[name])
    refused(pictures.read, path, None, words=[str(path), "has more than 8 bits in a channel"])


@pytest.mark.parametrize(("flags", "fits"), [(0, True), (0x1C, True), (0x40, False), (0x6C, False)])
def test_the_depth_of_an_avif_is_in_its_flags(tmp_path, flags, fits):
    """Only the file is changed: Pillow neither writes nor opens more than 8 bits."""
    content = saved(picture((8, 8, 4)), "AVIF")
    offset = content.rindex(b"av1C\x81") + 6  # flags of the transparency
    (tmp_path / "x").write_bytes(content[:offset] + bytes([flags]) + content[offset + 1 :])
    with Image.open(io.BytesIO(content)) as image:
        assert depth.fits(image, tmp_path / "x") == fits


@pytest.mark.parametrize(
    "content",
    [tiff("RGB", bits=32, kind=3), tiff("RGB", bits=8, kind=2), b"Pf 8 8 -1\n" + bytes(256)],
)
def test_images_that_pillow_cannot_read_exactly_are_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    refused(pictures.read, tmp_path / "x", None, words=[str(tmp_path / "x")])


@pytest.mark.parametrize("format", pictures.FORMATS)
def test_8_bits_are_read_in_every_format(tmp_path, format):
    image = picture((12, 16, 3))
    path = tmp_path / "x"
    image.save(path, format, **({"lossless": True} if format == "WEBP" else {}))
    exact = format not in ("AVIF", "GIF", "JPEG")
    with Image.open(path) as again:
        expected = np.asarray(image if exact else again.convert("RGB"))
    assert (pictures.read(path, None) == expected.transpose(2, 0, 1)).all()
    assert pictures.size(path) == (16, 12)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("format", ["PNG", "PGM", "TIFF"])
def test_fewer_bits_of_grey_become_8_from_black_to_white(tmp_path, bits, format):
    levels = np.resize(np.arange(2**bits), (8, 8))
    packed = np.packbits((levels[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8))
    content = {
        "PNG": png(bits, 0, packed.tobytes()),
        "PGM": f"P5 8 8 {2**bits - 1}\n".encode() + levels.astype(np.uint8).tobytes(),
        "TIFF": tiff("L", bits=bits, pixels=packed.tobytes()),
    }
    (tmp_path / "x").write_bytes(content[format])
    assert (pictures.read(tmp_path / "x", None)[0] == levels * 255 // (2**bits - 1)).all()


GREY = picture((8, 8))
TWO_GREYS = Image.fromarray((np.asarray(GREY) > 127).astype(np.uint8) * 255)


def _palette(image):
    """An image with unused colours in its palette."""
    palette = Image.fromarray(np.asarray(image) // 8 + 100, "P")
    palette.putpalette([255, 0, 0] * 100 + [8 * n for n in range(32) for _ in "RGB"])
    return palette


@pytest.mark.parametrize(
    ("image", "format"),
    [
        (GREY, "PNG"),
        (GREY.convert("LA"), "PNG"),
        (GREY.convert("RGB"), "PNG"),
        (GREY.convert("RGB"), "JPEG"),
        (GREY.convert("RGB"), "BMP"),
        (GREY.convert("RGBA"), "WEBP"),
        (TWO_GREYS.convert("1"), "PNG"),
        (TWO_GREYS.convert("1"), "TIFF"),
        (TWO_GREYS.convert("1"), "PPM"),
        (_palette(GREY), "PNG"),
        (_palette(GREY), "TIFF"),
        (GREY, "GIF"),
    ],
)
def test_an_image_is_grey_if_all_of_its_pixels_are(tmp_path, image, format):
    path = tmp_path / "x"
    image.save(path, format, **({"lossless": True} if format == "WEBP" else {}))
    with Image.open(path) as again:
        expected = np.asarray(again.convert("RGB"))
    assert (pictures.read(path, None) == expected[None, :, :, 0]).all()


def test_one_coloured_pixel_makes_an_image_coloured(tmp_path):
    image = GREY.convert("RGB")
    image.putpixel((3, 5), (10, 10, 11))
    image.save(tmp_path / "x.png")
    assert pictures.read(tmp_path / "x.png", None).shape == (3, 8, 8)


# Where the first stored row and column belong, by orientation (EXIF 2.3).
FIRST = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
UPRIGHT = np.zeros((24, 16), np.uint8)
UPRIGHT[:12], UPRIGHT[12:, 8:] = 255, 128


def stored(orientation):
    """The stored pixels of UPRIGHT for an orientation."""
    row, column = FIRST[orientation]
    pixels = UPRIGHT if row in ("top", "bottom") else UPRIGHT.T
    pixels = pixels[::-1] if row in ("bottom", "right") else pixels
    return Image.fromarray(
        np.ascontiguousarray(pixels[:, ::-1] if column in ("right", "bottom") else pixels)
    )


def exif(orientation):
    entries = Image.Exif()
    entries[ExifTags.Base.Orientation] = orientation
    return entries


@pytest.mark.parametrize("orientation", FIRST)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
def test_an_image_is_read_upright(tmp_path, format, orientation):
    path = tmp_path / "x"
    stored(orientation).convert("RGB").save(path, format, exif=exif(orientation))
    pixels = pictures.read(path, None)
    assert pixels.shape[1:] == UPRIGHT.shape
    assert abs(pixels[0].astype(int) - UPRIGHT).max() < 16
    assert pictures.size(path) == (16, 24)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_a_tiff_is_turned_once_whatever_its_compression(tmp_path, compression):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[ExifTags.Base.Orientation] = 6
    path = tmp_path / "x"
    stored(6).save(path, "TIFF", compression=compression, tiffinfo=tags)
    assert abs(pictures.read(path, None)[0].astype(int) - UPRIGHT).max() < 16
    assert pictures.size(path) == (16, 24)


def test_an_orientation_behind_the_pixels_of_a_png_counts(tmp_path):
    content = saved(stored(8), "PNG", exif=exif(8))
    start = content.index(b"eXIf") - 4
    end = content.index(b"IDAT") - 4
    last = content.index(b"IEND") - 4
    (tmp_path / "x").write_bytes(
        content[:start] + content[end:last] + content[start:end] + content[last:]
    )
    assert (pictures.read(tmp_path / "x", None)[0] == UPRIGHT).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "damage",
    [
        b"Exif\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0not EXIF at all",
        *(exif(number).tobytes() for number in (0, 9, 65535)),
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04top\0\0\0\0\0",
    ],
)
def test_damaged_exif_is_ignored(tmp_path, format, damage):
    path = tmp_path / "x"
    Image.fromarray(UPRIGHT).save(path, format, exif=damage)
    assert abs(pictures.read(path, None)[0].astype(int) - UPRIGHT).max() < 16
    assert pictures.size(path) == (16, 24)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB"])
def test_partly_transparent_images_are_refused(tmp_path, mode):
    transparency = {"1": 255, "L": 0, "P": 0, "RGB": (0, 0, 0)}
    options = {"transparency": transparency[mode]} if mode in transparency else {}
    image = Image.fromarray(UPRIGHT).convert("LA" if mode == "LA" else mode)
    if mode == "LA":
        image.putpixel((0, 0), (255, 254))
    image.save(tmp_path / "x.png", **options)
    refused(pictures.read, tmp_path / "x.png", None, words=["x.png: is transparent in places"])

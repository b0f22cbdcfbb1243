"""Image folders that cannot be used, and odd ones that can."""

import os
import pickle
from contextlib import suppress

import numpy as np
import pytest
from bad import Payload, circles, image_tree, picture, refused
from fresh import rescan
from PIL import Image

from dropleak.data import folder, sources
from dropleak.data.picture import FORMATS
from dropleak.data.sources import image_tables
from dropleak.errors import InputError
from dropleak.jobs.attack import attack_job
from dropleak.planning import identity
from dropleak.planning.validation import complete
from dropleak.tables import parquet


@pytest.fixture
def root(tmp_path):
    return image_tree(tmp_path / "images")


def plans(root, **settings):
    """Plan with the configuration of a folder."""
    data = {"source": "folder", "root": str(root).replace("$", "$$")}
    config = complete({"experiment": "x", "images": 1, "data": data} | settings)
    sources.image_values(config["data"])
    sources.check_headers(config["data"])
    identity.of_images(config)
    return config


# Functions that spoil a folder; the tests pair them with words of the message.


def _loose(root):
    for path in list(root.glob("test/*/1.png")):
        path.rename(root / "test" / f"{path.parent.name}.png")
        path.parent.rmdir()


def _remove(*names):
    return lambda root: [(root / name).unlink() for name in names]


def _link(name, target):
    def make(root):
        (root / name).symlink_to(target if str(target).startswith("/") else root / target)

    return make


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_loose, ["test: holds no folders"]),
        (lambda root: (root / "train").rename(root / "Train"), ["has no folder train"]),
        (lambda root: (root / "test/c").mkdir(), ["different class folders", "train lacks 'c'; "]),
        (
            lambda root: [(root / part / "x\ny").mkdir() for part in folder.PARTS],
            ["train/x\ny: holds no images to learn"],
        ),
        (_remove("test/a/1.png", "test/b/1.png"), ["test: holds no images (.avif"]),
        (_remove("train/a/1.png"), ["train/a: holds no images to learn this class from"]),
        (
            lambda root: [(root / part / "b").rename(root / part / "a/b") for part in folder.PARTS],
            ["only one class"],
        ),
        (circles, ["again", "is a link to a folder that contains it"]),
        (_link("test/a/x", "test/a/x"), ["test/a/x: Too many levels of symbolic links"]),
        (_link("test/a/x.png", "/nowhere"), ["x.png", "broken link; remove it"]),
        (lambda root: os.mkfifo(root / "test/a/x.png"), ["x.png: is not a regular file"]),
        (
            lambda root: (root / "test/a" / os.fsdecode(b"\xff.png")).symlink_to("/nowhere"),
            ["\\udcff.png", "broken link"],
        ),
        (lambda root: (root / "test/a/1.png").write_bytes(b""), ["1.png: cannot be read as an"]),
        (lambda root: picture((7, 9)).save(root / "test/a/1.png"), ["9x7 pixels", "data.size"]),
        (lambda root: picture((8, 9)).save(root / "test/b/2.png"), ["2.png: is 9x8 pixels while"]),
        (lambda root: picture((1, 1)).save(root / "test/a/1.png"), ["1x1 pixels", "at least 8x8"]),
        (
            lambda root: Image.new("L", (1024, 512)).save(root / "test/a/1.png"),
            ["1024x512 pixels", "up to 512x512", "data.size"],
        ),
        (
            lambda root: (root / "test/a/1.png").write_bytes(b"P5 30000 30000 255\n"),
            ["1.png", "decompression bomb"],
        ),
        (lambda root: (root / "test/a/1.png").write_bytes(b"P5 0 0 255\n"), ["1.png: cannot be"]),
    ],
)
def test_a_folder_is_refused_when_planning(root, spoil, words):
    spoil(root)
    refused(plans, root, words=words)
    assert "Error" not in refused(image_tables, "folder", str(root), None, words=[])


def _truncated(path, image):
    image.resize((64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])


def _broken_chunk(path, image):
    image.save(path)
    path.write_bytes(path.read_bytes().replace(b"IDAT", b"ID\0T"))


def _transparent_palette(path, image):
    image = image.quantize(16)
    image.save(path, transparency=image.getpixel((0, 0)))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path, image: path.write_bytes(b"text"), ["cannot be read as an image"]),
        (lambda path, image: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), ["cannot be read"]),
        (lambda path, image: path.write_bytes(pickle.dumps(Payload(path))), ["cannot be read"]),
        (_truncated, ["cannot be read as an image", "truncated"]),
        (_broken_chunk, ["cannot be read as an image"]),
        (lambda path, image: picture((8, 8), np.uint16).save(path), ["more than 8 bits"]),
        (lambda path, image: picture((8, 8), np.float32).save(path, "TIFF"), ["more than 8 bits"]),
        (lambda path, image: image.convert("LAB").save(path, "TIFF"), ["mode LAB"]),
        (lambda path, image: picture((8, 8, 4)).save(path), ["is transparent in places"]),
        (lambda path, image: picture((8, 8, 2)).save(path), ["is transparent in places"]),
        (_transparent_palette, ["is transparent in places"]),
        (
            lambda path, image: image.save(path, save_all=True, append_images=[picture()]),
            ["holds 2 images"],
        ),
        (
            lambda path, image: image.save(
                path, "WEBP", save_all=True, append_images=[picture()], lossless=True
            ),
            ["holds 2 images"],
        ),
    ],
)
def test_an_image_is_refused(root, write, words):
    path = root / "train" / "b" / "odd.png"
    write(path, picture((8, 8, 3)))
    refused(image_tables, "folder", str(root), None, words=[str(path), *words])


@pytest.mark.parametrize("format", [*FORMATS])
def test_any_damage_to_an_image_gives_a_message(root, format):
    path = root / "train" / "b" / "1.png"
    picture((16, 16, 3)).save(path, format)
    intact = path.read_bytes()
    for offset in range(0, min(len(intact), 160), 2):
        for damaged in (intact[:offset], intact[:offset] + b"\xff\x80" + intact[offset + 2 :]):
            path.write_bytes(damaged)
            with suppress(InputError):
                image_tables("folder", str(root), 8)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("1", (8, 8), 1),
        picture().convert("P"),
        picture().convert("RGBA"),
        picture((8, 8)).convert("LA"),
        picture().convert("CMYK"),
        picture().quantize(16),
    ],
    ids=lambda image: image.mode,
)
def test_an_image_with_one_meaning_becomes_rgb(root, image):
    name = "x.tif" if image.mode == "CMYK" else "x.png"
    image.save(root / "test" / "b" / name)
    table = image_tables("folder", str(root), None)["test"]
    pixels = parquet.decode_pixels(table["pixels"], parquet.metadata(table)["shape"])
    assert (pixels[-1] == np.asarray(image.convert("RGB")).transpose(2, 0, 1)).all()


def test_an_mpo_is_read_as_its_first_image(root):
    path = root / "test" / "b" / "x.jpg"
    picture().save(path, "MPO", save_all=True, append_images=[picture((4, 4, 3))])
    assert len(image_tables("folder", str(root), None)["test"]) == 3


NAMES = ["a b", "-rf", "$(touch x)", "new\nline", "'\"", "ü", os.fsdecode(b"\xff")]


def test_odd_but_valid_folders_are_used(tmp_path):
    """Odd names, links to other folders, single images, a black one, grey and coloured ones."""
    root, away = tmp_path / "it's $(touch x)\n\n\xfc" / "my *x*", tmp_path / "away"
    for part, name in ((part, name) for part in folder.PARTS for name in NAMES):
        (away / part / name / "deep er").mkdir(parents=True)
        (root / part).mkdir(parents=True, exist_ok=True)
        picture((8, 8)).save(away / part / name / "deep er" / "-1 '\n.png")
        (root / part / name).symlink_to(away / part / name)
    Image.new("L", (8, 8)).save(root / "test" / "-rf" / "black.png")
    config = plans(root, images=len(NAMES))
    parts = image_tables("folder", str(root), None)
    metadata = parquet.metadata(parts["test"])
    assert metadata["classes"] == sorted(NAMES)
    assert metadata["shape"] == [1, 8, 8]
    assert metadata["dataset"] == sources.dataset_name(config["data"]) == "the folder my *x*"
    picture().save(root / "test" / "-rf" / "coloured.png")
    rescan()
    assert parquet.metadata(image_tables("folder", str(root), None)["test"])["shape"] == [3, 8, 8]
    assert not list(tmp_path.rglob("x"))


def test_a_class_may_have_no_test_images(root):
    (root / "test" / "a" / "1.png").unlink()
    plans(root)
    assert image_tables("folder", str(root), None)["test"]["label"].to_pylist() == [1]


@pytest.mark.parametrize("attacker", [{}, {"distance": "cosine", "optimiser": "adam"}])
def test_constant_images_and_odd_rates_give_finite_numbers(tmp_path, attacker):
    for part in folder.PARTS:
        for name, shade in (("black", 0), ("white", 255)):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (8, 8), shade).save(tmp_path / part / name / "1.png")
    images = image_tables("folder", str(tmp_path), None)["test"]
    settings = {"client": {}, "attacker": attacker, "seed": 0, "iterations": 20}
    for rate in (0.0, 5e-324, 0.30000000000000004, 1 - 2**-53):
        table = attack_job(
            images,
            settings | {"precision": "float32"},
            names=("x", "y"),
            rate=rate,
            device="cpu",
            path=tmp_path / "checkpoint",
            progress=lambda iteration: None,
            candidates=lambda images=images: [images],
        )
        frame = table.to_pandas()
        for column in frame.select_dtypes("number"):
            assert np.isfinite(frame[column].dropna()).all(), column
        for column in (name for name in frame if name.startswith("trajectory")):
            assert np.isfinite(np.stack(frame[column])).all(), column
        assert (frame["ssim"].abs() <= 1).all()

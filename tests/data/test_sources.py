import math

import numpy as np
import pytest
from fresh import rescan
from PIL import Image
from sklearn.datasets import load_digits

from dropleak.data import sources
from dropleak.data.sources import image_tables
from dropleak.errors import InputError
from dropleak.tables import parquet


def pixels(table):
    return parquet.decode_pixels(table["pixels"], parquet.metadata(table)["shape"])


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def tree(tmp_path):
    """Two classes of colour images, two for training and one to test."""
    rng = np.random.default_rng(0)
    for part, names in (("train", "ab"), ("test", "c")):
        for label in ("cat", "ship of fools"):
            for name in names:
                image = rng.integers(0, 256, (32, 32, 3), np.uint8)
                save(tmp_path / part / label / f"{name}.png", image)
    return tmp_path


def test_digits_are_scikit_learns_scans(digits):
    train, test = digits["train"], digits["test"]
    assert (len(train), len(test)) == (1437, 360)
    assert parquet.metadata(test) == {
        "dataset": "digits",
        "shape": [1, 32, 32],
        "classes": [str(n) for n in range(10)],
        "training_std": [pytest.approx(pixels(train).std() / 255)],
    }
    scans = load_digits()
    assert test["label"].to_pylist() == scans.target[::5].tolist()
    shrunk = pixels(test).reshape(360, 8, 4, 8, 4).mean((2, 4)) / 255
    assert np.corrcoef(shrunk.flatten(), scans.images[::5].flatten())[0, 1] > 0.99


def test_a_size_is_resampled_on_request():
    small = image_tables("digits", "unused", 16)["test"]
    assert parquet.metadata(small)["shape"] == [1, 16, 16]
    assert pixels(small).shape == (360, 1, 16, 16)


def test_a_folder_gives_its_pixels_unchanged(tree):
    parts = image_tables("folder", str(tree), None)
    assert parquet.metadata(parts["train"])["classes"] == ["cat", "ship of fools"]
    assert parts["train"]["label"].to_pylist() == [0, 0, 1, 1]
    expected = np.asarray(Image.open(tree / "train" / "cat" / "b.png")).transpose(2, 0, 1)
    assert (pixels(parts["train"])[1] == expected).all()


def test_grey_images_stay_one_channel_unless_some_have_colour(tmp_path):
    grey = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)
    for part in ("train", "test"):
        for label in "ab":
            save(tmp_path / part / label / "x.png", grey)
    only_grey = image_tables("folder", str(tmp_path), None)["train"]
    assert (pixels(only_grey)[0, 0] == grey).all()
    save(tmp_path / "test" / "b" / "y.png", np.full((32, 32, 3), (255, 0, 0), np.uint8))
    rescan()
    mixed = image_tables("folder", str(tmp_path), None)["train"]
    assert (pixels(mixed)[0] == grey).all()
    assert parquet.metadata(mixed)["shape"] == [3, 32, 32]


def test_images_of_another_size_are_named_and_resampled_on_request(tree):
    save(tree / "test" / "cat" / "wide.png", np.zeros((20, 40, 3), np.uint8))
    with pytest.raises(InputError, match=r"wide\.png: is 40x20 pixels .* 32x32; set data\.size"):
        image_tables("folder", str(tree), None)
    assert pixels(image_tables("folder", str(tree), 32)["test"]).shape == (3, 3, 32, 32)


def test_an_unreadable_image_is_named(tree):
    (tree / "train" / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    with pytest.raises(InputError, match=r"broken\.png: cannot be read as an image"):
        image_tables("folder", str(tree), None)


def test_parts_must_have_the_same_classes(tree):
    save(tree / "train" / "dog" / "a.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(InputError, match="different class folders: test lacks 'dog'"):
        image_tables("folder", str(tree), None)


def test_images_too_small_for_the_metrics_are_refused(tmp_path):
    for part in ("train", "test"):
        for label in "ab":
            save(tmp_path / part / label / "x.png", np.zeros((6, 6), np.uint8))
    with pytest.raises(InputError, match=r"6x6 pixels.* at least 8x8"):
        image_tables("folder", str(tmp_path), None)


def test_a_folder_without_images_is_named(tree):
    for path in (tree / "test").rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="test: holds no images"):
        image_tables("folder", str(tree), None)


def test_photographs_are_read_as_they_are(photographs):
    test = image_tables("folder", str(photographs), None)["test"]
    assert len(test) == 846
    assert parquet.metadata(test)["shape"] == [3, 32, 32]
    assert len(parquet.metadata(test)["classes"]) == 10
    first = sorted((photographs / "test" / "airplane").iterdir())[0]
    assert (pixels(test)[0] == np.asarray(Image.open(first)).transpose(2, 0, 1)).all()


def test_a_folder_goes_by_its_name(tmp_path):
    assert sources.dataset_name({"source": "digits", "root": "resources"}) == "digits"
    pictures = str(tmp_path / "my pictures")
    assert sources.dataset_name({"source": "folder", "root": pictures}) == "the folder my pictures"


@pytest.mark.parametrize("part", ["train", "test"])
def test_digits_are_counted_right(digits, part):
    assert sources.count_images({"source": "digits"}, part) == len(digits[part])
    shape = parquet.metadata(digits[part])["shape"]
    assert sources.image_values({"source": "digits", "size": None}) == math.prod(shape)


def test_the_size_of_an_image_is_what_is_set_or_what_a_folder_has(tmp_path):
    (tmp_path / "test" / "class").mkdir(parents=True)
    folder = {"source": "folder", "root": str(tmp_path), "size": None}
    with pytest.raises(InputError, match="holds no images"):
        sources.image_values(folder)
    Image.new("RGB", (20, 10)).save(tmp_path / "test" / "class" / "a.png")
    rescan()
    assert sources.image_values(folder) == 3 * 20 * 10
    assert sources.image_values(folder | {"size": 8}) == 3 * 8 * 8
    assert sources.image_values({"source": "mnist", "size": 16}) == 16 * 16


@pytest.mark.parametrize("names", [["a.png", "b.JPG", "notes.txt"], ["deep/er/c.webp"]])
def test_images_of_a_folder_are_counted_without_reading_them(tmp_path, names):
    for name in names:
        path = tmp_path / "test" / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    expected = sum(not name.endswith("txt") for name in names)
    assert sources.count_images({"source": "folder", "root": str(tmp_path)}, "test") == expected


def test_a_folder_is_told_by_names_and_sizes_of_its_files(tmp_path):
    for part in ("train", "test"):
        (tmp_path / "a" / part / "class").mkdir(parents=True)
        (tmp_path / "a" / part / "class" / "1.png").write_bytes(b"12")
    data = {"source": "folder", "root": str(tmp_path / "a"), "size": None}
    known = sources.data_identity(data)
    (tmp_path / "b").mkdir()
    (tmp_path / "a").rename(tmp_path / "b" / "a")
    moved = data | {"root": str(tmp_path / "b" / "a")}
    assert sources.data_identity(moved) == known
    assert sources.data_identity(moved | {"size": 8}) != known
    (tmp_path / "b" / "a" / "test" / "class" / "1.png").write_bytes(b"123")
    assert sources.data_identity(moved) != known

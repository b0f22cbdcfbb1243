import gzip
import hashlib
import pickle
import struct
from urllib.error import URLError

import numpy as np
import pytest
from fresh import rescan
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import datasets

from dropleak.data.sources import image_tables
from dropleak.errors import InputError
from dropleak.planning import grid
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


def test_mnist_is_found_where_torchvision_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setitem(grid.DATASETS, "mnist", grid.Dataset(5, 5, 1, 28))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    labels = np.array([3, 1, 4, 1, 5], np.uint8)
    for part in ("train", "t10k"):
        header = struct.pack(">IIII", 2051, *images.shape)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">II", 2049, len(labels))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    test = image_tables("mnist", str(tmp_path), None)["test"]
    assert (pixels(test)[:, 0] == images).all()
    assert test["label"].to_pylist() == labels.tolist()


def test_cifar_is_found_where_torchvision_keeps_it(tmp_path, monkeypatch):
    """A small archive in CIFAR-10's format, its checksums in place of the real ones."""
    monkeypatch.setitem(grid.DATASETS, "cifar10", grid.Dataset(4, 4, 3, 32))
    base = tmp_path / datasets.CIFAR10.base_folder
    base.mkdir()
    data = np.random.default_rng(0).integers(0, 256, (4, 3072), np.uint8)

    def store(name, content):
        (base / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((base / name).read_bytes()).hexdigest()]

    part = store("batch", {"data": data, "labels": [6, 9, 0, 1]})
    name, md5 = store("meta", {"label_names": [f"class {n}" for n in range(10)]})
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [part])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [part])
    meta = {"filename": name, "key": "label_names", "md5": md5}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    test = image_tables("cifar10", str(tmp_path), None)["test"]
    assert (pixels(test).reshape(4, -1) == data).all()
    assert test["label"].to_pylist() == [6, 9, 0, 1]
    assert parquet.metadata(test)["classes"][0] == "class 0"


def offline(*arguments, **options):
    raise URLError("no network")


@pytest.mark.parametrize("source", ["cifar10", "cifar100", "mnist", "fashion_mnist", "svhn"])
def test_without_a_network_the_message_says_what_is_missing(source, tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(InputError) as caught:
        image_tables(source, str(tmp_path / "data"), None)
    message = str(caught.value)
    assert f"{source} is not in {tmp_path / 'data'}" in message
    assert "http" in message
    assert "data.root" in message


def test_a_file_with_a_wrong_checksum_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    archive = tmp_path / datasets.CIFAR10.filename
    with gzip.open(archive, "wb") as file:
        file.write(b"not CIFAR-10")
    with pytest.raises(InputError, match="cifar10 is not in"):
        image_tables("cifar10", str(tmp_path), None)

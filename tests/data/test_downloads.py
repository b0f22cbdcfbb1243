import gzip
import hashlib
import pickle
import struct
from dataclasses import replace
from urllib.error import URLError

import numpy as np
import pytest
from torchvision import datasets

from dropleak.data.datasets import DATASETS
from dropleak.data.sources import image_tables
from dropleak.errors import InputError
from dropleak.tables import parquet


def pixels(table):
    return parquet.decode_pixels(table["pixels"], parquet.metadata(table)["shape"])


def test_mnist_is_found_where_torchvision_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], train=5, test=5))
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
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], train=4, test=4))
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
    assert f"{DATASETS[source].load.name} is not in {tmp_path / 'data'}" in message
    assert "http" in message
    assert "data.root" in message


def test_a_file_with_a_wrong_checksum_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    archive = tmp_path / datasets.CIFAR10.filename
    with gzip.open(archive, "wb") as file:
        file.write(b"not CIFAR-10")
    with pytest.raises(InputError, match="CIFAR10 is not in"):
        image_tables("cifar10", str(tmp_path), None)

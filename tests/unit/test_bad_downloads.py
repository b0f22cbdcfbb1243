"""Files of torchvision's data sets that are not what was published."""

import gzip
import pickle
import struct
import threading

import pytest
from bad import Payload, refused
from torchvision import datasets

from dropleak import files
from dropleak.data import image_tables


def offline(monkeypatch):
    def urlopen(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)


@pytest.mark.parametrize("source", ["cifar10", "cifar100"])
@pytest.mark.parametrize("kind", ["archive", "files", "meta"])
def test_a_file_with_a_wrong_checksum_is_never_unpickled(tmp_path, monkeypatch, source, kind):
    offline(monkeypatch)
    dataset = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source]
    trap = tmp_path / "unpickled"
    content = pickle.dumps(Payload(trap))
    base = tmp_path / "data" / dataset.base_folder
    base.mkdir(parents=True)
    if kind == "archive":
        with gzip.open(tmp_path / "data" / dataset.filename, "wb") as archive:
            archive.write(content)
    else:
        names = [name for name, _ in dataset.train_list + dataset.test_list]
        for name in names if kind == "files" else [dataset.meta["filename"]]:
            (base / name).write_bytes(content)
    root = str(tmp_path / "data")
    refused(image_tables, source, root, None, words=[f"{source} is not in {root}", "checksums"])
    assert not trap.exists()
    pickle.loads(content)
    assert trap.exists()


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
def test_what_an_old_torchvision_left_is_never_read(tmp_path, source):
    trap = tmp_path / "unpickled"
    name = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[source]
    (tmp_path / name / "processed").mkdir(parents=True)
    for part in ("training.pt", "test.pt"):
        (tmp_path / name / "processed" / part).write_bytes(pickle.dumps(Payload(trap)))
    refused(image_tables, source, str(tmp_path), None, words=["processed", "remove it"])
    assert not trap.exists()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (b"", ["are damaged", "remove them"]),
        (b"not MNIST", ["are damaged", "remove them"]),
        (struct.pack(">IIII", 2051, 5, 28, 28), ["are damaged", "remove them"]),
        (struct.pack(">IIII", 2051, 3, 28, 28) + bytes(3 * 28 * 28), ["3 train images", "60000"]),
    ],
)
def test_damaged_files_of_mnist_are_told(tmp_path, images, words):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(images)
        labels = struct.pack(">II", 2049, 3) + bytes(3)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    refused(image_tables, "mnist", str(tmp_path), None, words=[str(tmp_path), *words])


def test_two_runs_do_not_download_at_once(monkeypatch):
    order = []

    def other():
        with files.alone("resources"):
            order.append("other")

    with files.alone("resources"), files.alone("elsewhere"):
        waiting = threading.Thread(target=other)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "other"]

"""Files of torchvision's data sets that are not what was published."""

import errno
import fcntl
import gzip
import os
import pickle
import re
import shutil
import struct
import tempfile
import threading
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest
from bad import Payload, refused
from torchvision import datasets

from dropleak.data.datasets import DATASETS
from dropleak.data.sources import image_tables
from dropleak.engine import folders
from dropleak.errors import InputError
from dropleak.runtime import files


def offline(monkeypatch):
    def urlopen(*arguments, **options):
        raise URLError("no network")

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
    refused(
        image_tables,
        source,
        root,
        None,
        words=[f"{dataset.__name__} is not in {root}", "checksums"],
    )
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
    refused(image_tables, source, str(tmp_path), None, words=["processed", "move it elsewhere"])
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


@pytest.fixture
def mnist(monkeypatch):
    """A complete data set of three images, in a folder that only its owner can read.

    For root there are no permissions: tests then run as somebody else.
    """
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], train=3, test=3))
    offline(monkeypatch)
    base = Path(tempfile.mkdtemp())
    root, temporary = base / "data", base / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        images = struct.pack(">IIII", 2051, 3, 28, 28) + bytes(3 * 28 * 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, 3) + bytes(3))
    everything = [base, *base.rglob("*")]
    if os.geteuid() == 0:
        for path in everything:
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield root
    os.seteuid(os.getuid())
    for path in everything:
        path.chmod(0o700)
    shutil.rmtree(base)


NOBODY = 65534
DELETING = r"damaged|remove|delete"


def told(root, *words):
    """That MNIST is refused with these words, and nobody is told to delete it."""
    with pytest.raises(InputError) as refusal:
        image_tables("mnist", str(root), None)
    message = str(refusal.value)
    assert not re.search(DELETING, message), message
    assert all(word in message for word in words), message


def test_what_may_only_be_read_is_enough(mnist):
    for path in [*mnist.rglob("*"), mnist]:
        path.chmod(path.stat().st_mode & 0o555)
    assert len(image_tables("mnist", str(mnist), None)["test"]) == 3


@pytest.mark.parametrize("closed", ["MNIST/raw/train-labels-idx1-ubyte", "MNIST/raw", "MNIST", "."])
def test_data_that_may_not_be_read_are_not_damaged(mnist, closed):
    (mnist / closed).chmod(0)
    told(mnist, str(mnist / closed), "cannot be read (Permission denied)", "data.root")


def test_a_file_in_place_of_a_folder_is_told(mnist):
    told(mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte", "cannot be read (Not a directory)")


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOLCK])
def test_what_a_file_system_says_is_passed_on(mnist, monkeypatch, number):
    def broken(*arguments, **options):
        raise OSError(number, os.strerror(number), "train-images")

    monkeypatch.setattr("torchvision.datasets.mnist.read_image_file", broken)
    told(mnist, "train-images", f"cannot be read ({os.strerror(number)})")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told(mnist, monkeypatch, number):
    def flock(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    told(mnist, ".lock: cannot be locked", os.strerror(number), "set TMPDIR")


def test_a_temporary_folder_that_others_may_write_to_is_told(mnist):
    folders.temporary().chmod(0o777)
    told(mnist, "others may write to it", "set TMPDIR")


def test_without_a_temporary_folder_that_is_told(mnist, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    told(mnist, "No usable temporary directory", "set TMPDIR")


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG]
)
def test_what_keeps_a_download_from_being_written_is_told(tmp_path, monkeypatch, number):
    def download(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", download)
    told(tmp_path, f"downloaded to there ({tmp_path}: {os.strerror(number)})", "data.root")


@pytest.mark.parametrize(
    "error", [IncompleteRead(b""), ConnectionResetError(104, "reset"), TimeoutError("timed out")]
)
def test_a_connection_that_fails_is_told(tmp_path, monkeypatch, error):
    def urlopen(*arguments, **options):
        raise error

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    told(tmp_path, "cannot be downloaded", "With a network")


def test_two_runs_do_not_download_at_once(monkeypatch):
    order = []

    def other():
        with files.file_lock("resources"):
            order.append("other")

    with files.file_lock("resources"), files.file_lock("elsewhere"):
        waiting = threading.Thread(target=other)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "other"]

"""The part of CIFAR-10 that the experiments use, as a folder of images."""

import subprocess
import sys

import numpy as np
import pytest
from places import PHOTOGRAPHS

from dropleak.data import cifar10_subset, folder, picture
from dropleak.data.cifar10_subset import CHECKSUM, checksum, chosen, subset, write
from dropleak.data.dataset import LabelledImages
from dropleak.errors import InputError
from dropleak.tables import parquet
from dropleak.tables.schemas import IMAGES

COUNTS = {"train": 50_000, "test": 10_000}


@pytest.fixture
def cifar10():
    """Small images in place of CIFAR-10's, as many, and of the same classes."""
    random = np.random.default_rng(0)
    classes = [f"class{number}" for number in range(10)]
    return {
        part: LabelledImages(
            random.integers(0, 256, (count, 3, 2, 2), np.uint8),
            random.integers(0, 10, count),
            classes,
        )
        for part, count in COUNTS.items()
    }


def test_the_first_images_of_each_batch_are_chosen():
    train, test = chosen("train", 50_000), chosen("test", 10_000)
    assert len(train) == 5 * 932
    assert [train[0], train[931], train[932], train[-1]] == [0, 931, 10_000, 40_931]
    assert test.tolist() == [*range(846)]


def test_the_folder_has_the_photographs_by_class_and_index(cifar10, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10_subset, "CHECKSUM", checksum(subset(cifar10)))
    write(cifar10, tmp_path / "deep" / "photographs")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["photographs"]
    loaded = folder.load(tmp_path / "deep" / "photographs", None)
    for part, images in subset(cifar10).items():
        order = np.argsort(images.labels, kind="stable")  # by class, then by index
        np.testing.assert_array_equal(loaded[part].labels, images.labels[order])
        np.testing.assert_array_equal(loaded[part].pixels, images.pixels[order])
    index = chosen("train", 50_000)[1000]
    name = f"class{cifar10['train'].labels[index]}/{index:05}.png"
    assert (tmp_path / "deep" / "photographs" / "train" / name).is_file()


def test_other_pixels_and_existing_folders_are_refused(cifar10, tmp_path):
    with pytest.raises(InputError, match="not those of the published CIFAR-10"):
        write(cifar10, tmp_path / "photographs")
    assert not [*tmp_path.iterdir()]
    with pytest.raises(InputError, match="exists already"):
        write(cifar10, tmp_path)


@pytest.mark.skipif(not PHOTOGRAPHS.exists(), reason="the photographs are not there")
def test_the_checksum_is_that_of_the_photographs_here():
    parts = {}
    for part in COUNTS:
        files = sorted(folder.files(PHOTOGRAPHS, part), key=lambda path: path.name)
        assert [int(path.stem) for path in files] == chosen(part, COUNTS[part]).tolist()
        classes = sorted({path.parent.name for path in files})
        labels = np.array([classes.index(path.parent.name) for path in files])
        pixels = np.empty((len(files), 3, 32, 32), np.uint8)
        for place, path in enumerate(files):
            pixels[place] = picture.read(path, None)  # which has one channel if it is grey
        parts[part] = LabelledImages(pixels, labels, classes)
    assert checksum(parts) == CHECKSUM


def test_an_image_table_of_them_is_known(photographs, digits):
    pixels = [picture.read(path, None) for path in folder.files(photographs, "test")]
    flat = [np.broadcast_to(image, (3, 32, 32)).tobytes() for image in pixels]
    columns = {"index": range(846), "label": [0] * 846}
    table = parquet.build(IMAGES, columns | {"pixels": flat}, shape=[3, 32, 32])
    assert cifar10_subset.is_test_part(table)
    other = parquet.build(IMAGES, columns | {"pixels": [flat[0]] * 846}, shape=[3, 32, 32])
    assert not cifar10_subset.is_test_part(other)
    assert not cifar10_subset.is_test_part(digits["test"])


def test_the_command_says_what_is_missing(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "dropleak.data.cifar10_subset",
            tmp_path / "new",
            "--root",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "http_proxy": "http://127.0.0.1:1"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: CIFAR10 is not in")
    assert not (tmp_path / "new").exists()

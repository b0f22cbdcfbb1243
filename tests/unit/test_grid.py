import math

import pytest
from PIL import Image

from dropleak import grid, tables
from dropleak.errors import InputError


def test_every_image_is_in_one_batch():
    for images, size in ((10, 3), (9, 3), (1, 50), (5, 1)):
        order = list(range(images))
        slices = [grid.batch_slice(batch) for batch in grid.batches(images, size)]
        assert [i for part in slices for i in order[part]] == order


def test_updates_stay_whole():
    assert grid.batches(12, 5, images_per_update=4) == ["0-4", "4-8", "8-12"]
    assert grid.batches(16, 9, images_per_update=4) == ["0-8", "8-16"]
    assert grid.batches(8, 1, images_per_update=8) == ["0-8"]


def test_the_selection_is_a_permutation_fixed_by_the_seed():
    one = grid.selection(100, seed=3)
    assert sorted(one) == list(range(100))
    assert one == grid.selection(100, seed=3)
    assert one != grid.selection(100, seed=4)


def test_a_folder_goes_by_its_name(tmp_path):
    assert grid.dataset_name({"source": "digits", "root": "resources"}) == "digits"
    pictures = str(tmp_path / "my pictures")
    assert grid.dataset_name({"source": "folder", "root": pictures}) == "the folder my pictures"


@pytest.mark.parametrize("part", ["train", "test"])
def test_digits_are_counted_right(digits, part):
    assert grid.count_images({"source": "digits"}, part) == len(digits[part])
    shape = tables.metadata(digits[part])["shape"]
    assert grid.image_values({"source": "digits", "size": None}) == math.prod(shape)


def test_the_size_of_an_image_is_what_is_set_or_what_a_folder_has(tmp_path):
    (tmp_path / "test" / "class").mkdir(parents=True)
    folder = {"source": "folder", "root": str(tmp_path), "size": None}
    with pytest.raises(InputError, match="holds no images"):
        grid.image_values(folder)
    Image.new("RGB", (20, 10)).save(tmp_path / "test" / "class" / "a.png")
    assert grid.image_values(folder) == 3 * 20 * 10
    assert grid.image_values(folder | {"size": 8}) == 3 * 8 * 8
    assert grid.image_values({"source": "mnist", "size": 16}) == 16 * 16


@pytest.mark.parametrize("names", [["a.png", "b.JPG", "notes.txt"], ["deep/er/c.webp"]])
def test_images_of_a_folder_are_counted_without_reading_them(tmp_path, names):
    for name in names:
        path = tmp_path / "test" / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    expected = sum(not name.endswith("txt") for name in names)
    assert grid.count_images({"source": "folder", "root": str(tmp_path)}, "test") == expected

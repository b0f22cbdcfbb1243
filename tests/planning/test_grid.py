import math

import pytest
from fresh import rescan
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dropleak.errors import InputError
from dropleak.planning import grid
from dropleak.tables import parquet


def test_every_image_is_in_one_batch():
    for images, size in ((10, 3), (9, 3), (1, 50), (5, 1)):
        order = list(range(images))
        slices = [grid.batch_slice(batch) for batch in grid.batches(images, size)]
        assert [i for part in slices for i in order[part]] == order


def test_updates_stay_whole():
    assert grid.batch_size(5, images_per_update=4) == 4
    assert grid.batch_size(9, images_per_update=4) == 8
    assert grid.batch_size(1, images_per_update=8) == 8


@pytest.mark.parametrize(
    ("images", "size", "there", "expected"),
    [
        (10, 4, ["0-4", "4-8"], ["0-4", "4-8", "8-10"]),  # more images
        (13, 4, ["0-4", "4-8", "8-10"], ["0-4", "4-8", "8-10", "10-13"]),
        (6, 4, ["0-4", "4-8", "8-10"], ["0-4", "4-8"]),  # fewer
        (10, 3, ["0-4", "8-10"], ["0-4", "4-7", "7-8", "8-10"]),  # cut anew
        (10, 5, ["0-4", "0-8", "6-9"], ["0-8", "8-10"]),  # overlapping
    ],
)
def test_what_is_there_stays(images, size, there, expected):
    assert grid.batches(images, size, there) == expected


@given(
    images=st.integers(1, 60),
    size=st.integers(1, 20),
    there=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8),
    done=st.randoms(use_true_random=False),
)
@settings(derandomize=True, deadline=None, database=None)
def test_a_plan_holds_every_image_once_and_stays_while_it_is_carried_out(images, size, there, done):
    there = [f"{start}-{start + length}" for start, length in there]
    plan = grid.batches(images, size, there)
    slices = [grid.batch_slice(batch) for batch in plan]
    taken = [i for part in slices for i in range(part.start, min(part.stop, images))]
    assert taken == list(range(images))
    assert all(
        batch in there or part.stop <= images for batch, part in zip(plan, slices, strict=True)
    )
    finished = [batch for batch in plan if batch not in there and done.random() < 0.5]
    assert grid.batches(images, size, there + finished) == plan


def test_rows_beyond_the_images_do_not_count():
    assert grid.rows("attacks/idlg/rate-0.5/images-4-8.parquet", 6) == 2
    assert grid.rows("attacks/idlg/rate-0.5/images-4-8.parquet", 60) == 4


def test_a_folder_is_told_by_names_and_sizes_of_its_files(tmp_path):
    for part in ("train", "test"):
        (tmp_path / "a" / part / "class").mkdir(parents=True)
        (tmp_path / "a" / part / "class" / "1.png").write_bytes(b"12")
    data = {"source": "folder", "root": str(tmp_path / "a"), "size": None}
    known = grid.data_identity(data)
    (tmp_path / "b").mkdir()
    (tmp_path / "a").rename(tmp_path / "b" / "a")
    moved = data | {"root": str(tmp_path / "b" / "a")}
    assert grid.data_identity(moved) == known
    assert grid.data_identity(moved | {"size": 8}) != known
    (tmp_path / "b" / "a" / "test" / "class" / "1.png").write_bytes(b"123")
    assert grid.data_identity(moved) != known


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
    shape = parquet.metadata(digits[part])["shape"]
    assert grid.image_values({"source": "digits", "size": None}) == math.prod(shape)


def test_the_size_of_an_image_is_what_is_set_or_what_a_folder_has(tmp_path):
    (tmp_path / "test" / "class").mkdir(parents=True)
    folder = {"source": "folder", "root": str(tmp_path), "size": None}
    with pytest.raises(InputError, match="holds no images"):
        grid.image_values(folder)
    Image.new("RGB", (20, 10)).save(tmp_path / "test" / "class" / "a.png")
    rescan()
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

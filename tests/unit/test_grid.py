import pytest

from dropleak import grid


def test_every_image_is_in_one_batch():
    for images, size in ((10, 3), (9, 3), (1, 50), (5, 1)):
        order = list(range(images))
        slices = [grid.batch_slice(batch) for batch in grid.batches(images, size)]
        assert [i for part in slices for i in order[part]] == order


def test_the_selection_is_a_permutation_fixed_by_the_seed():
    one = grid.selection(100, seed=3)
    assert sorted(one) == list(range(100))
    assert one == grid.selection(100, seed=3)
    assert one != grid.selection(100, seed=4)


def test_a_folder_goes_by_its_name(tmp_path):
    assert grid.dataset_name({"source": "digits", "root": "resources"}) == "digits"
    pictures = str(tmp_path / "my pictures")
    assert grid.dataset_name({"source": "folder", "root": pictures}) == "the folder my pictures"


def test_digits_are_counted_right(digits):
    assert grid.count_test_images({"source": "digits"}) == len(digits["test"])


@pytest.mark.parametrize("names", [["a.png", "b.JPG", "notes.txt"], ["deep/er/c.webp"]])
def test_images_of_a_folder_are_counted_without_reading_them(tmp_path, names):
    for name in names:
        path = tmp_path / "test" / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    expected = sum(not name.endswith("txt") for name in names)
    assert grid.count_test_images({"source": "folder", "root": str(tmp_path)}) == expected

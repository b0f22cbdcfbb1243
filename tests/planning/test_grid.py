import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropleak.planning import grid


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


def test_the_selection_is_a_permutation_fixed_by_the_seed():
    one = grid.selection(100, seed=3)
    assert sorted(one) == list(range(100))
    assert one == grid.selection(100, seed=3)
    assert one != grid.selection(100, seed=4)

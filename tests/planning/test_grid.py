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
    ("images", "size", "existing", "expected"),
    [
        (10, 4, ["0-4", "4-8"], ["0-4", "4-8", "8-10"]),  # more images
        (13, 4, ["0-4", "4-8", "8-10"], ["0-4", "4-8", "8-10", "10-13"]),
        (6, 4, ["0-4", "4-8", "8-10"], ["0-4", "4-8"]),  # fewer
        (10, 3, ["0-4", "8-10"], ["0-4", "4-7", "7-8", "8-10"]),  # another size
        (10, 5, ["0-4", "0-8", "6-9"], ["0-8", "8-10"]),  # overlapping
    ],
)
def test_existing_batches_are_kept(images, size, existing, expected):
    assert grid.batches(images, size, existing) == expected


@given(
    images=st.integers(1, 60),
    size=st.integers(1, 20),
    existing=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8),
    random=st.randoms(use_true_random=False),
)
@settings(derandomize=True, deadline=None, database=None)
def test_a_plan_covers_every_image_once_and_does_not_change_during_the_run(
    images, size, existing, random
):
    existing = [f"{start}-{start + length}" for start, length in existing]
    plan = grid.batches(images, size, existing)
    slices = [grid.batch_slice(batch) for batch in plan]
    covered = [i for part in slices for i in range(part.start, min(part.stop, images))]
    assert covered == list(range(images))
    assert all(
        batch in existing or part.stop <= images for batch, part in zip(plan, slices, strict=True)
    )
    finished = [batch for batch in plan if batch not in existing and random.random() < 0.5]
    assert grid.batches(images, size, existing + finished) == plan


def test_rows_beyond_the_images_do_not_count():
    assert grid.rows("attacks/idlg/rate-0.5/images-4-8.parquet", 6) == 2
    assert grid.rows("attacks/idlg/rate-0.5/images-4-8.parquet", 60) == 4


def test_the_selection_is_a_permutation_fixed_by_the_seed():
    one = grid.selection(100, seed=3)
    assert sorted(one) == list(range(100))
    assert one == grid.selection(100, seed=3)
    assert one != grid.selection(100, seed=4)

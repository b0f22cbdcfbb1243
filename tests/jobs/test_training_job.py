"""A training job's rows."""

from dropleak.tables.schemas import UTILITY


def test_training_gives_a_row_per_seed_and_epoch(utility):
    assert utility.schema.equals(UTILITY)
    assert utility["seed"].to_pylist() == [5, 6]
    assert utility["epoch"].to_pylist() == [1, 1]

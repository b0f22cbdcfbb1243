"""A training job's rows."""

import pytest
from safetensors.torch import save_file

from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training
from dropleak.jobs.training import train_seeds
from dropleak.tables.schemas import UTILITY


def test_training_gives_a_row_per_seed_and_epoch(utility):
    assert utility.schema.equals(UTILITY)
    assert utility["seed"].to_pylist() == [5, 6]
    assert utility["epoch"].to_pylist() == [1, 1]


@pytest.mark.parametrize("given", [False, True])
def test_each_seed_draws_the_weights_of_a_module_unless_some_are_given(digits, tmp_path, given):
    weights = str(tmp_path / "weights.safetensors") if given else None
    if given:
        save_file(Client("mlp").build((1, 32, 32), 10).parameters, weights)
    standing = Training(1, 256, "sgd", 0.0, "xavier")
    parts = digits["train"].slice(0, 256), digits["test"]
    client, options = Client("mlp", weights=weights), {"device": "cpu", "progress": lambda: None}
    rows = train_seeds(*parts, client=client, rate=0, seeds=(5, 6), training=standing, **options)
    one, other = rows["train_loss"].to_pylist()
    assert (one == pytest.approx(other, rel=1e-5)) == given

"""A training job's rows."""

import numpy as np
import pytest
from experiment import LENET
from safetensors.torch import save_file

from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training
from dropleak.jobs.training import train_seeds
from dropleak.tables.schemas import UTILITY


def test_training_gives_a_row_per_seed_and_epoch(utility):
    assert utility.schema.equals(UTILITY)
    assert utility["seed"].to_pylist() == [5, 5, 6, 6]
    assert utility["epoch"].to_pylist() == [0, 1, 0, 1]
    assert [loss is None for loss in utility["train_loss"].to_pylist()] == [True, False] * 2


def test_weights_of_the_first_seed_are_kept(digits):
    parts = digits["train"].slice(0, 64), digits["test"]
    options = {
        "device": "cpu",
        "progress": lambda: None,
        "training": Training(2, 32, "sgd", 0.1, "xavier"),
    }
    _, kept = train_seeds(*parts, client=LENET, rate=0, seeds=(5, 6), keep=[0, 2], **options)
    _, alone = train_seeds(*parts, client=LENET, rate=0, seeds=[5], keep=[2], **options)
    assert kept.keys() == {0, 2}
    for name, array in alone[2].items():
        assert np.array_equal(kept[2][name], array)
        assert not np.array_equal(kept[0][name], array)


@pytest.mark.parametrize("given", [False, True])
def test_each_seed_draws_the_weights_of_a_module_unless_some_are_given(digits, tmp_path, given):
    weights = str(tmp_path / "weights.safetensors") if given else None
    if given:
        save_file(Client("mlp").build((1, 32, 32), 10).parameters, weights)
    standing = Training(1, 256, "sgd", 0.0, "xavier")
    parts = digits["train"].slice(0, 256), digits["test"]
    client, options = Client("mlp", weights=weights), {"device": "cpu", "progress": lambda: None}
    rows, _ = train_seeds(*parts, client=client, rate=0, seeds=(5, 6), training=standing, **options)
    _, one, _, other = rows["train_loss"].to_pylist()
    assert (one == pytest.approx(other, rel=1e-5)) == given

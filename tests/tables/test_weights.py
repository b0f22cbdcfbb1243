"""Files of trained weights."""

import numpy as np
import pytest

from dropleak.errors import InputError
from dropleak.tables import weights

EPOCHS = {
    0: {"a.weight": np.zeros((2, 3), np.float32), "a.bias": np.ones(2)},
    10: {"a.weight": np.ones((2, 3), np.float32), "a.bias": np.zeros(2)},
}


def test_an_epoch_comes_back_as_it_was(tmp_path):
    path = tmp_path / "rate-0.5.safetensors"
    weights.write_epochs(path, EPOCHS, {"seed": 1}, {"commit": "abc"})
    assert weights.inspect(path) == {"settings": {"seed": 1}, "code": {"commit": "abc"}}
    for epoch, expected in EPOCHS.items():
        found = weights.read(path, epoch)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert found[name].dtype == array.dtype
            assert np.array_equal(found[name], array)
    assert weights.read(path, 1) == {}


def test_a_full_disk_leaves_nothing(tmp_path, full_disk):
    with full_disk, pytest.raises(OSError, match="File too large"):
        weights.write(tmp_path / "epoch-1.safetensors", EPOCHS[0], {})
    assert not list(tmp_path.iterdir())


def test_weights_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "epoch-1.safetensors"
    with pytest.raises(InputError, match=r"epoch-1.safetensors: cannot be read \(No such file"):
        weights.read(path)
    weights.write(path, EPOCHS[0], {})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"is damaged \(.*; delete it and run again"):
        weights.read(path)

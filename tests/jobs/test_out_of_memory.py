"""A GPU whose memory cannot hold all attacks of a job at once."""

import pyarrow as pa
import pytest
import torch

from dropleak.errors import InputError
from dropleak.jobs.attack import split_on_out_of_memory


def rows(count):
    return pa.table({"index": list(range(count))})


def test_a_gpu_that_is_too_small_attacks_the_images_in_parts(capsys):
    attacked = []

    def attack(part):
        if len(part) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        attacked.append(part["index"].to_pylist())
        return part

    result = split_on_out_of_memory(attack, rows(10), images_per_update=1)
    assert result["index"].to_pylist() == list(range(10))
    assert attacked == [[0, 1], [2, 3, 4], [5, 6], [7, 8, 9]]
    assert "lower attack.images_per_job" in capsys.readouterr().out
    attacked.clear()
    split_on_out_of_memory(attack, rows(10), images_per_update=2)
    assert all(len(part) % 2 == 0 for part in attacked)


def test_a_gpu_that_cannot_hold_one_update_is_an_error_with_advice():
    def attack(part):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(InputError, match=r"lower data\.size"):
        split_on_out_of_memory(attack, rows(4), images_per_update=4)

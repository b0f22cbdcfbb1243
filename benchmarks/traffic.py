"""What an iteration in torch asks of a GPU, counted on a CPU.

    CC=/none python benchmarks/traffic.py [ATTACKER ...]

Needs torch, numpy and images.npz (see images.py). Counts the operators that compute something, the
bytes that they read and write, and how often the host waits, in the middle of attacks on 8
photographs at rate 0.3. Prints a table for README.md.

On a CPU nothing waits. Counted are operators that would on a GPU: for a result, or for a copy of
numbers and arrays. Copies to the host are not, as a CPU makes none (gpu.py counts them too), nor is
what happens between two steps of the optimiser.
"""

import sys
from collections.abc import Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import library  # noqa: F401, which finds dropleak
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import (
    ITERATIONS_PER_STEP,
    objective_for,
    optimiser_for,
    start_row,
)
from workload import attackers, data_sets, problems

BANDWIDTH = 3e12
"""Bytes per second of a GPU's memory."""

WAITS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "lift_fresh")
"""For results, or, in the last one, until a GPU has a copy of what was in the host's memory."""
ALLOCATIONS = ("empty", "empty_like", "new_empty", "empty_strided")
OVERWRITING = ("copy_", "fill_", "zero_")
"""These do not read what they change."""
SELECTING = ("index", "index_put_", "_index_put_impl_", "gather")
"""These touch only as many entries as they return or are given."""


class Traffic(TorchDispatchMode):
    """Counts the operators that run while it is active.

    Attributes:
        operators: that compute something.
        moved: bytes that they read and write, none of them from a cache.
        waits: how often the host waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.moved = self.waits = 0

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None):
        result = operator(*args, **(kwargs or {}))
        name = operator.__name__.split(".")[0]
        read, written = ([*_tensors(values)] for values in ((args, kwargs), result))
        storages = {tensor.untyped_storage().data_ptr() for tensor in read}
        is_view = written and all(t.untyped_storage().data_ptr() in storages for t in written)
        self.waits += name in WAITS or (name in SELECTING and _by_mask(args))
        if name not in (*WAITS, *ALLOCATIONS) and (name.endswith("_") or not is_view):
            self.operators += 1
            if name in OVERWRITING:
                read = read[1:]
            elif name in SELECTING:
                read = read[1:]
                written = [read[-1]] if name.endswith("_") else written * 2
            self.moved += sum(map(_size, read + written))
        return result


def _by_mask(args: Any) -> bool:
    """Whether entries are selected by a mask, whose ones the host has to count."""
    return any(tensor.dtype == torch.bool for tensor in _tensors(args[1]))


def _tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _size(tensor: Tensor) -> int:
    """Bytes, without those that broadcasting repeats."""
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    return tensor.element_size() * prod(side for side, stride in sides if stride)


def iteration(attacker: Attacker, batch: int, device: str = "cpu") -> dict[str, float]:
    """Counts per iteration, the bytes per image as well, when the history of L-BFGS is full."""
    update, keys, private = problems(data_sets()[0], 0, batch, 0.3, device)
    oracle_masks = private.oracle_masks() if attacker.needs_oracle else None
    with torch.no_grad():  # in inference mode some operators would hide others
        objective = objective_for(update, attacker, keys, oracle_masks)
        optimiser = optimiser_for(objective, start_row(objective, keys), 200)
        for _ in range(6):
            optimiser.step(objective)
        with Traffic() as traffic:
            optimiser.step(objective)
    moved = traffic.moved / batch
    return {
        "operators": traffic.operators / ITERATIONS_PER_STEP,
        "host_synchronisations": traffic.waits / ITERATIONS_PER_STEP,
        "megabytes_per_image": moved / ITERATIONS_PER_STEP / 1e6,
        "microseconds_per_image": 1e6 * moved / ITERATIONS_PER_STEP / BANDWIDTH,
    }


if __name__ == "__main__":
    print("| attacker | operators | host synchronisations | MB per image | at 3 TB/s |")
    print("|---|---|---|---|---|")
    for name in sys.argv[1:] or ("idlg", "idlg-ignore", "mask-reading", "adaptive"):
        counts = iteration(attackers()[name], 8)
        print(
            f"| `{name}` | {counts['operators']:.0f} | {counts['host_synchronisations']:.2f} | "
            f"{counts['megabytes_per_image']:.1f} | {counts['microseconds_per_image']:.1f} µs |"
        )

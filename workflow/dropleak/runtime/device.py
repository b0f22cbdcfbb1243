"""Torch's device and its precision."""

import time
from collections.abc import Mapping
from typing import IO, Any

import torch

from dropleak.runtime.files import lock

_held: list[IO] = []
"""The lock of this process's GPU; the system releases it however the process ends."""


def requested(resources: Mapping[str, Any]) -> bool:
    """Whether a job was given a GPU, by Snakemake's resource `gpu` or, on some clusters, `gres`."""
    return resources["gpu"] > 0 or "gpu" in resources.get("gres", "")


def full_precision() -> None:
    """Turn off TF32, which rounds float32 products to 10 bits: L-BFGS needs all of them."""
    torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]  # set in the module's class
    torch.backends.cudnn.allow_tf32 = False  # the older name, without which torch.export fails


def choose(gpu: bool) -> str:
    """A torch device in full precision: a GPU if the job was given one that works, else the CPU.

    On a machine with several GPUs each job takes one that no other job of this user holds, and
    waits if there is none. Slurm shows a job only its own.
    """
    full_precision()
    if gpu and not torch.cuda.is_available():
        print("this job was given a GPU, but torch finds none: running on the CPU")
    if not (gpu and torch.cuda.is_available()):
        return "cpu"
    uuids = [
        str(torch.cuda.get_device_properties(n).uuid) for n in range(torch.cuda.device_count())
    ]
    return f"cuda:{take_one(uuids)}"


def take_one(names: list[str], pause: float = 1.0) -> int:
    """The index of the first name that no other process has taken; waits until there is one.

    Args:
        names: of the GPUs, the same in every process.
        pause: seconds between tries.

    Raises:
        InputError: there is no folder for locks.
    """
    waiting = False
    while (index := _try_all(names)) is None:
        if not waiting:
            print("other jobs use every GPU of this machine: waiting for one", flush=True)
        waiting = True
        time.sleep(pause)
    return index


def _try_all(names: list[str]) -> int | None:
    for index, gpu in enumerate(names):
        if held := lock(gpu, wait=False):
            _held.append(held)
            return index
    return None


def name(device: str) -> str:
    """The device's name in tables: "cpu", or the model of the GPU."""
    return "cpu" if device == "cpu" else torch.get_device_module(device).get_device_name(device)

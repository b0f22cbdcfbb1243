"""The attack compiled for the CPU, one problem after the other (see compiled.h).

It does what `lbfgs.py`, `objective.py` and `models/layers.py` do in torch for many problems at
once, which a GPU needs; a CPU is several times faster when all that a problem needs stays in its
caches. The machine's C compiler builds it once, in about a second, and it is kept among the
machine's temporary files.
"""

import ctypes
import hashlib
import os
import shlex
import subprocess
from functools import lru_cache
from pathlib import Path

import torch

from dropleak.files import atomic, private_folder

_SOURCES = sorted(Path(__file__).parent.glob("*.[ch]"))
_FLAGS = ["-std=gnu11", "-O3", "-march=native", "-shared", "-fPIC"]
_REALS = {torch.float32: "float", torch.float64: "double"}


def find(like: torch.Tensor) -> ctypes.CDLL | None:
    """The functions for tensors like this one, if there are any: on a CPU with a C compiler."""
    return _library(like.dtype) if like.device.type == "cpu" else None


@lru_cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | None:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        return ctypes.CDLL(str(_build([*compiler, *_FLAGS, f"-DREAL={_REALS[dtype]}"])))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        print(
            f"the C compiler '{shlex.join(compiler)}' could not build the attack "
            f"({reason.strip().splitlines()[-1]}): using torch, which takes several times as "
            "long; set CC to a compiler that works"
        )
        return None


def _build(command: list[str]) -> Path:
    """The library made by a compiler's command, unless it has been made on such a machine."""
    target = private_folder() / f"{_fingerprint(command)}.so"
    if not target.exists():
        sources = [source for source in _SOURCES if source.suffix == ".c"]
        with atomic(target) as path:
            subprocess.run(
                [*command, *sources, "-lm", "-o", path], check=True, capture_output=True, text=True
            )
    return target


def _fingerprint(command: list[str]) -> str:
    """Of everything the library depends on: sources, command, and what the processor can do."""
    parts = [shlex.join(command), *(source.read_text(encoding="utf-8") for source in _SOURCES)]
    processor = Path("/proc/cpuinfo")
    if processor.exists():
        lines = processor.read_text(encoding="utf-8").splitlines()
        parts += [line for line in lines if line.startswith(("flags", "Features"))][:1]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

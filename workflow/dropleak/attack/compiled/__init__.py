"""The attack compiled for the CPU, one problem after the other (see compiled.h).

It does what `lbfgs.py`, `passes.py` and `objective.py` do in torch for many problems at once, which
a GPU needs; a CPU is several times faster when all that a problem needs stays in its caches. The
machine's C compiler builds it when it is first used, in about a second, so that nothing has to be
kept and trusted from one process to the next.
"""

import ctypes
import os
import shlex
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import torch

_SOURCES = sorted(Path(__file__).parent.glob("*.c"))
_FLAGS = ["-std=gnu11", "-O3", "-march=native", "-shared", "-fPIC"]
_REALS = {torch.float32: "float", torch.float64: "double"}


def find(like: torch.Tensor) -> ctypes.CDLL | None:
    """The functions for tensors like this one, if there are any: on a CPU with a C compiler."""
    return _build(like.dtype) if like.device.type == "cpu" else None


@lru_cache
def _build(dtype: torch.dtype) -> ctypes.CDLL | None:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder, "compiled.so"))
        command = [*compiler, *_FLAGS, f"-DREAL={_REALS[dtype]}", *_SOURCES, "-lm", "-o", target]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
            return ctypes.CDLL(target)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            print(
                f"the C compiler '{shlex.join(compiler)}' could not build the attack "
                f"({reason.strip().splitlines()[-1]}): using torch, which takes several times as "
                "long; set CC to a compiler that works"
            )
            return None

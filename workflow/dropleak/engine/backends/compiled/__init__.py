"""The attack compiled for the CPU, one problem after the other (see compiled.h).

It does what `lbfgs.py`, `objective.py` and `models/layers.py` do in torch for many problems at
once, as a GPU needs it. A CPU is several times faster if everything that a problem needs stays in
its caches. The machine's C compiler builds it once, in about a second, in the user's folder for
temporary files, or in the user's cache if temporary files cannot be executed.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from dropleak.engine.folders import put, temporary, user_cache
from dropleak.errors import InputError

_SOURCES = sorted(Path(__file__).parent.glob("*.[ch]"))
_FLAGS = ["-std=gnu11", "-O3", "-march=native", "-shared", "-fPIC"]
_REALS = {torch.float32: "float", torch.float64: "double"}


def find(like: torch.Tensor) -> ctypes.CDLL | None:
    """The functions for tensors like this one; None unless on a CPU with a C compiler."""
    return _library(like.dtype) if like.device.type == "cpu" else None


@lru_cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | None:
    try:
        return _load([*_FLAGS, f"-DREAL={_REALS[dtype]}"])
    except InputError as error:
        print(f"using torch, which takes several times as long: {error}")
        return None


def _load(flags: list[str]) -> ctypes.CDLL:
    """The library, from the first folder where it can be written and loaded.

    Raises:
        InputError: there is no such folder, or no working compiler.
    """
    command = [*_compiler(), *flags]
    name, failures = f"{_fingerprint(command)}.so", []
    for folder in (temporary, user_cache):
        try:
            target = folder() / name
            if not target.exists():
                _build(command, target)
            return ctypes.CDLL(str(target))
        except (InputError, OSError, subprocess.CalledProcessError) as error:
            failures.append(error)
    for failure in failures:
        if isinstance(failure, subprocess.CalledProcessError):
            lines = failure.stderr.strip().splitlines() or [f"status {failure.returncode}"]
            raise InputError(
                f"the C compiler '{shlex.join(command[: -len(flags)])}' could not build the attack "
                f"({next((line for line in lines if 'error' in line), lines[-1])}); set CC to a "
                "compiler that works"
            )
    raise InputError(
        f"the compiled attack cannot be loaded from any folder ({'; '.join(map(str, failures))}); "
        "set TMPDIR or XDG_CACHE_HOME to a folder of your own whose file system is not mounted "
        "noexec"
    )


def _compiler() -> list[str]:
    """The command that starts the C compiler."""
    given = os.environ.get("CC") or "cc"
    try:
        command = shlex.split(given)
    except ValueError:  # unbalanced quotes
        command = [given]
    if not command or shutil.which(command[0]) is None:
        raise InputError(f"there is no C compiler '{given}'; install one, or set CC to one")
    return command


def _build(command: list[str], target: Path) -> None:
    """Build the library atomically."""
    sources = [source for source in _SOURCES if source.suffix == ".c"]
    with TemporaryDirectory(dir=target.parent) as folder:
        library = Path(folder, target.name)
        subprocess.run(
            [*command, *sources, "-lm", "-o", library],
            env=os.environ | {"TMPDIR": folder, "LC_ALL": "C"},
            check=True,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        put(library, target)


def _fingerprint(command: list[str]) -> str:
    """Digest of everything the library depends on: sources, command, C library, CPU features."""
    parts = [shlex.join(command), *platform.libc_ver(), platform.machine()]
    parts += [source.read_text(encoding="utf-8") for source in _SOURCES]
    processor = Path("/proc/cpuinfo")
    if processor.exists():
        lines = processor.read_text(encoding="utf-8").splitlines()
        parts += [line for line in lines if line.startswith(("flags", "Features"))][:1]
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]

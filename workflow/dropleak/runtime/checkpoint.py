"""A job's state on disk, so that its work is not lost when it is stopped or dies."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dropleak.engine.attack.state import Tensors
from dropleak.errors import StoppedError
from dropleak.runtime.files import atomic

COST = 0.01
"""Largest share of a job's time for writing checkpoints."""

PAUSE = 150.0
"""Least number of seconds between two checkpoints."""


class Checkpoint:
    """A file written from time to time, and on SIGTERM, which Slurm sends before it ends a job.

    Args:
        path: of the file; whoever writes the job's result removes it.
        identity: of the job; the file of another job is not used.
    """

    def __init__(self, path: str | Path, identity: Mapping):
        self.path, self._identity = Path(path), json.dumps(identity, sort_keys=True)
        self._stop = False
        self._next = time.monotonic() + PAUSE

    def load(self) -> Tensors | None:
        """The state in the file; None if there is no usable file."""
        try:
            with safe_open(self.path, "pt") as file:
                if file.metadata()["identity"] != self._identity:
                    return None
                # Cloned, because sums over differently aligned memory are rounded differently.
                return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            print(f"{self.path}: cannot be used ({error}): starting over")
            return None

    @property
    def due(self) -> bool:
        """Whether it is time to write a checkpoint."""
        return self._stop or time.monotonic() >= self._next

    def write(self, state: Tensors, progress: str) -> None:
        """Write the state; if the disk is full, the job continues without a checkpoint.

        Args:
            state: to save.
            progress: the work done so far, in words.

        Raises:
            StoppedError: if the job was told to stop.
        """
        began = time.monotonic()
        outcome = f"saved in {self.path}, and the next run continues from there"
        try:
            with atomic(self.path) as partial:
                tensors = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
                save_file(tensors, partial, {"identity": self._identity})
            print(f"checkpoint after {progress}: {time.monotonic() - began:.1f} s")
        except (OSError, SafetensorError) as error:
            problem = f"{self.path} cannot be written ({getattr(error, 'strerror', error)})"
            outcome = f"lost, because {problem}"
            print(f"no checkpoint: {problem}")
        ended = time.monotonic()
        self._next = ended + max(PAUSE, (ended - began) / COST)
        if self._stop:
            raise StoppedError(f"told to stop after {progress}; they are {outcome}")

    @contextmanager
    def stop_on_signals(self) -> Iterator[None]:
        """When the process gets SIGTERM or SIGINT, save at the next opportunity and stop."""

        def stop(number: int, frame: object) -> None:
            self._stop = True

        signals = (signal.SIGTERM, signal.SIGINT)
        handlers = {number: signal.signal(number, stop) for number in signals}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

"""Trying a torch module on an image, in a process of its own, as planning needs no torch."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from dropleak.data.sources import probable_shape
from dropleak.engine.folders import temporary, user_cache
from dropleak.engine.models.zoo import NETWORKS, relative_cost
from dropleak.errors import InputError
from dropleak.planning import code
from dropleak.planning.networks import HOW_ATTACKED, is_file, is_module, untrained, without_paths
from dropleak.runtime.files import write_text


@dataclass(frozen=True)
class Size:
    """How much work a network is."""

    cost: float
    """Multiplications of the forward pass of an image, relative to those of lenet."""
    parameters: int
    """Number of those whose gradients are shared, where that matters for memory."""


def sizes(clients: Iterable[dict], config: dict, tries: bool) -> list[Size]:
    """The sizes of some clients' networks.

    Args:
        clients: their settings.
        config: complete.
        tries: whether to try those that are torch modules.

    Raises:
        InputError: one cannot be loaded or attacked, or an image cannot be read.
    """
    return [
        tried_size(
            client,
            *probable_shape(config["data"]),
            config["seed"],
            config["attack"]["precision"],
        )
        if tries and is_module(client)
        else known_size(client)
        for client in clients
    ]


def known_size(client: dict) -> Size:
    """The size of a client's network as far as it is known without a trial."""
    if is_file(client["network"]):
        return Size(1.0, 0)
    parameters = NETWORKS[client["network"]].parameters
    return Size(relative_cost(client["network"]), parameters)


def tried_size(
    client: dict, shape: tuple[int, int, int], classes: int, seed: int, precision: str
) -> Size:
    """The size of a client's network that is a torch module, from a trial.

    A success is remembered on this machine, until the network, torch or this library changes. So
    jobs need not try again what planning has tried, unless Snakemake runs without torch.

    Args:
        client: its settings.
        shape, classes: of the images.
        seed, precision: of the experiment.

    Raises:
        InputError: it cannot be loaded or attacked.
    """
    if find_spec("torch") is None:
        return known_size(client)
    client = {key: it for key, it in untrained(client).items() if key not in HOW_ATTACKED}
    given = {"shape": shape, "classes": classes, "seed": seed, "precision": precision}
    digest_of_code = code.digest("attack.py", ["dropleak.jobs.trial"])
    made_with = [without_paths(client), given, digest_of_code, version("torch")]
    digest = hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()
    places = [folder / f"{digest}.json" for folder in _memories()]
    for place in places:
        if place.exists():
            return Size(**json.loads(place.read_text(encoding="utf-8")))
    size = _try({"client": client, **given})
    for place in places:
        with suppress(OSError):
            write_text(place, json.dumps(asdict(size)))
            break
    return size


def _memories() -> Iterator[Path]:
    """Folders for the results of trials, best first; none that this user cannot have."""
    for parent in (user_cache, temporary):
        with suppress(InputError, OSError):
            folder = parent() / "trials"
            folder.mkdir(exist_ok=True)
            yield folder


def _try(arguments: dict) -> Size:
    command = [sys.executable, "-m", "dropleak.jobs.trial", json.dumps(arguments)]
    result = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace")
    if not result.stdout:
        last = "; ".join(result.stderr.strip().splitlines()[-1:]) or f"exit {result.returncode}"
        raise InputError(f"network {arguments['client']['network']}: trying it failed ({last})")
    found = json.loads(result.stdout)
    if "problem" in found:
        raise InputError(found["problem"])
    return Size(**found)

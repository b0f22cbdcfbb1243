"""Networks that a client takes from a user's files: where these are, and what they hold."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from dropleak.engine import defences
from dropleak.engine.client.client import TRAINED
from dropleak.engine.models.zoo import NETWORKS
from dropleak.errors import InputError
from dropleak.planning import code
from dropleak.planning.messages import shown
from dropleak.planning.paths import expanded


def is_file(network: str) -> bool:
    """Whether it is `file.py:function` rather than built in."""
    return network not in NETWORKS


def is_module(client: dict) -> bool:
    """Whether its network is a torch module, rather than made of layers."""
    return is_file(client["network"]) or not NETWORKS[client["network"]].drawn_for_each_client


def is_trained(client: Mapping) -> bool:
    """Whether a client is attacked with weights that the workflow has trained."""
    return client["weights"] == TRAINED


def untrained(client: dict) -> dict:
    """The settings of a client before the training."""
    return client | {"weights": None, "epochs": None} if is_trained(client) else client


def expand(client: dict, folders: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Make the paths of a client absolute; yields what is wrong with them, each with its key.

    Args:
        client: its settings that were given.
        folders: where relative paths are looked for, in this order and then in the working
            directory.
    """
    folders = [*folders, Path()]
    for key in ("network", "weights"):
        given = client.get(key)
        if given in (None, TRAINED) or (key == "network" and not is_file(given)):
            continue
        path, colon, function = given.rpartition(":") if key == "network" else (given, "", "")
        try:
            found = _find(expanded(path), folders)
        except ValueError as error:
            yield key, f"{shown(given)} {error}"
        except OSError as error:
            yield key, f"{shown(given)} cannot be used ({error.strerror})"
        else:
            client[key] = f"{found}{colon}{function}"


def _find(path: str, folders: Iterable[Path]) -> Path:
    """The absolute path of the first file.

    Raises:
        ValueError: there is none; the message does not name the path.
    """
    places = [Path(os.path.abspath(folder / path)) for folder in folders]
    for place in places:
        if place.is_file():
            return place
    looked = dict.fromkeys(str(place.parent) for place in places)
    raise ValueError(f"is not a file in {' or '.join(looked)}")


def problems(client: dict) -> Iterator[tuple[str, str]]:
    """Settings of a client that others of its settings exclude, or unreadable files, by key."""
    entry = NETWORKS.get(client["network"])
    sites = entry.sites if entry else ("classifier",)
    if client["dropout"] not in sites:
        yield (
            "dropout",
            f"{client['dropout']} is for networks made of layers; a torch module has its dropout "
            "layers where its code has them, so write classifier",
        )
    if is_trained(client) and client["epochs"] is None:
        yield (
            "epochs",
            "is missing; weights: trained needs their number (a file of that name is ./trained)",
        )
    if client["epochs"] is not None and not is_trained(client):
        yield "epochs", f"{client['epochs']} is for weights: trained"
    if entry and entry.drawn_for_each_client:
        if client["weights"] not in (None, TRAINED):
            yield "weights", "is for torch modules; every client draws this network anew"
        if client["batch_norm"] != "running":
            yield "batch_norm", f"is for torch modules; {client['network']} has no batch norm"
    try:
        without_paths(client)
    except (InputError, OSError) as error:
        yield "network", str(error)


def without_paths(client: dict) -> dict:
    """A client's settings with what files hold in place of their paths.

    Raises:
        InputError: the network's file cannot be read as Python.
    """
    changed = {}
    if is_file(client["network"]):
        path, _, function = client["network"].rpartition(":")
        changed["network"] = f"{function} of code {code.digest_of_file(Path(path))}"
    if client["weights"] not in (None, TRAINED):
        status = Path(client["weights"]).stat()
        changed["weights"] = _checksum(client["weights"], status.st_mtime_ns, status.st_size)
    return client | changed


def files(client: dict, planned: dict) -> dict[str, str]:
    """The settings of a client that are paths, for a job.

    Args:
        client: its settings.
        planned: of the results that the job makes, see `without_paths`.

    Raises:
        InputError: a file does not hold any more what it did.
    """
    holds = without_paths(client)
    paths = {key: client[key] for key, content in holds.items() if content != client[key]}
    for key, path in paths.items():
        if planned.get(key) != holds[key]:
            raise InputError(f"{path}: has changed since the run began; run again")
    return paths


@cache
def _checksum(path: str, mtime_ns: int, size: int) -> str:
    """SHA-256 of a file, which is computed again if its time or size has changed."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def label(client: dict) -> str:
    """A client's network in tables, figures and names of files, the same before and after training.

    The stem of the file and the function, the stem of the weights, and whether batch norm uses the
    statistics of images.
    """
    path, _, function = client["network"].rpartition(":")
    parts = [f"{Path(path).stem}.{function}" if path else function]
    if client["weights"] not in (None, TRAINED):
        parts.append(Path(client["weights"]).stem)
    if client["batch_norm"] != "running":
        parts.append("batch-statistics")
    return "+".join(re.sub(r"[^\w.-]", "-", part, flags=re.ASCII) for part in parts)


def courses(clients: Mapping[str, Mapping]) -> list[dict[str, int]]:
    """Clients that are attacked in the course of one training: their epochs, in order, by name.

    They differ in the epochs alone, of which there are at least two.
    """
    groups: dict[str, dict[int, str]] = {}
    for name, client in clients.items():
        if is_trained(client):
            same = json.dumps({**client, "epochs": None}, sort_keys=True)
            groups.setdefault(same, {}).setdefault(client["epochs"], name)
    several = (sorted(group.items()) for group in groups.values() if len(group) > 1)
    return [{name: epochs for epochs, name in group} for group in several]


HOW_ATTACKED = {"rates": None, "attackers": None}
"""Settings of a client that say how it is attacked, not what it is, without their values."""


def labelled(client: dict) -> dict:
    """A client's settings with the label of its network, as in tables, in place of files."""
    weights = TRAINED if is_trained(client) else None
    return client | {"network": label(client), "weights": weights}


def training(client: dict) -> tuple[str, str, str]:
    """What clients that share trainings have in common, in tables and names of files.

    Label of the network, site of dropout, and label of the defence.
    """
    return label(client), client["dropout"], defences.label(client["defence"])


def confused(clients: dict[str, dict]) -> Iterator[str]:
    """Clients whose different networks would have the same label, by name."""
    first: dict[tuple[str, str], tuple[str, dict]] = {}
    for name, client in clients.items():
        network = without_paths(untrained(client))
        network |= {"images_per_update": 1, "defence": {}, **HOW_ATTACKED}
        other, known = first.setdefault((label(client), client["dropout"]), (name, network))
        if network != known:
            yield (
                f"clients: {other} and {name} have different networks, which would both be called "
                f"{label(client)}; rename a file of one"
            )

"""Networks that a client takes from a user's files: where these are, and what they hold."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from dropleak.engine.models.zoo import NETWORKS
from dropleak.errors import InputError
from dropleak.planning import code
from dropleak.planning.messages import shown
from dropleak.planning.paths import expanded


def is_file(network: str) -> bool:
    """Whether it is `file.py:function` rather than built in."""
    return network not in NETWORKS


def drawn_anew(client: dict) -> bool:
    """Whether each client draws its network's weights, which torch modules have in common."""
    return not is_file(client["network"]) and NETWORKS[client["network"]].drawn_for_each_client


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
        if given is None or (key == "network" and not is_file(given)):
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
    if entry and entry.drawn_for_each_client:
        if client["weights"] is not None:
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
    if client["weights"] is not None:
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
    """A client's network in tables, figures and names of files.

    The stem of the file and the function, the stem of the weights, and whether batch norm uses the
    statistics of images.
    """
    path, _, function = client["network"].rpartition(":")
    parts = [f"{Path(path).stem}.{function}" if path else function]
    if client["weights"] is not None:
        parts.append(Path(client["weights"]).stem)
    if client["batch_norm"] != "running":
        parts.append("batch-statistics")
    return "+".join(re.sub(r"[^\w.-]", "-", part, flags=re.ASCII) for part in parts)


def labelled(client: dict) -> dict:
    """A client's settings with the label of its network, as in tables, in place of files."""
    return client | {"network": label(client), "weights": None}


def confused(clients: dict[str, dict]) -> Iterator[str]:
    """Clients whose different networks would have the same label, by name."""
    first: dict[tuple[str, str], tuple[str, dict]] = {}
    for name, client in clients.items():
        network = without_paths(client) | {"images_per_update": 1, "defence": {}, "rates": None}
        other, known = first.setdefault((label(client), client["dropout"]), (name, network))
        if network != known:
            yield (
                f"clients: {other} and {name} have different networks, which would both be called "
                f"{label(client)}; rename a file of one"
            )

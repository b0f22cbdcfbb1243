"""The folders of job files, named by a digest of the settings that the files depend on.

So a file that exists can be used, whatever the target and whatever happened to Snakemake's records.
A setting that is changed back finds its old results.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from dropleak.planning import identity
from dropleak.planning.config import attackers_of, clients
from dropleak.planning.networks import is_trained, training


@dataclass(frozen=True)
class Folder:
    """A folder of results with the same settings."""

    parent: str
    settings: dict
    """See `identity`."""

    @property
    def digest(self) -> str:
        """The folder's name."""
        settings = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(settings.encode()).hexdigest()[:8]

    @property
    def path(self) -> str:
        """The path, relative to the working directory."""
        return f"{self.parent}/{self.digest}"


class Layout:
    """The folders that a configuration uses.

    Args:
        config: complete.
    """

    def __init__(self, config: dict):
        self.results = f"results/{config['experiment']}"
        images = identity.of_images(config)
        self.images = Folder(f"{self.results}/data", images)
        presets = clients(config)
        trainings = {training(presets[name]): name for name in config["clients"]}
        self.trainings = {
            shared: Folder(
                "/".join([f"{self.results}/utility", *shared]),
                identity.of_training(config, images, client),
            )
            for shared, client in trainings.items()
        }
        """By label of the network, site of dropout and label of the defence."""
        self.weights = {
            client: Folder(
                "/".join([f"{self.results}/weights", *training(presets[client])]),
                identity.of_weights(config, images, client),
            )
            for client in config["clients"]
            if is_trained(presets[client])
        }
        """By the name of the client that is attacked with them."""
        self.attacks = {
            (client, attacker): Folder(
                f"{self.results}/attacks/{client}/{attacker}",
                identity.of_attack(config, images, client, attacker),
            )
            for client in config["clients"]
            for attacker in attackers_of(config, client)
        }
        """By the names of client and attacker."""

    def __iter__(self) -> Iterator[Folder]:
        yield from (
            self.images,
            *self.trainings.values(),
            *self.weights.values(),
            *self.attacks.values(),
        )

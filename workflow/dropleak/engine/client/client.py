"""A client as data."""

from dataclasses import dataclass

from dropleak.engine.models.layer import Shape
from dropleak.engine.models.network import Network
from dropleak.engine.models.zoo import NETWORKS


@dataclass(frozen=True)
class Client:
    """Settings of a client, described in schemas/config.schema.yaml under `presets.clients`."""

    network: str = "lenet"
    dropout: str = "classifier"
    images_per_update: int = 1

    def build(self, shape: Shape, classes: int) -> Network:
        """Its network for images of a shape (channels, height, width)."""
        return NETWORKS[self.network].build(shape, classes, self.dropout)

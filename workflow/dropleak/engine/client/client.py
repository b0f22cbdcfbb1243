"""A client as data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropleak.engine.models.layer import Shape
from dropleak.engine.models.model import Model
from dropleak.engine.models.zoo import NETWORKS, Architecture
from dropleak.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Client:
    """Settings of a client, described in schemas/config.schema.yaml under `presets.clients`."""

    network: str = "lenet"
    dropout: str = "classifier"
    images_per_update: int = 1
    weights: str | None = None
    batch_norm: str = "running"

    def build(
        self, shape: Shape, classes: int, seed: int = 0, like: "Tensor | None" = None
    ) -> Model:
        """Its network.

        Args:
            shape: of the images, (channels, height, width).
            classes: number of logits.
            seed: of a module's weights, unless it is given some.
            like: a tensor with the dtype of attacks, with which a user's network is tried.

        Raises:
            InputError: it cannot be loaded or attacked.
        """
        entry = NETWORKS.get(self.network)
        if isinstance(entry, Architecture):
            return entry.build(shape, classes, self.dropout)
        # Late, as planning needs the settings alone, and no torch.
        import torch

        from dropleak.engine.backends.autograd.check import checked_network
        from dropleak.engine.models import loading
        from dropleak.engine.models.module import ModuleNetwork

        try:
            function = entry.function if entry else loading.function_of(self.network)
            module = loading.drawn(function, shape, classes, seed)
            if self.weights:
                loading.load_weights(module, self.weights)
            options = {"dropout": self.dropout, "batch_norm": self.batch_norm}
            if entry and not self.weights:  # known to be fit
                return ModuleNetwork(module, shape, classes, **options)
            like = torch.empty(0) if like is None else like
            return checked_network(module, shape, classes, like, self.images_per_update, **options)
        except InputError as error:
            raise InputError(f"network {self.network}: {error}") from error

"""A client as data."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dropleak.engine import defences
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.model import Model
from dropleak.engine.models.zoo import NETWORKS, Architecture
from dropleak.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from dropleak.engine.models.module import ModuleNetwork


TRAINED = "trained"
"""Setting of `weights` for those that a training gives, in place of a file."""


@dataclass(frozen=True)
class Client:
    """Settings of a client, described in schemas/config.schema.yaml under `presets.clients`.

    All but those that say how it is attacked.
    """

    network: str = "lenet"
    dropout: str = "classifier"
    images_per_update: int = 1
    weights: str | None = None
    epochs: int | None = None
    batch_norm: str = "running"
    defence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def build(self, shape: Shape, classes: int, seed: int = 0) -> Model:
        """Its network; weights from a training are not part of it, see `compute_update`.

        Args:
            shape: of the images, (channels, height, width).
            classes: number of logits.
            seed: of a module's weights, unless it is given some.

        Raises:
            InputError: it cannot be loaded, or is not for such images.
        """
        entry = NETWORKS.get(self.network)
        if isinstance(entry, Architecture):
            return entry.build(shape, classes, self.dropout)
        # Late, as planning needs the settings alone, and no torch.
        from dropleak.engine.models import loading
        from dropleak.engine.models.module import ModuleNetwork

        with self._naming_the_network():
            function = entry.function if entry else loading.function_of(self.network)
            module = loading.drawn(function, shape, classes, seed)
            if self.weights not in (None, TRAINED):
                loading.load_weights(module, self.weights)
            loading.check_state(module)
            return ModuleNetwork(module, shape, classes, self.dropout, self.batch_norm)

    def check(self, network: Model, like: "Tensor") -> None:
        """Try its network on a few images.

        Args:
            network: from `build`.
            like: a tensor with the dtype of attacks.

        Raises:
            InputError: it cannot be attacked, or not be defended as the client does.
        """
        from dropleak.engine.backends.autograd.check import check_derivatives, check_forward
        from dropleak.engine.models.module import ModuleNetwork

        if not isinstance(network, ModuleNetwork):
            return
        with self._naming_the_network():
            if self.batch_norm == "batch" and network.batch_norm is None:
                raise InputError("it has no batch norm; leave batch_norm out")
            check_forward(network, like, self.images_per_update)
            self._check_defence(network)
            if self.network not in NETWORKS:  # the others' are known to be right
                check_derivatives(network, like, self.images_per_update)

    def _check_defence(self, network: "ModuleNetwork") -> None:
        defence = defences.make(self.defence)
        if defence is None:
            return
        name = next(iter(self.defence))
        if defence.needs_classifier and network.classifier is None:
            raise InputError(
                f"{name} needs a linear layer that the logits come from, and the network has none; "
                "take another defence"
            )
        if defence.needs_image_gradients and network.batch_norm == "batch":
            raise InputError(
                f"{name} takes the gradient of each image by itself, for which batch norm needs "
                "batch_norm: running"
            )

    @contextmanager
    def _naming_the_network(self) -> Iterator[None]:
        """Errors within begin with the network's name."""
        try:
            yield
        except InputError as error:
            raise InputError(f"network {self.network}: {error}") from error

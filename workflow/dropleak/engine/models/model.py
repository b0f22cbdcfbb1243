"""What the engine needs of a network, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from dropleak.engine.models.layer import Shape

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Classifier:
    """The linear layer whose outputs are the logits, from whose gradient labels are inferred."""

    weight: str
    """Name of its weights, [classes, features]."""
    bias: str | None
    """Name of its bias, if it has one."""
    signed: bool
    """Whether its input may be negative."""


@dataclass(frozen=True)
class DropoutSite:
    """A dropout layer, and what the gradient of the linear layer behind it shows of its mask."""

    shape: Shape
    """Of its mask."""
    weight: str | None
    """Name of the weights of the linear layer that its features go into, [outputs, inputs]; None
    if they go elsewhere."""
    elements: Tensor | None = None
    """int64 [rows, inputs]: which element of the mask, counted in order, is a factor of each input
    of that layer. It has several rows per image where it is applied to several parts of one."""
    series: int = 1
    """How many dropout layers in series those inputs come through."""
    doubts: tuple[str, ...] = ()
    """Why a mask that is read there may be wrong, for a client with one image."""


class Model(Protocol):
    """A network as a pure function of (parameters, input, masks).

    There is no train or eval mode. A dropout layer multiplies by the mask it is given, so whoever
    calls a network says which features are dropped.
    """

    @property
    def input_shape(self) -> Shape:
        """(channels, height, width) of an image."""

    @property
    def classes(self) -> int:
        """Number of logits."""

    @property
    def classifier(self) -> Classifier | None:
        """The linear layer that it ends with, if it does."""

    def to(self, like: Tensor) -> Self:
        """The same network, ready for tensors with the device and dtype of `like`."""

    def parameter_shapes(self) -> dict[str, Shape]:
        """Name and shape of every parameter."""

    def factored(self) -> Mapping[str, int]:
        """Weights that nothing uses but linear layers and convolutions without groups, and how
        often they are used: their gradients are products of matrices."""

    def initial_parameters(self, keys: Tensor) -> Mapping[str, Tensor]:
        """Its parameters before any training.

        Args:
            keys: int64 [B].

        Returns:
            [B, *shape] for each parameter, drawn for each key; or [1, *shape], the same for all.
        """

    def dropout_shapes(self) -> list[Shape]:
        """The shape of the mask that each dropout layer takes, in order."""

    def dropout_sites(self) -> list[DropoutSite]:
        """The same dropout layers, with what can be read of their masks."""

    def forward(
        self, parameters: Mapping[str, Tensor], x: Tensor, masks: Sequence[Tensor]
    ) -> Tensor:
        """Logits.

        Args:
            parameters: tensors shaped as `parameter_shapes` says, by name.
            x: [..., channels, height, width], with at most one leading dimension.
            masks: one multiplier per dropout layer, broadcastable to its features.

        Returns:
            [..., classes]
        """

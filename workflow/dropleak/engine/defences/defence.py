"""What a defence is: it never sees an image, and says what an attacker does who knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from torch import Tensor

from dropleak.engine.attack.attacker import Attacker

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update

Gradients = Mapping[str, Tensor]
"""Of B clients by parameter, [B, *shape] each."""


class Representation(NamedTuple):
    """The inputs of the classifier, and how strongly each depends on the image."""

    weight: str
    """Name of the classifier's weights, [classes, d]."""
    features: Tensor  # [B, n, d]
    sensitivity: Tensor
    """Euclidean norm of each feature's derivative with respect to its image, [B, n, d]."""


class Findings(Protocol):
    """What B clients find out from n images each: all that a defence sees of these."""

    def gradients(self) -> Gradients:
        """The mean gradients of each client's images."""

    def image_gradients(self) -> Gradients:
        """The gradients of each image by itself, [B, n, *shape]."""

    def representation(self) -> Representation:
        """What the classifier sees of each image, and how that depends on it."""


@dataclass(frozen=True)
class Defence(ABC):
    """What a client shares in place of its gradients; its fields are its settings, all public.

    An attacker with `adapts` accounts for it by `adapt`, `weights` and `expected`, which unless
    overridden change nothing.
    """

    needs_classifier: ClassVar[bool] = False
    """Whether it is for networks that end with a linear layer."""
    needs_image_gradients: ClassVar[bool] = False
    """Whether it takes the gradients of each image by itself."""
    is_expected: ClassVar[bool] = False
    """Whether `expected` is overridden: it runs in torch."""

    @abstractmethod
    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        """What is shared in place of the mean gradients.

        Args:
            findings: of B clients.
            keys: int64 [B], from which alone random numbers are drawn; not always on the device of
                the gradients.
        """

    def adapt(self, attacker: Attacker, update: Update) -> Attacker:
        """The attacker's settings once it knows of the defence."""
        return attacker

    def weights(self, update: Update) -> Gradients | None:
        """By how much each entry of the gradients counts in the attacker's distance."""
        return None

    def expected(self, gradients: Gradients) -> Gradients:
        """What the attacker expects to be shared in place of its dummy gradients.

        It can be differentiated by `torch.func`.
        """
        return gradients

"""What an attack optimises, as one row of numbers for each client."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from dropleak.engine.client.update import Update


@dataclass(frozen=True)
class Variables:
    """The layout of a row: n images, then n masks of each dropout layer, then n rows of logits.

    Masks are there if they are optimised, as are the logits of soft labels.
    """

    image: tuple[int, ...]  # (C, H, W)
    masks: tuple[tuple[int, ...], ...]
    classes: int
    images: int  # n

    @classmethod
    def of(cls, update: Update, masks: bool, labels: bool) -> "Variables":
        """Those for an update, with or without masks and labels among them."""
        network = update.network
        sites = tuple(network.dropout_shapes()) if masks else ()
        classes = network.classes if labels else 0
        return cls(network.input_shape, sites, classes, update.images_per_update)

    @property
    def pixels(self) -> int:
        """Numbers of a row that are images."""
        return self.images * prod(self.image)

    def split(self, rows: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Views of rows [B, N]: images [B, n, C, H, W], masks [B, n, *shape] each, logits
        [B, n, classes]."""
        shapes = [self.image, *self.masks, (self.classes,)]
        parts = rows.split([self.images * prod(shape) for shape in shapes], 1)
        images, *masks, logits = (
            part.reshape(len(rows), self.images, *shape)
            for part, shape in zip(parts, shapes, strict=True)
        )
        return images, masks, logits

    def join(self, images: Tensor, masks: Sequence[Tensor], logits: Tensor) -> Tensor:
        """The reverse of `split`, with what is not optimised left out: [B, N]."""
        parts = [images, *(masks if self.masks else ()), *([logits] if self.classes else ())]
        return torch.cat([part.flatten(1) for part in parts], 1)

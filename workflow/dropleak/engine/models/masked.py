"""Dropout layers of a torch module, replaced by multiplication with masks from outside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from dropleak.engine.models.layer import Shape
from dropleak.errors import InputError

_ELEMENTWISE = (nn.Dropout,)
_CHANNELWISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_AFFINE = (nn.AlphaDropout, nn.FeatureAlphaDropout)

MaskSource = Callable[[Shape], Tensor]
"""From the shape of an image's mask to masks of several images, [n, *shape]."""


class MaskFeed:
    """Where the dropout layers of a module find the masks of the forward pass that is running."""

    def __init__(self) -> None:
        self._source: MaskSource | None = None

    @contextmanager
    def serving(self, source: MaskSource) -> Iterator[None]:
        """Forward passes within take their masks from a source, layer after layer."""
        self._source = source
        try:
            yield
        finally:
            self._source = None

    def take(self, shape: Shape) -> Tensor:
        """The next masks."""
        assert self._source is not None, "a forward pass without masks"
        return self._source(shape)


class Masked(nn.Module):
    """In place of a dropout layer: one mask for each image, of features or of channels."""

    def __init__(self, feed: MaskFeed, channelwise: bool):
        super().__init__()
        self.feed, self.channelwise = feed, channelwise

    def forward(self, x: Tensor) -> Tensor:
        shape = tuple(x.shape[1:])
        if self.channelwise:
            shape = (shape[0], *[1] * len(shape[1:]))
        return x * self.feed.take(shape)


def replace_dropout(module: nn.Module, feed: MaskFeed) -> int:
    """Put `Masked` in place of a module's dropout layers; returns how many.

    Raises:
        InputError: one is of a kind that is no multiplication.
    """
    places = list(module.named_modules(remove_duplicate=False))
    if affine := [f"{name} ({type(part).__name__})" for name, part in places if _is(part, _AFFINE)]:
        raise InputError(
            f"{', '.join(affine)}: alpha dropout puts another value than zero in place of a "
            "feature, which no mask here does; use nn.Dropout"
        )
    dropout = [(name, part) for name, part in places if _is(part, _ELEMENTWISE + _CHANNELWISE)]
    for name, part in dropout:
        module.set_submodule(name, Masked(feed, _is(part, _CHANNELWISE)))
    return len(dropout)


def _is(part: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    return isinstance(part, kinds)

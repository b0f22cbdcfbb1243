"""Networks made from any `torch.nn.Module`.

A module's own train and eval modes have no say: dropout layers multiply by the masks that they are
given, batch norm does what is asked for, and all else does what it does in training.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy, deepcopy
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.module import register_module_forward_hook

from dropleak.engine.models.elementary import elementary
from dropleak.engine.models.graph import Graph
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.masked import Masked, MaskFeed, replace_dropout
from dropleak.engine.models.model import Classifier, DropoutSite
from dropleak.errors import InputError


class Call(NamedTuple):
    """A call of a module in a forward pass."""

    name: str
    """In the network; empty for the network itself, and for a dropout layer that it was given."""
    module: nn.Module
    input: Tensor | None
    output: Tensor


class ModuleNetwork:
    """A module as a pure function of (parameters, input, masks); a `Model`.

    What it is given is left as it is. Its weights are those of the module, the same for all
    clients; parameters that do not require gradients are constants, as a client does not share
    their gradients.

    Args:
        module: takes images [n, channels, height, width] and returns logits [n, classes].
        input_shape: (channels, height, width).
        classes: number of logits.
        dropout: "own" dropout layers only; or one before the last linear layer, its "classifier",
            where the module has none.
        batch_norm: "running" statistics, which it remembers, or those of the "batch", a client's
            images.

    Raises:
        InputError: there are dropout layers of a kind that is not supported; or none could be put
            before the last linear layer, as there is no such layer; or the module does not take
            such images, or does not return logits.
    """

    def __init__(
        self,
        module: nn.Module,
        input_shape: Shape,
        classes: int,
        dropout: str = "own",
        batch_norm: str = "running",
    ):
        self.input_shape, self.classes = tuple(input_shape), classes
        self._feed = MaskFeed()
        self._module = deepcopy(module).train()
        found = replace_dropout(self._module, self._feed)
        norms = [part for part in self._module.modules() if isinstance(part, _NormBase)]
        _set_statistics(norms, batch_norm)
        self.batch_norm = (
            batch_norm if any(isinstance(norm, _BatchNorm) for norm in norms) else None
        )
        """Which statistics its batch norm uses; None if it has none."""
        named = dict(self._module.named_parameters())
        self.parameters = {name: p.detach() for name, p in named.items() if p.requires_grad}
        """Those that clients share gradients of, without a batch."""
        fixed = {name: p.detach() for name, p in named.items() if not p.requires_grad}
        self.constants = fixed | dict(self._module.named_buffers())
        """What else its forward pass takes: parameters that are not trained, and buffers."""
        self._sites = self._observe_dropout()
        if dropout == "classifier" and not found:
            self._drop_before_classifier()
            self._sites = self._observe_dropout()

    @property
    def classifier(self) -> Classifier | None:
        """The linear layer that it ends with, if it does."""
        return None if self._graph is None else self._graph.classifier(self.classes)

    def factored(self) -> dict[str, int]:
        """How often layers use each weight that nothing but they use, see `Model`."""
        return {} if self._graph is None else self._graph.factored()

    def to(self, like: Tensor) -> Self:
        """The same network, with its constants already where it is to be computed."""
        other = copy(self)
        other.constants = _like(like, self.constants)
        return other

    def parameter_shapes(self) -> dict[str, Shape]:
        """Name and shape of every parameter, as the module names them."""
        return {name: tuple(p.shape) for name, p in self.parameters.items()}

    def initial_parameters(self, keys: Tensor) -> dict[str, Tensor]:
        """The module's own, whatever the keys: [1, *shape] each."""
        return {name: p[None] for name, p in self.parameters.items()}

    def dropout_shapes(self) -> list[Shape]:
        """The shape of the mask that each dropout layer takes, in the order of the calls."""
        return self._sites

    def dropout_sites(self) -> list[DropoutSite]:
        """The same dropout layers, with what can be read of their masks."""
        if self._graph is None:
            doubts = ("the module cannot be traced",)
            return [DropoutSite(shape, None, doubts=doubts) for shape in self._sites]
        return self._graph.dropout_sites(self._sites)

    def forward(
        self, parameters: Mapping[str, Tensor], x: Tensor, masks: Sequence[Tensor]
    ) -> Tensor:
        """Logits, see `Model`."""
        if x.ndim == len(self.input_shape):
            return self.forward(parameters, x[None], [mask[None] for mask in masks])[0]
        remaining = iter(masks)
        state = (dict(parameters), _like(x, self.constants))
        with self._feed.serving(lambda shape: next(remaining)), elementary():
            return functional_call(self._module, state, (x,))

    @torch.no_grad()
    def calls(self, parameters: Mapping[str, Tensor], images: Tensor) -> list[Call]:
        """The modules that a forward pass without dropout calls, in the order in which they end.

        Args:
            parameters: as for `forward`.
            images: [n, channels, height, width], of the same dtype.
        """
        names = {part: name for name, part in self._module.named_modules()}
        found: list[Call] = []

        def note(part: nn.Module, inputs: tuple, output: object) -> None:
            first, *_ = output if isinstance(output, tuple) else (output,)
            if isinstance(first, Tensor):
                found.append(Call(names.get(part, ""), part, next(iter(inputs), None), first))

        hook = register_module_forward_hook(note)
        try:
            self.forward(parameters, images, [images.new_ones(())] * len(self._sites))
        finally:
            hook.remove()
        return found

    @cached_property
    def _graph(self) -> Graph | None:
        """Of its operations; None if torch cannot trace them."""
        images = self._like.new_zeros(2, *self.input_shape)
        masks = [self._like.new_ones(2, *shape) for shape in self._sites]
        return Graph.of(self._module, self._feed, images, masks)

    @property
    def _like(self) -> Tensor:
        """A tensor with the module's device and dtype."""
        return next(iter(self.parameters.values()), torch.empty(0))

    @torch.no_grad()
    def _observe_dropout(self) -> list[Shape]:
        """Shapes of the masks that a forward pass asks for."""
        shapes: list[Shape] = []
        images = self._like.new_zeros(2, *self.input_shape)

        def note(shape: Shape) -> Tensor:
            shapes.append(shape)
            return images.new_ones(())

        try:
            with self._feed.serving(note):
                logits = self._module(images)
        except (Exception, SystemExit) as error:  # whatever a user's code raises
            raise InputError(
                f"the network does not take images of {' x '.join(map(str, self.input_shape))} "
                f"({type(error).__name__}: {error}); build it for this shape, or set data.size to "
                "one that it takes"
            ) from error
        if problem := not_logits(logits, 2, self.classes):
            raise InputError(problem)
        return shapes

    def _drop_before_classifier(self) -> None:
        classifier = self.classifier
        layer = classifier and self._module.get_submodule(classifier.weight.rpartition(".")[0])
        if not isinstance(layer, nn.Linear):
            untraced = "torch cannot trace the network to find it"
            raise InputError(
                "dropout: classifier needs an nn.Linear that the logits of all "
                f"{self.classes} classes come from, and "
                f"{untraced if self._graph is None else 'the network has none'}; put an "
                "nn.Dropout where you want it"
            )
        masked = Masked(self._feed, channelwise=False)
        layer.register_forward_pre_hook(lambda layer, inputs: masked(*inputs))
        del self._graph  # which knows nothing of it


def not_logits(found: object, images: int, classes: int) -> str | None:
    """What is wrong with what a network returns for some images; None if nothing is."""
    if not isinstance(found, Tensor):
        return f"it returns {type(found).__name__}; return the logits alone, one tensor"
    if found.shape != (images, classes):
        return (
            f"it returns {tuple(found.shape)} instead of logits of shape ({images}, {classes}), "
            "images x classes"
        )
    return None


def _set_statistics(norms: Iterable[_NormBase], batch_norm: str) -> None:
    for norm in norms:
        if batch_norm == "running" or not isinstance(norm, _BatchNorm):
            norm.train(False)  # which for a layer without running statistics changes nothing
        else:
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None
            norm.track_running_stats = False


def _like(x: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Buffers and parameters that are not trained, with the device and dtype of an input."""
    return {
        name: value.to(x.device, x.dtype if value.is_floating_point() else value.dtype)
        for name, value in constants.items()
    }

"""The operations of a module, and what they tell attackers of labels and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Self

import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind
from torch.fx import Node

from dropleak.engine.models.layer import Shape
from dropleak.engine.models.masked import MaskFeed
from dropleak.engine.models.model import Classifier, DropoutSite
from dropleak.engine.models.signs import Sign, signs

aten = torch.ops.aten


class _WithMasks(nn.Module):
    """A module with its masks as an input."""

    def __init__(self, module: nn.Module, feed: MaskFeed):
        super().__init__()
        self.module, self.feed = module, feed

    def forward(self, images: Tensor, masks: list[Tensor]) -> Tensor:
        remaining = iter(masks)
        with self.feed.serving(lambda shape: next(remaining)):
            return self.module(images)


@dataclass(frozen=True)
class Graph:
    """The operations of a forward pass with two images, none of which changes its inputs."""

    parameters: dict[Node, str]
    """Names of the trained parameters."""
    masks: list[Node]
    output: Node
    signs: dict[Node, Sign]

    @classmethod
    def of(
        cls, module: nn.Module, feed: MaskFeed, images: Tensor, masks: list[Tensor]
    ) -> Self | None:
        """Traced by `torch.export`; None if that cannot trace it.

        Args:
            module: whose dropout layers take their masks from `feed`.
            images: [2, C, H, W].
            masks: [2, *shape] each.
        """
        try:
            program = torch.export.export(_WithMasks(module, feed), (images, masks), strict=False)
            program = program.run_decompositions({})
        except Exception:  # of many kinds, and a module need not be traceable to be attacked
            return None
        nodes = program.graph.find_nodes(op="placeholder")
        inputs = list(zip(nodes, program.graph_signature.input_specs, strict=True))
        trained = {name for name, p in module.named_parameters() if p.requires_grad}
        names = {
            node: spec.target.removeprefix("module.")
            for node, spec in inputs
            if spec.kind == InputKind.PARAMETER and spec.target is not None
        }
        given = [node for node, spec in inputs if spec.kind == InputKind.USER_INPUT][1:]
        output = program.graph.output_node().args[0]
        assert isinstance(output, tuple)
        return cls(
            {node: name for node, name in names.items() if name in trained},
            given,
            output[-1],
            signs(program.graph, given),
        )

    def classifier(self, classes: int) -> Classifier | None:
        """The linear layer that the logits, or their log-softmax, come from."""
        node = self.output
        while _rearranges(node) or node.target is aten.log_softmax.int:
            node = node.all_input_nodes[0]
        if self._linear_weight(node) is None or _shape(node) != (2, classes):
            return None
        features, weight, *bias = node.all_input_nodes
        named = self._own(bias[0]) if bias else None
        return Classifier(self.parameters[weight], named, self.signs[features] < Sign.NONNEGATIVE)

    def factored(self) -> dict[str, int]:
        """How often layers use each weight that nothing but they use, see `Model`."""
        return {
            name: len(node.users)
            for node, name in self.parameters.items()
            if node.users and all(_multiplies(user, node) for user in node.users)
        }

    def dropout_sites(self, shapes: Sequence[Shape]) -> list[DropoutSite]:
        """The dropout layers, whose masks have these shapes."""
        linear = [node for node in self.output.graph.nodes if self._linear_weight(node)]
        return [
            self._site(mask, shape, linear) for mask, shape in zip(self.masks, shapes, strict=True)
        ]

    def _site(self, mask: Node, shape: Shape, linear: list[Node]) -> DropoutSite:
        for layer in linear:
            path, masks = self._path(layer.all_input_nodes[0])
            if mask not in masks:
                continue
            start = path[masks[mask]]
            features = _factor(start, mask)
            elements = _elements(path[: masks[mask]], features, shape)
            doubts = []
            if len(masks) > 1:
                doubts.append("dropout layers in series")
            if len(elements) > 1:
                doubts.append("a linear layer is applied to several parts of an image")
            origin = path[-1]
            if self.signs[origin] < Sign.POSITIVE:
                doubts.append(f"features behind {_activation(origin)} can be zero")
            weight = self._linear_weight(layer)
            return DropoutSite(shape, weight, elements, len(masks), tuple(doubts))
        behind = next((_name(user) for node in mask.users for user in node.users), "nothing")
        doubt = f"dropout before {behind} cannot be read"
        return DropoutSite(shape, None, doubts=(doubt,))

    def _path(self, node: Node) -> tuple[list[Node], dict[Node, int]]:
        """From a linear layer's input back to where its features are computed.

        Returns:
            the nodes, latest first; and for each mask the place of its multiplication among them.
        """
        path, masks = [node], {}
        while True:
            if mask := self._mask_of(node):
                masks[mask] = len(path) - 1
                node = _factor(node, mask)
            elif _rearranges(node):
                node = node.all_input_nodes[0]
            else:
                return path, masks
            path.append(node)

    def _mask_of(self, node: Node) -> Node | None:
        """The mask that a node multiplies by."""
        if node.target is not aten.mul.Tensor:
            return None
        return next((mask for mask in self.masks if mask in node.args), None)

    def _linear_weight(self, node: Node) -> str | None:
        """Name of the weights of a linear layer that is applied once."""
        return self._own(node.all_input_nodes[1]) if node.target is aten.linear.default else None

    def _own(self, node: Node) -> str | None:
        """Name of a trained parameter that is used once."""
        return self.parameters.get(node) if len(node.users) == 1 else None


_COPIES = (aten.clone.default, aten._unsafe_view.default, aten.contiguous.default)


def _rearranges(node: Node) -> bool:
    """Whether a node has the elements of its first argument in another order or shape."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or not node.all_input_nodes:
        return False
    if not target.is_view and target not in _COPIES:
        return False
    sizes = [prod(_shape(each) or (0,)) for each in (node, node.all_input_nodes[0])]
    return sizes[0] == sizes[1]


def _multiplies(node: Node, weight: Node) -> bool:
    """Whether a node is a linear layer or a convolution without groups, with this weight."""
    if node.all_input_nodes[1:2] != [weight]:
        return False
    if node.target is aten.conv2d.default:
        return node.args[6:] in ((), (1,))
    return node.target is aten.linear.default


def _shape(node: Node) -> Shape | None:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _factor(node: Node, mask: Node) -> Node:
    """What a node multiplies by a mask."""
    return next(factor for factor in node.all_input_nodes if factor is not mask)


def _elements(path: list[Node], features: Node, shape: Shape) -> Tensor:
    """Which element of a mask is a factor of each input of a linear layer, int64 [rows, inputs].

    Args:
        path: what lies between, latest first.
        features: that are masked.
        shape: of the mask.
    """
    size = _shape(features)
    assert size is not None
    place = torch.arange(prod(shape)).reshape(shape).expand(size[1:])
    image = prod(shape) * torch.arange(2).reshape(2, *[1] * len(size[1:]))
    place = place + image
    for node in reversed(path):
        if _rearranges(node):
            assert callable(node.target)
            place = node.target(place, *node.args[1:], **node.kwargs)
    rows = place.flatten(0, -2)
    return rows[(rows < prod(shape)).all(1)]


def _activation(node: Node) -> str:
    """What features come from, behind pooling and the like."""
    while _rearranges(node) or "pool" in _name(node):
        node = node.all_input_nodes[0]
    return _name(node)


def _name(node: Node) -> str:
    """Of an operation."""
    target = node.target
    return (
        target.overloadpacket.__name__ if isinstance(target, torch._ops.OpOverload) else node.name
    )

"""Which values of a graph are known to be positive, or not to be negative, whatever the input."""

import operator
from enum import IntEnum
from typing import Any

import torch
from torch.fx import Graph, Node

aten = torch.ops.aten


class Sign(IntEnum):
    """What is known of all elements of a value."""

    ANY = 0
    NONNEGATIVE = 1
    POSITIVE = 2


_POSITIVE = {
    aten.sigmoid,
    aten.softplus,
    aten.exp,
    aten.softmax,
    aten.cosh,
}
"""Their values are positive everywhere."""

_NONNEGATIVE = {
    aten.relu,
    aten.relu6,
    aten.abs,
    aten.square,
    aten.sqrt,
    aten.hardsigmoid,
}
"""Their values are positive where their argument is, and zero at the least."""

_KEEPING = {
    aten.clone,
    aten.contiguous,
    aten._unsafe_view,
    aten.max_pool1d,
    aten.max_pool2d,
    aten.max_pool3d,
    aten.avg_pool1d,
    aten.avg_pool2d,
    aten.avg_pool3d,
    aten.adaptive_avg_pool1d,
    aten.adaptive_avg_pool2d,
    aten.adaptive_avg_pool3d,
    aten._adaptive_avg_pool2d,
    aten.mean,
    aten.sum,
    aten.amax,
    aten.leaky_relu,
    aten.elu,
    aten.gelu,
    aten.silu,
    aten.tanh,
}
"""Their values have what is known of their argument's sign."""


def signs(graph: Graph, nonnegative: list[Node]) -> dict[Node, Sign]:
    """The sign of each node.

    Args:
        graph: of ATen operations that change none of their arguments.
        nonnegative: inputs that are.
    """
    known: dict[Node, Sign] = {}

    def of(value: Any) -> Sign:
        if isinstance(value, Node):
            return known[value]
        if isinstance(value, int | float):
            return Sign.POSITIVE if value > 0 else Sign.NONNEGATIVE if value == 0 else Sign.ANY
        if isinstance(value, list | tuple):
            return min(map(of, value), default=Sign.ANY)
        return Sign.ANY

    for node in graph.nodes:
        target = node.target
        packet = getattr(target, "overloadpacket", None)
        sign = Sign.ANY
        if node in nonnegative:
            sign = Sign.NONNEGATIVE
        elif packet in _POSITIVE:
            sign = Sign.POSITIVE
        elif packet in _NONNEGATIVE:
            sign = max(Sign.NONNEGATIVE, of(node.args[0]))
        elif packet in _KEEPING or packet is aten.cat or getattr(target, "is_view", False):
            sign = of(node.args[0])
        elif packet in (aten.mul, aten.div) and not node.kwargs:
            sign = min(of(node.args[0]), of(node.args[1]))
        elif packet is aten.add and not node.kwargs:
            both = of(node.args[0]), of(node.args[1])
            sign = max(both) if min(both) > Sign.ANY else Sign.ANY
        elif target is operator.getitem:
            sign = of(node.args[0])
        known[node] = sign
    return known

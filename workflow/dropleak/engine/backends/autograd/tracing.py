"""Derivatives as the list of operations that compute them."""

from collections.abc import Callable, Mapping, Sequence
from operator import getitem
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule
from torch.fx.node import map_aggregate
from torch.utils._python_dispatch import TorchDispatchMode


@torch.inference_mode(False)
def traced(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """The operations of a function of tensors, or of tuples and lists of tensors.

    They run without the transforms of `torch.func` and the graphs of autograd, which cost more than
    the operations themselves where these are small, and without results that nothing needs.

    `torch.fx.experimental.proxy_tensor.make_fx` does the same in 20 times the time, seconds for a
    deep network, as it also finds out what each operation would do to tensors of other shapes.

    Args:
        function: its operations must not depend on the values of its arguments.
        arguments: of the shapes that it will be given.
    """
    with _Recorder() as recorder:
        result = function(*arguments)
    graph, constants = Graph(), dict[str, Tensor]()
    nodes = {id(leaf): graph.placeholder(f"given{n}") for n, leaf in enumerate(_leaves(arguments))}

    def node(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) not in nodes:
            name = f"constant{len(constants)}"
            constants[name], nodes[id(value)] = value, graph.get_attr(name)
        return nodes[id(value)]

    for operation, own, named, output in recorder.calls:
        call = graph.call_function(operation, *map_aggregate((own, named), node))
        if isinstance(output, Tensor):
            nodes[id(output)] = call
            continue
        for place, part in enumerate(output or ()):
            nodes[id(part)] = graph.call_function(getitem, (call, place))
    graph.output(map_aggregate(result, node))
    graph.eliminate_dead_code()
    module = GraphModule(constants, graph)
    return lambda *given: module(*_leaves(given))


class _Recorder(TorchDispatchMode):
    """Notes operations, and keeps all tensors, so that they can be told apart by their `id`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Sequence[Any], Mapping[str, Any], Any]] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, output))
        return output


def _leaves(arguments: Any) -> list[Tensor]:
    """Tensors in tuples and lists, in order."""
    found: list[Tensor] = []

    def note(leaf: Any) -> Any:
        found.append(leaf)
        return leaf

    map_aggregate(arguments, note)
    return found

"""Tables about clients' networks: facts of all, layers of one, and its features under dropout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt, prod

import numpy as np
import pyarrow as pa
import torch

from dropleak.analysis import privacy_budget
from dropleak.engine import rng
from dropleak.engine.attack.labels import label_rule
from dropleak.engine.client.client import Client
from dropleak.engine.client.update import compute_update
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.masked import Masked
from dropleak.engine.models.model import Model
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.network import Network
from dropleak.jobs.images import in_common, tensors
from dropleak.tables import parquet
from dropleak.tables.schemas import CLIENTS, FEATURES, NETWORK
from dropleak.tables.weights import Weights


def clients_table(
    clients: Mapping[str, Client],
    networks: Mapping[str, Model],
    trainings: Mapping[str, Mapping[str, int]],
) -> pa.Table:
    """Facts of clients.

    Args:
        clients: by name.
        networks: theirs, by the client's name.
        trainings: of the clients with a defence, their numbers of `images`, of those in a batch
            (`batch_size`), and of `epochs` before the attack.
    """
    rules = {
        name: label_rule(network, clients[name].images_per_update)
        for name, network in networks.items()
    }
    budgets = {
        name: privacy_budget.of_training(clients[name].defence, **training)
        for name, training in trainings.items()
    }
    rows = [
        {
            "client": name,
            "parameters": sum(map(prod, network.parameter_shapes().values())),
            "dropout_layers": len(network.dropout_shapes()),
            "batch_norm": network.batch_norm if isinstance(network, ModuleNetwork) else None,
            "epochs": clients[name].epochs,
            "labels_from": rule.basis if (rule := rules[name]) else None,
            **dict(zip(("epsilon", "delta"), budgets.get(name) or (None, None), strict=True)),
        }
        for name, network in networks.items()
    ]
    return parquet.build(CLIENTS, {key: [row[key] for row in rows] for key in CLIENTS.names})


def network_table(network: Model) -> pa.Table:
    """The layers of a network, with dropout."""
    rows = _layers(network) if isinstance(network, Network) else _modules(network)
    return parquet.build(NETWORK, {key: [row[key] for row in rows] for key in NETWORK.names})


def _row(layer: str, detail: str, shape: Shape, parameters: int) -> dict:
    return {"layer": layer, "detail": detail, "shape": shape, "parameters": parameters}


def _layers(network: Network) -> list[dict]:
    """A row for the input and each layer."""
    layers = zip(network.layers, network.input_shapes(), network.output_shapes(), strict=True)
    return [_row("Input", "", network.input_shape, 0)] + [
        _row(
            type(layer).__name__,
            layer.detail,
            after,
            sum(map(prod, layer.parameter_shapes(before).values())),
        )
        for layer, before, after in layers
    ]


def _modules(network: Model) -> list[dict]:
    """A row for the input, and for each call of a module that has no parts.

    Also for those with parameters that none of their parts has, so that the sum is right.
    """
    assert isinstance(network, ModuleNetwork)
    left = {name: parameter.numel() for name, parameter in network.parameters.items()}
    rows = [_row("Input", "", network.input_shape, 0)]
    for name, module, _, output in network.calls(network.parameters, _blank(network)):
        own = [key for key in left if key.startswith(f"{name}.") or not name]
        masks = isinstance(module, Masked)
        if masks or own or not [*module.children()]:
            kind = "Dropout" if masks else type(module).__name__
            parameters = 0 if masks else sum(left.pop(key) for key in own)
            rows.append(_row(kind, name, tuple(output.shape[1:]), parameters))
    return rows


def _blank(network: ModuleNetwork) -> torch.Tensor:
    like = next(iter(network.parameters.values()))
    return like.new_zeros(1, *network.input_shape)


@dataclass(frozen=True)
class _Features:
    """What a network's classifier takes."""

    shape: Shape
    """As maps, (channels, height, width)."""
    site: int
    """Which dropout layer they come through."""
    elements: torch.Tensor
    """int64 [features], which element of that layer's mask each is multiplied by."""
    of: Callable[[Mapping[str, torch.Tensor], torch.Tensor], torch.Tensor]
    """From parameters and an image [1, channels, height, width] to features before dropout."""


def features_table(
    network: Model,
    image: pa.Table,
    rates: list[float],
    seed: int,
    weights: Mapping[float, Weights] = {},
) -> pa.Table:
    """Features of one image before the classifier, and which of them its client drops.

    No rows, and the reason in the metadata, if the network has no such features.

    Args:
        network: with dropout.
        image: one row of the image table.
        rates: dropout rates to show.
        seed: of the experiment.
        weights: of all clients by rate, if their network is trained.
    """
    facts = {"image": image["index"][0].as_py()}
    features = _features(network)
    if isinstance(features, str):
        return parquet.build(FEATURES, {n: [] for n in FEATURES.names}, **facts, reason=features)
    pixels, label = (values[None] for values in tensors(image))
    keys = rng.image_keys(seed, torch.tensor([image["index"].to_pylist()]))
    channel, row, column = np.indices(features.shape).reshape(3, -1)
    parts = []
    for rate in rates:
        common = in_common(weights[rate]) if rate in weights else None
        update, private = compute_update(network, pixels, label, keys, rate, weights=common)
        parameters = {name: parameter[0] for name, parameter in update.parameters.items()}
        mask = private.masks[features.site][0, 0].flatten()
        parts.append(
            {
                "dropout_rate": np.full(channel.size, rate),
                "channel": channel,
                "row": row,
                "column": column,
                "value": features.of(parameters, pixels[0]).flatten().numpy(),
                "kept": mask[features.elements].numpy() > 0,
            }
        )
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return parquet.build(FEATURES, columns, **facts)


def _features(network: Model) -> _Features | str:
    """The features, or why there are none to show."""
    if isinstance(network, Network):
        return _of_layers(network)
    assert isinstance(network, ModuleNetwork)
    return _of_module(network)


def _of_layers(network: Network) -> _Features:
    encoder = network.encoder().without_dropout()
    shape = encoder.input_shapes()[-1]
    return _Features(
        shape, -1, torch.arange(prod(shape)), lambda own, x: encoder.forward(own, x, ())
    )


def _of_module(network: ModuleNetwork) -> _Features | str:
    if network.classifier is None:
        return "the logits do not come from a linear layer"
    weight = network.classifier.weight
    behind = [
        (place, site.elements[0])
        for place, site in enumerate(network.dropout_sites())
        if site.weight == weight and site.elements is not None and len(site.elements) == 1
    ]
    if len(behind) != 1:
        return "its last linear layer does not take features directly from one dropout layer"
    ((place, elements),) = behind
    layer = weight.rpartition(".")[0]

    def of(own: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        (features,) = (call.input for call in network.calls(own, x) if call.name == layer)
        assert features is not None
        return features

    count = len(elements)
    height = next(side for side in range(isqrt(count), 0, -1) if count % side == 0)
    return _Features((1, height, count // height), place, elements, of)

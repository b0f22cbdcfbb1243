"""Tables for the figures of the method: the network's layers, and features under dropout."""

import numpy as np
import pyarrow as pa
import torch

from dropleak.engine import rng
from dropleak.engine.client.update import compute_update
from dropleak.engine.models.network import Network
from dropleak.jobs.images import tensors
from dropleak.tables import parquet
from dropleak.tables.schemas import FEATURES, NETWORK


def layer_rows(network: Network, name: str) -> list[dict]:
    """A row with the columns `schemas.NETWORK` for the input and each layer."""
    rows = [{"layer": "Input", "detail": "", "shape": network.input_shape, "parameters": 0}]
    layers = zip(network.layers, network.input_shapes(), network.output_shapes(), strict=True)
    for layer, before, after in layers:
        parameters = sum(int(np.prod(s)) for s in layer.parameter_shapes(before).values())
        rows.append(
            {
                "layer": type(layer).__name__,
                "detail": layer.detail,
                "shape": after,
                "parameters": parameters,
            }
        )
    return [{"network": name} | row for row in rows]


def network_table(network: Network) -> pa.Table:
    """The layers of the original network and of the one with dropout."""
    rows = layer_rows(network.without_dropout(), "original") + layer_rows(network, "dropout")
    return parquet.build(NETWORK, {key: [row[key] for row in rows] for key in rows[0]})


def features_table(network: Network, image: pa.Table, rates: list[float], seed: int) -> pa.Table:
    """Features of one image before the classifier, and which of them its client drops.

    Args:
        network: with dropout.
        image: one row of the image table.
        rates: dropout rates to show.
        seed: of the experiment.
    """
    encoder = network.encoder().without_dropout()
    pixels, label = (values[None] for values in tensors(image))
    keys = rng.image_keys(seed, torch.tensor([image["index"].to_pylist()]))
    channels, height, width = encoder.input_shapes()[-1]
    channel, row, column = np.indices((channels, height, width)).reshape(3, -1)
    parts = []
    for rate in rates:
        update, private = compute_update(network, pixels, label, keys, rate)
        parameters = {name: parameter[0] for name, parameter in update.parameters.items()}
        parts.append(
            {
                "dropout_rate": np.full(channel.size, rate),
                "channel": channel,
                "row": row,
                "column": column,
                "value": encoder.forward(parameters, pixels[0, 0], ()).numpy(),
                "kept": private.masks[-1][0, 0].flatten().numpy() > 0,
            }
        )
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return parquet.build(FEATURES, columns, image=image["index"][0].as_py())

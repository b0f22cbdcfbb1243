"""A training job: rows of the utility table."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict

import pyarrow as pa
import torch

from dropleak.engine import defences
from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training, train
from dropleak.jobs.images import network_of, tensors
from dropleak.planning.networks import label
from dropleak.runtime.device import name as device_name
from dropleak.tables import parquet
from dropleak.tables.schemas import UTILITY


def train_seeds(
    train_images: pa.Table,
    test_images: pa.Table,
    *,
    client: Client,
    rate: float,
    seeds: Sequence[int],
    training: Training,
    device: str,
    progress: Callable[[], None],
) -> pa.Table:
    """Train with one dropout rate, once for each seed.

    A module without given weights draws them for each seed; those of the first seed are attacked.

    Args:
        train_images, test_images: image tables.
        client: whose network to train.
        rate: dropout rate.
        seeds: of the runs; the first is that of the experiment.
        training: how to train.
        device: torch's name of it.
        progress: called after every epoch.

    Returns:
        one row per seed and epoch, with the columns `schemas.UTILITY`.
    """
    train_set, test_set = (
        (pixels.to(device, torch.float32), labels.to(device))
        for pixels, labels in map(tensors, (train_images, test_images))
    )
    trained = {
        "network": label(asdict(client)),
        "dropout": client.dropout,
        "defence": defences.label(client.defence),
        "dropout_rate": rate,
    }
    rows = []
    for run in seeds:
        network = network_of(client, train_images, seeds[0] if client.weights else run)
        epochs = train(network, train_set, test_set, rate, run, training)
        for number, epoch in enumerate(epochs, start=1):
            rows.append(trained | {"seed": run, "epoch": number} | asdict(epoch))
            progress()
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    columns["host"] = [platform.node()] * len(rows)
    columns["device"] = [device_name(device)] * len(rows)
    return parquet.build(UTILITY, columns)

"""The jobs of the experiment: from their images to their rows in its tables."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import torch

from dropleak import metrics, rng, tables
from dropleak.attack import ENGINE_VERSION
from dropleak.attack.reconstruct import Attacker, reconstruct
from dropleak.client import share
from dropleak.device import name as device_name
from dropleak.models import lenet
from dropleak.schemas import ATTACKS, UTILITY
from dropleak.training import Training, train


def attack_images(
    images: pa.Table,
    *,
    name: str,
    attacker: Attacker,
    rate: float,
    seed: int,
    iterations: int,
    precision: str,
    device: str,
    progress: Callable[[int], None],
) -> pa.Table:
    """Attack the clients of the given images at one dropout rate.

    Args:
        images: rows of the image table.
        name: the attacker's, for the table.
        attacker: its settings.
        rate: dropout rate of the clients.
        seed: of the experiment.
        iterations: budget of each attack.
        precision: "float32" or "float64".
        device: where the attack runs, for torch.
        progress: told the iterations done so far.

    Returns:
        one row per image, with the columns `schemas.ATTACKS`.
    """
    known = tables.metadata(images)
    pixels, labels = _tensors(images)
    keys = rng.image_keys(seed, torch.tensor(images["index"].to_pylist()))
    update, _ = share(
        lenet(tuple(known["shape"]), len(known["classes"])),
        pixels.to(device, getattr(torch, precision)),
        labels.to(device),
        keys,
        rate,
    )
    truth = pixels.numpy()

    trajectory = []

    def observe(iteration: int, guess: torch.Tensor, loss: torch.Tensor) -> None:
        rmse = metrics.rmse(truth, guess.double().cpu().numpy())
        trajectory.append((iteration, loss.double().cpu().numpy(), rmse))
        progress(iteration)

    started = time.perf_counter()
    attacker_keys = rng.derive(keys, rng.Stream.ATTACKER).to(device)
    result = reconstruct(update, attacker, attacker_keys, iterations, observe)
    seconds = (time.perf_counter() - started) / len(pixels)

    steps, losses, rmses = (np.stack(column, axis=-1) for column in zip(*trajectory, strict=True))
    clipped = metrics.clip(result.images.double().cpu().numpy())

    def constant(value: object) -> list:
        return [value] * len(pixels)

    return tables.build(
        ATTACKS,
        {
            "attacker": constant(name),
            "rate": constant(rate),
            "image": images["index"],
            "label": images["label"],
            "label_inferred": result.labels.cpu().numpy(),
            "status": [str(status) for status in result.status],
            "iterations": result.iterations.cpu().numpy(),
            "evaluations": result.evaluations.cpu().numpy(),
            "loss": losses[:, -1],
            "rmse": rmses[:, -1],
            "rmse_clipped": metrics.rmse(truth, clipped),
            "psnr": metrics.psnr(truth, clipped),
            "ssim": metrics.ssim(truth, clipped),
            "seconds": constant(seconds),
            "seed": constant(seed),
            "device": constant(device_name(device)),
            "engine_version": constant(ENGINE_VERSION),
            "torch_version": constant(torch.__version__),
            "trajectory_iteration": constant(steps),
            "trajectory_loss": list(losses),
            "trajectory_rmse": list(rmses),
            "reconstruction": tables.encode_pixels(clipped),
        },
        dataset=known["dataset"],
        shape=known["shape"],
    )


def train_seeds(
    train_images: pa.Table,
    test_images: pa.Table,
    *,
    rate: float,
    seeds: Iterable[int],
    training: Training,
    device: str,
    progress: Callable[[], None],
) -> pa.Table:
    """Train with one dropout rate, once for each seed.

    Args:
        train_images, test_images: image tables.
        rate: dropout rate.
        seeds: of the runs.
        training: how to train.
        device: where, for torch.
        progress: called after every epoch.

    Returns:
        one row per seed and epoch, with the columns `schemas.UTILITY`.
    """
    known = tables.metadata(train_images)
    network = lenet(tuple(known["shape"]), len(known["classes"]))
    train_set, test_set = (
        (pixels.to(device, torch.float32), labels.to(device))
        for pixels, labels in map(_tensors, (train_images, test_images))
    )
    rows = []
    for seed in seeds:
        epochs = train(network, train_set, test_set, rate, seed, training)
        for number, epoch in enumerate(epochs, start=1):
            rows.append({"rate": rate, "seed": seed, "epoch": number} | asdict(epoch))
            progress()
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    columns["device"] = [device_name(device)] * len(rows)
    return tables.build(UTILITY, columns, dataset=known["dataset"])


def _tensors(images: pa.Table) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels in [0, 1], float64 [N, C, H, W], and labels, int64 [N]."""
    pixels = tables.decode_pixels(images["pixels"], tables.metadata(images)["shape"])
    return torch.from_numpy(pixels / 255), torch.tensor(images["label"].to_pylist())

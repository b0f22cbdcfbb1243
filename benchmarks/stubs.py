"""Synthetic results of many attacks, in the files that real jobs would write.

For measurements of the steps after the attacks: schema, sizes and folders are those of real
results, and the numbers resemble them.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa

from dropleak.analysis.summary import STATUSES
from dropleak.data import sources
from dropleak.planning import grid
from dropleak.planning.layout import Layout
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS, IMAGES, UTILITY

SHAPE = (3, 32, 32)
CLASSES = 10
TRAINING_IMAGES = 1000
"""Only needed for the mean image."""


def write(folder: Path, config: dict) -> None:
    """Write the tables of images, and the files of all attack and training jobs.

    Args:
        folder: the working directory of the experiment.
        config: complete; its data set must have at least as many test images as are attacked.
    """
    rng, layout = np.random.default_rng(config["seed"]), Layout(config)
    available = sources.count_images(config["data"], "test")
    for part, count in (("train", TRAINING_IMAGES), ("test", available)):
        images = parquet.with_origin(_images(rng, count), layout.images.settings)
        parquet.write(images, folder / layout.images.path / f"{part}.parquet")
    selection = np.array(grid.selection(available, config["seed"]))
    batches = grid.batches(config["images"], config["attack"]["images_per_job"])
    jobs = product(layout.attacks.items(), config["rates"], batches)
    for (names, results), rate, batch in jobs:
        indices = selection[grid.batch_slice(batch)]
        columns = _attacks(rng, names, rate, indices, config["attack"]["iterations"])
        table = parquet.with_origin(parquet.build(ATTACKS, columns, shape=SHAPE), results.settings)
        parquet.write(table, folder / results.path / f"rate-{rate}" / f"images-{batch}.parquet")
    for (network, results), rate in product(layout.trainings.items(), config["utility"]["rates"]):
        training = parquet.with_origin(_training(rng, network, rate, config), results.settings)
        parquet.write(training, folder / results.path / f"rate-{rate}.parquet")


def _images(rng: np.random.Generator, count: int) -> pa.Table:
    columns = {
        "index": np.arange(count, dtype=np.int32),
        "label": rng.integers(CLASSES, size=count, dtype=np.int32),
        "pixels": _pixels(rng, count),
    }
    metadata = {"dataset": "cifar10", "shape": SHAPE, "training_std": [0.25] * SHAPE[0]}
    return parquet.build(IMAGES, columns, **metadata, classes=[f"{n}" for n in range(CLASSES)])


def _pixels(rng: np.random.Generator, count: int) -> list[bytes]:
    """Noise, which takes as much space as reconstructed photographs."""
    return parquet.encode_pixels(rng.integers(256, size=(count, *SHAPE), dtype=np.uint8))


def _attacks(
    rng: np.random.Generator,
    names: tuple[str, str],
    rate: float,
    indices: np.ndarray,
    iterations: int,
) -> dict:
    """Columns of a job; mask reading, and every attacker at rate 0, come close to most images."""
    count, (client, attacker) = len(indices), names

    def constant(value: object) -> list:
        return [value] * count

    good = rate == 0 or attacker == "mask-reading"
    clipped = rng.lognormal(-3, 1, count).clip(0, 0.6) if good else rng.normal(0.56, 0.05, count)
    raw = clipped * rng.lognormal(0.2, 0.3, count)
    steps = np.arange(0, iterations + 1, 20)
    # Trajectories fall from noise to the last value, and hardly compress, like real ones.
    fall = 1 + 5 * np.exp(-steps / iterations * 10)
    wobble = rng.lognormal(0, 0.05, (5, count, len(steps)))
    wobble[:, :, -1] = 1 / fall[-1]
    ends = np.stack([raw**2, raw, clipped, raw / 0.25, clipped / 0.25])
    loss, *errors = ends[:, :, None] * fall * wobble
    reads = attacker == "mask-reading"
    labels = indices % CLASSES
    return {
        "client": constant(client),
        "attacker": constant(attacker),
        "knowledge": constant("update"),
        "dropout_rate": constant(rate),
        "image": indices,
        "update": indices,
        "label": labels,
        "label_inferred": labels,
        "mask_claim": constant("exact" if reads else None),
        "mask_exact": constant(True if reads else None),
        "mask_agreement": constant(1.0 if reads else None),
        "status": rng.choice(STATUSES, count),
        "iterations": rng.integers(iterations // 2, iterations, count),
        "evaluations": rng.integers(iterations // 2, iterations, count),
        "loss": loss[:, -1],
        "restart": constant(0),
        "rmse": errors[0][:, -1],
        "rmse_clipped": clipped,
        "psnr": -20 * np.log10(clipped),
        "ssim": rng.uniform(size=count),
        "identification_rank": np.where(good, 1, rng.integers(1, 10_000, count)),
        "candidates": constant(10_000),
        "seconds": rng.gamma(4, 0.25, count),
        "seed": constant(0),
        "host": constant("nowhere"),
        "device": constant("cpu"),
        "engine_version": constant(0),
        "torch_version": constant("0"),
        "trajectory_iteration": constant(steps),
        "trajectory_loss": list(loss),
        "trajectory_rmse": list(errors[0]),
        "trajectory_rmse_clipped": list(errors[1]),
        "trajectory_rmse_standardised": list(errors[2]),
        "trajectory_rmse_clipped_standardised": list(errors[3]),
        "reconstruction": _pixels(rng, count),
    }


def _training(
    rng: np.random.Generator, network: tuple[str, str], rate: float, config: dict
) -> pa.Table:
    seeds, epochs = config["utility"]["seeds"], config["utility"]["epochs"]
    count = seeds * epochs
    columns = {
        "network": [network[0]] * count,
        "dropout": [network[1]] * count,
        "defence": ["none"] * count,
        "dropout_rate": [rate] * count,
        "seed": np.repeat(np.arange(seeds), epochs),
        "epoch": np.tile(np.arange(1, epochs + 1), seeds),
        "train_loss": rng.uniform(1, 2, count),
        "test_accuracy": rng.normal(0.5 - 0.1 * rate, 0.01, count),
        "seconds": rng.gamma(4, 0.25, count),
        "host": ["nowhere"] * count,
        "device": ["cpu"] * count,
    }
    return parquet.build(UTILITY, columns)

"""Does the engine reconstruct as well as the reference? A statistical check.

    python benchmarks/agreement.py [IMAGES] [ITERATIONS]

L-BFGS without a line search amplifies rounding, so single attacks end differently on every machine.
The share of successes and their quality must agree.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

import library  # noqa: F401, which finds dropleak
import reference
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.reconstruct import reconstruct, start_images
from workload import data_sets, problems

SUCCESS = 0.1
QUARTILES = (0.25, 0.5, 0.75)


def by_reference(index: int, iterations: int) -> float:
    """RMSE of the reference's attack on one image."""
    update, keys, private = problems(data_sets()[0], index, 1)
    label, start = infer_labels(update, keys)[0], start_images(update, keys)[0]
    result = reference.attack(update, label, start, iterations)
    return (result.image - private.images[0, 0]).square().mean().sqrt().item()


def by_engine(first: int, count: int, iterations: int, device: str = "cpu") -> list[float]:
    """RMSE of the engine's attacks on some images, in one batch."""
    update, keys, private = problems(data_sets()[0], first, count, device=device)
    result = reconstruct(update, Attacker(), keys, iterations, lambda *progress: None)
    return (result.images - private.images).square().mean((1, 2, 3, 4)).sqrt().tolist()


def errors(count: int, iterations: int, device: str) -> dict[str, np.ndarray]:
    """RMSE of engine and reference on the same images, infinite where it is not a number.

    The reference runs on the CPU, a process per core; so does the engine, unless on a GPU.
    """
    with ProcessPoolExecutor(
        os.cpu_count(), get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        reference_errors = pool.map(by_reference, range(count), [iterations] * count)
        if device == "cpu":
            parts = pool.map(by_engine, range(count), [1] * count, [iterations] * count)
        else:
            parts = [by_engine(0, count, iterations, device)]
        found = {"engine": [e for part in parts for e in part], "reference": [*reference_errors]}
    return {name: np.nan_to_num(values, nan=np.inf) for name, values in found.items()}


def quartile_intervals(values: np.ndarray) -> list[tuple[float, float, float]]:
    """Each quartile with its 95% bootstrap interval."""
    from scipy.stats import bootstrap  # late: a GPU machine may have no scipy

    intervals = []
    for quartile in QUARTILES:
        statistic = partial(np.quantile, q=quartile)
        interval = bootstrap((values,), statistic, method="percentile", rng=0).confidence_interval
        intervals.append((np.quantile(values, quartile), interval.low, interval.high))
    return intervals


def main(count: int, iterations: int) -> None:
    """Run both on the same problems and print a table for README.md."""
    from scipy.stats import binomtest

    if "photographs" not in data_sets():
        sys.exit("there are no photographs: python benchmarks/images.py FOLDER")
    rmse = errors(count, iterations, "cuda" if torch.cuda.is_available() else "cpu")
    print(f"{count} photographs, rate 0.0, {iterations} iterations, torch {torch.__version__}\n")
    print("| | successes | share (95%, Wilson) | RMSE of successes: quartiles (95%, bootstrap) |")
    print("|---|---|---|---|")
    for name, values in rmse.items():
        good = values[values < SUCCESS]
        share = binomtest(len(good), count).proportion_ci(method="wilson")
        quartiles = "; ".join(f"{q:.4f} ({a:.4f}-{b:.4f})" for q, a, b in quartile_intervals(good))
        print(
            f"| {name} | {len(good)} of {count} | {len(good) / count:.2f} "
            f"({share.low:.2f}-{share.high:.2f}) | {quartiles} |"
        )
    common = np.sum((rmse["engine"] < SUCCESS) & (rmse["reference"] < SUCCESS))
    print(f"\nImages that succeed in both: {common}.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or (64, 2000)))

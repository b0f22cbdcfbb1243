"""Everything to be measured on a GPU, in one run of at most nine minutes.

    python benchmarks/gpu.py [--minutes 9]

Needs torch, numpy and images.npz (see images.py). Checks the engine against float64 on the CPU;
times it in batches, and the reference; counts the successes of both; runs the paper's attacks, as
many as fit; and profiles an iteration. Each result is printed and written to gpu.json as soon as it
is there. A table for README.md comes last. Where there is no GPU, CC=/none rehearses it: the same
code, torch's instead of C, runs on the CPU.
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

import agreement
import bench
import traffic
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import (
    ITERATIONS_PER_STEP,
    objective_for,
    optimiser_for,
    start_row,
)
from dropleak.runtime import device as devices
from workload import attackers, data_sets, problems

RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
IMAGES = 1000
"""Of the paper's attacks, at each rate."""

SHARES = {"throughput": 0.25, "agreement": 0.2, "attacks": 0.4}
"""Of the whole time, for the parts that can be made shorter; checks and profile take the rest."""

TOLERANCES = {"float32": 1e-4, "float64": 1e-9, "after a step": 1e-3}
"""Largest relative differences with which the checks are passed."""

TARGET_RATIO, TARGET_MINUTES = 1000, 5


class Record:
    """Results, printed and saved as they come."""

    def __init__(self, path: Path):
        self.path, self.results, self.began = path, dict[str, object](), time.perf_counter()

    def add(self, name: str, result: object) -> None:
        """Save a result, so that a run that is cut off loses nothing."""
        self.results[name] = result
        print(
            f"{time.perf_counter() - self.began:6.1f} s  {name}: {json.dumps(result)}", flush=True
        )
        self.path.write_text(json.dumps(self.results, indent=2) + "\n", encoding="utf-8")

    def attempt(self, name: str, measure: Callable[..., object], *arguments: object) -> object:
        """Measure and save; an error is a result as well, and the next part follows."""
        try:
            result = measure(*arguments)
        except Exception as error:  # any: the time on a rented machine is for the other parts too
            result = {"error": f"{type(error).__name__}: {error}"}
        torch.cuda.empty_cache()  # not before the traceback of an error has let go of its tensors
        self.add(name, result)
        return result


def checks(device: str) -> dict[str, object]:
    """Largest relative difference of each attacker's objective and slope from float64 on the CPU.

    At the start of the attacks on 8 images at rate 0.3; and in float64 after a step of 20
    iterations, in which the optimiser makes rounding grow.
    """
    found = {}
    for name, attacker in attackers().items():
        if attacker.optimiser == "closed-form":
            continue
        truth = _evaluated(attacker, "cpu", torch.float64)
        found[name] = {
            "float32": _difference(_evaluated(attacker, device, torch.float32), truth),
            "float64": _difference(_evaluated(attacker, device, torch.float64), truth),
            "after a step": _difference(_stepped(attacker, device), _stepped(attacker, "cpu")),
        }
    passed = all(row[kind] <= most for row in found.values() for kind, most in TOLERANCES.items())
    return {"passed": passed, "by_attacker": found}


def _objective(attacker: Attacker, device: str, dtype: torch.dtype):
    update, keys, private = problems(data_sets()[0], 0, 8, 0.3, device, dtype)
    oracle_masks = private.oracle_masks() if attacker.needs_oracle else None
    objective = objective_for(update, attacker, keys, oracle_masks)
    return objective, start_row(objective, keys)


@torch.inference_mode()
def _evaluated(attacker: Attacker, device: str, dtype: torch.dtype) -> list[torch.Tensor]:
    objective, start = _objective(attacker, device, dtype)
    return [*objective(start, torch.zeros(len(start), dtype=torch.int64, device=device))]


@torch.inference_mode()
def _stepped(attacker: Attacker, device: str) -> list[torch.Tensor]:
    objective, start = _objective(attacker, device, torch.float64)
    optimiser = optimiser_for(objective, start, ITERATIONS_PER_STEP)
    optimiser.step(objective)
    return [optimiser.x]


def _difference(found: list[torch.Tensor], truth: list[torch.Tensor]) -> float:
    """Largest norm of a difference relative to the truth's norm."""
    pairs = [(a.cpu().double(), b.cpu().double()) for a, b in zip(found, truth, strict=True)]
    return max(((a - b).norm() / b.norm()).item() for a, b in pairs)


def reference_time(device: str) -> dict:
    """The reference's time per iteration: the median of three attacks."""
    data_set = data_sets()[0]
    bench.timed_reference(data_set, 0, 20, device)  # which warms up
    runs = [bench.timed_reference(data_set, number, 100, device) for number in range(3)]
    milliseconds = statistics.median(1e3 * seconds / iterations for seconds, iterations in runs)
    return {"ms_per_iteration_and_image": milliseconds}


def throughput(device: str, batch: int, reference: dict, seconds: float) -> dict:
    """The engine's time per iteration in a batch, within some seconds.

    A short attack is subtracted from a long one, and with it the start, which is drawn on the CPU.
    """
    stop = time.perf_counter() + seconds
    update, keys, _ = problems(data_sets()[0], 0, batch, device=device)
    bench.timed_attack(update, keys, 20, device)  # which warms up
    start, few, _ = bench.timed_attack(update, keys, 20, device)
    steps = int((stop - time.perf_counter()) / start)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    spent, done, _ = bench.timed_attack(update, keys, 20 * max(3, min(20, steps)), device)
    milliseconds = 1e3 * (spent - start) / (done - few)
    return {
        "ms_per_iteration_and_image": milliseconds,
        "ratio": reference.get("ms_per_iteration_and_image", math.nan) / milliseconds,
        "peak_memory_gib": bench.peak_memory(device),
    }


def successes(device: str, seconds: float) -> dict:
    """Attacks of engine and reference on the same images that end below RMSE 0.1.

    At most 64 images, 2,000 iterations each, as many as fit into some seconds if an iteration
    of the reference takes 8 ms on one core.
    """
    count = max(1, min(64, int(seconds / (2000 * 8e-3)) * os.cpu_count()))
    rmse = agreement.errors(count, 2000, device)
    counts = {name: int((values < agreement.SUCCESS).sum()) for name, values in rmse.items()}
    return {"images": count} | counts


def paper_attacks(device: str, milliseconds: float, seconds: float) -> dict:
    """The paper's attacks at six rates, for as many of 1,000 images as fit into some seconds.

    Args:
        device: torch's name of it.
        milliseconds: per iteration and image, for the estimate of how many fit.
        seconds: to spend.
    """
    each = 1e-3 * milliseconds * bench.PAPER_ITERATIONS * len(RATES)
    images = max(1, min(IMAGES, int(0.8 * seconds / each)))
    spent, done = [], 0
    for rate in RATES:
        part, iterations, _ = bench.timed_engine(
            data_sets()[0], 0, images, bench.PAPER_ITERATIONS, device, rate
        )
        spent.append(part)
        done += iterations
    return {
        "images": images,
        "seconds_by_rate": spent,
        "iterations_of_the_budget": done / (images * len(RATES) * bench.PAPER_ITERATIONS),
        "minutes": sum(spent) / 60,
        "minutes_for_1000_images": sum(spent) / 60 * IMAGES / images,
    }


def profiled(device: str, batch: int) -> dict:
    """What an iteration of the paper's attack counts and launches, in the middle of an attack."""
    update, keys, _ = problems(data_sets()[0], 0, batch, 0.3, device)
    with torch.inference_mode():
        objective = objective_for(update, Attacker(), keys)
        optimiser = optimiser_for(objective, start_row(objective, keys), 100)
        for _ in range(2):
            optimiser.step(objective)
        activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * (device == "cuda")]
        with profile(activities=activities) as trace:
            optimiser.step(objective)
            bench.synchronise(device)
    kernels = dict[str, list[float]]()
    for event in trace.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            kernels.setdefault(event.name, []).append(event.device_time)
    # Only we, and the profiler itself, wait with cudaDeviceSynchronize.
    waits = sum(
        event.name in ("cudaStreamSynchronize", "cudaEventSynchronize") for event in trace.events()
    )
    most = sorted(kernels.items(), key=lambda item: -sum(item[1]))[:10]
    return {
        "batch": batch,
        "counted": traffic.iteration(Attacker(), batch, device),
        "kernels": sum(map(len, kernels.values())) / ITERATIONS_PER_STEP,
        "kernel_microseconds": sum(map(sum, kernels.values())) / ITERATIONS_PER_STEP,
        "longest_kernels": {
            name[:60]: {
                "launches": len(times) / ITERATIONS_PER_STEP,
                "microseconds": sum(times) / ITERATIONS_PER_STEP,
            }
            for name, times in most
        },
        "host_synchronisations": waits / ITERATIONS_PER_STEP,
    }


def table(results: dict) -> Iterator[str]:
    """Rows for README.md."""
    yield "| | ms per iteration and image | times the sequential reference there | peak memory |"
    yield "|---|---|---|---|"
    for name, row in results.items():
        if "error" in row:
            continue
        if name == "reference":
            yield f"| reference, sequential | {row['ms_per_iteration_and_image']:.3g} | 1 | |"
        elif name.startswith("batch"):
            yield (
                f"| engine, {name.removeprefix('batch ')} images | "
                f"{row['ms_per_iteration_and_image']:.3g} | {row['ratio']:.0f} | "
                f"{row['peak_memory_gib']:.1f} GiB |"
            )
    attacks = results.get("attacks", {})
    if "minutes_for_1000_images" in attacks:
        yield ""
        yield (
            f"The paper's attacks, 1,000 images at six rates: "
            f"{attacks['minutes_for_1000_images']:.1f} minutes (target {TARGET_MINUTES}), from "
            f"{attacks['images']} images. Target of the ratio: {TARGET_RATIO}."
        )


def main() -> None:
    """Measure everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0)
    seconds = 60 * parser.parse_args().minutes
    devices.full_precision()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    record = Record(Path(__file__).with_name("gpu.json"))
    record.add("machine", bench.machine(device))
    record.attempt("checks", checks, device)
    reference = record.attempt("reference", reference_time, device)
    batches, times = bench.BATCHES["cuda"] if device == "cuda" else (8, 32), {}
    each = SHARES["throughput"] * seconds / len(batches)
    for batch in batches:
        row = record.attempt(f"batch {batch}", throughput, device, batch, reference, each)
        times[batch] = row.get("ms_per_iteration_and_image", math.inf)
    best = min(times, key=times.get)
    record.attempt("agreement", successes, device, SHARES["agreement"] * seconds)
    record.attempt("attacks", paper_attacks, device, times[best], SHARES["attacks"] * seconds)
    record.attempt("profile of an iteration", profiled, device, best)
    print("", *table(record.results), sep="\n")


if __name__ == "__main__":
    main()

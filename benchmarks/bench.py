"""The engine against the reference, on the same problems, in one run.

    python benchmarks/bench.py [--rounds 5] [--iterations 400]

Needs torch, numpy and images.npz (see images.py). Uses the GPU if there is one. Prints results and
writes them to latest.json. Engine and reference take turns; a ratio is the median over rounds.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import library  # which finds dropleak
import reference
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.masks import Masks
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_images, start_row
from dropleak.engine.backends import compiled
from dropleak.engine.client.update import Update
from dropleak.planning.versions import ENGINE_VERSION
from dropleak.runtime import device as devices
from workload import attackers, data_sets, problems

PAPER_ITERATIONS = 5800
BATCHES = {"cpu": (1, 8, 32), "cuda": (64, 256, 1024, 4096)}
REFERENCES = ("sequential", "a process per core")
DEFAULT_BATCH = {"cpu": 32, "cuda": 1024}
PAPERS_ATTACKER = Attacker()


def synchronise(device: str) -> None:
    """Wait for the GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def timed_reference(data_set: str, first: int, iterations: int, device: str) -> tuple[float, int]:
    """Seconds and iterations of the reference's attack on one image."""
    update, keys, _ = problems(data_set, first, 1, device=device)
    label, start = infer_labels(update, keys)[0], start_images(update, keys)[0]
    synchronise(device)
    began = time.perf_counter()
    result = reference.attack(update, label, start, iterations)
    synchronise(device)
    return time.perf_counter() - began, result.iterations


def timed_engine(
    data_set: str,
    first: int,
    count: int,
    iterations: int,
    device: str,
    rate: float = 0.0,
    attacker: Attacker = PAPERS_ATTACKER,
) -> tuple[float, int, int]:
    """Seconds, and iterations and evaluations summed over images, of an attack on a batch."""
    update, keys, private = problems(data_set, first, count, rate, device)
    oracle_masks = private.oracle_masks() if attacker.needs_oracle else None
    return timed_attack(update, keys, iterations, device, attacker, oracle_masks)


def timed_attack(
    update: Update,
    keys: Tensor,
    iterations: int,
    device: str,
    attacker: Attacker = PAPERS_ATTACKER,
    oracle_masks: Masks | None = None,
) -> tuple[float, int, int]:
    """As `timed_engine`, on given clients."""
    synchronise(device)
    began = time.perf_counter()
    result = reconstruct(update, attacker, keys, iterations, lambda *progress: None, oracle_masks)
    synchronise(device)
    seconds = time.perf_counter() - began
    return seconds, result.iterations.sum().item(), result.evaluations.sum().item()


def objective_seconds(data_set: str, count: int, device: str) -> float:
    """Seconds per evaluation and image of the engine's objective."""
    update, keys, _ = problems(data_set, 0, count, device=device)
    objective = objective_for(update, Attacker(), keys)
    start = start_row(objective, keys)
    evaluations = torch.zeros_like(keys[:, 0])
    times = []
    for _ in range(20):
        synchronise(device)
        began = time.perf_counter()
        objective(start, evaluations)
        synchronise(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times) / count


def peak_memory(device: str) -> float:
    """Peak memory of this process in GiB, on the GPU if it uses one."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def start_worker(device: str) -> None:
    """Use one thread, and compile before anything is timed."""
    torch.set_num_threads(1)
    devices.full_precision()
    compiled.find(torch.empty(0, device=device))


def start_up() -> dict[str, float]:
    """Seconds before a process can attack: to import, and once on a machine to compile."""
    code = (
        "import time, torch; from dropleak.engine.attack import reconstruct; "
        "from dropleak.engine.backends import compiled; "
        "began = time.perf_counter(); compiled.find(torch.empty(0)); "
        "print(time.perf_counter() - began)"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TMPDIR": folder, "PYTHONPATH": str(library.WORKFLOW)}
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
    total, compilation = time.perf_counter() - began, float(done.stdout.splitlines()[-1])
    return {"import": total - compilation, "compile": compilation}


class Bench:
    """All measurements on one data set."""

    def __init__(self, data_set: str, device: str, iterations: int, pool: ProcessPoolExecutor):
        self.data_set, self.device, self.iterations, self.pool = data_set, device, iterations, pool
        self.cores = os.cpu_count()
        self.milliseconds: dict[str, list[float]] = {}

    def _together(self, function: Callable, images: int, *arguments) -> tuple[float, int]:
        """Call once per core, on different images: seconds of the longest, sum of iterations."""
        calls = [
            self.pool.submit(function, self.data_set, core * images, *arguments)
            for core in range(self.cores)
        ]
        seconds, iterations = zip(*(call.result()[:2] for call in calls), strict=True)
        return max(seconds), sum(iterations)

    def _engine(self, batch: int) -> tuple[float, int]:
        if self.device == "cuda":
            return timed_engine(self.data_set, 0, batch, self.iterations, "cuda")[:2]
        return self._together(timed_engine, batch, batch, self.iterations, "cpu")

    def _note(self, name: str, measured: tuple[float, int]) -> None:
        seconds, iterations = measured
        self.milliseconds.setdefault(name, []).append(1e3 * seconds / iterations)

    def round(self, number: int) -> None:
        """Time everything once."""
        torch.set_num_threads(self.cores)
        self._note(
            "reference, sequential",
            timed_reference(self.data_set, number, self.iterations, self.device),
        )
        self._note(
            "reference, a process per core",
            self._together(timed_reference, 1, self.iterations, self.device),
        )
        torch.set_num_threads(1)
        for batch in BATCHES[self.device]:
            try:
                self._note(f"engine, batch {batch}", self._engine(batch))
            except torch.OutOfMemoryError as error:
                print(f"batch {batch}: {error}")

    def masks(self, rounds: int) -> dict[str, list[float]]:
        """Extra time for masks at rate 0.5, as a share of the time with a fixed mask."""
        batch = DEFAULT_BATCH[self.device]
        extra: dict[str, list[float]] = {"resample": [], "ignore": []}
        for _ in range(rounds):
            cost = {}
            for masks in ("fixed", "resample", "ignore"):
                seconds, iterations, _ = timed_engine(
                    self.data_set, 0, batch, 40, self.device, 0.5, Attacker(masks=masks)
                )
                cost[masks] = seconds / iterations
            for masks, shares in extra.items():
                shares.append(cost[masks] / cost["fixed"] - 1)
        return extra

    def attackers(self, rounds: int) -> dict[str, dict[str, float]]:
        """Cost of an iteration of each built-in attacker at rate 0.3: medians over rounds."""
        setting = DEFAULT_BATCH[self.device], min(100, self.iterations), self.device, 0.3
        # A closed form has no iterations, and needs scipy.
        timed = {name: a for name, a in attackers().items() if a.optimiser != "closed-form"}
        measured = {name: [] for name in timed}
        for _ in range(rounds):
            for name, attacker in timed.items():
                measured[name].append(timed_engine(self.data_set, 0, *setting, attacker))
        costs = {}
        for name, runs in measured.items():
            seconds, iterations, evaluations = np.array(runs).T
            costs[name] = {
                "ms_per_iteration_and_image": 1e3 * float(np.median(seconds / iterations)),
                "evaluations_per_iteration": float(np.median(evaluations / iterations)),
            }
        return costs

    def results(self) -> dict:
        """Medians, spreads and ratios."""
        results = {}
        for name, values in self.milliseconds.items():
            median = statistics.median(values)
            results[name] = {
                "ms_per_iteration_and_image": median,
                "ms_range": [min(values), max(values)],
                "attacks_per_hour": 3.6e6 / (median * PAPER_ITERATIONS),
            }
            for kind in REFERENCES:
                ratios = np.array(self.milliseconds[f"reference, {kind}"]) / np.array(values)
                results[name][f"ratio to reference, {kind}"] = float(np.median(ratios))
                results[name][f"ratio range, {kind}"] = [float(ratios.min()), float(ratios.max())]
        return results


def machine(device: str) -> dict:
    """The machine and versions of a measurement."""
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next((x.split(": ")[1] for x in lines if x.startswith("model name")), processor)
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor,
        "cores": os.cpu_count(),
        "device": devices.name(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "engine": ENGINE_VERSION,
    }


def report(data_set: str, results: dict) -> None:
    """Print a table of medians and ranges."""
    print(f"\n{data_set}")
    ratios = "".join(f"{f'x {kind}':>24}" for kind in REFERENCES)
    print(f"{'':30}{'ms/iteration/image':>24}{'attacks/h':>10}{ratios}")
    for name, row in results.items():
        milliseconds = _with_range(row["ms_per_iteration_and_image"], row["ms_range"], 3)
        ratios = "".join(
            _with_range(row[f"ratio to reference, {kind}"], row[f"ratio range, {kind}"], 1)
            for kind in REFERENCES
        )
        print(f"{name:30}{milliseconds}{row['attacks_per_hour']:10.0f}{ratios}")


def report_attackers(costs: dict[str, dict[str, float]]) -> None:
    """Print a table of the cost of an iteration."""
    print(
        f"\n{'attackers, in one process':30}{'ms/iteration/image':>24}{'evaluations/iteration':>24}"
    )
    for name, cost in costs.items():
        milliseconds, evaluations = cost.values()
        print(f"{name:30}{milliseconds:24.3f}{evaluations:24.2f}")


def _with_range(median: float, ends: list[float], digits: int) -> str:
    text = f"{median:.{digits}f} ({ends[0]:.{digits}f}-{ends[1]:.{digits}f})"
    return f"{text:>24}"


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=400, help="a multiple of 20")
    options = parser.parse_args()
    devices.full_precision()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    latest = {"machine": machine(device), "iterations": options.iterations}
    print(latest)
    with ProcessPoolExecutor(
        os.cpu_count(), get_context("spawn"), initializer=start_worker, initargs=(device,)
    ) as pool:
        latest["threads"] = {"sequential reference": os.cpu_count(), "everything else": 1}
        latest["start-up in seconds"] = start_up()
        for data_set in data_sets():
            bench = Bench(data_set, device, options.iterations, pool)
            for number in range(options.rounds):
                bench.round(number)
            results = bench.results()
            report(data_set, results)
            batch = DEFAULT_BATCH[device]
            objective = 1e3 * objective_seconds(data_set, batch, device)
            engine = results[f"engine, batch {batch}"]
            parallel = 1 if device == "cuda" else os.cpu_count()
            milliseconds = engine["ms_per_iteration_and_image"]
            share = objective / parallel / milliseconds
            memory = pool.submit(peak_memory, device).result()
            others = {
                "share of time in the objective": share,
                "share of time in L-BFGS": 1 - share,
                "extra time of masks over a fixed one": bench.masks(options.rounds),
                "peak memory in GiB": memory if device == "cpu" else peak_memory(device),
            }
            for name, value in others.items():
                print(f"{name}: {json.dumps(value)}")
            latest[data_set] = results | others
            if "attackers, in one process" not in latest:
                latest["attackers, in one process"] = bench.attackers(options.rounds)
            latest.setdefault("ratio_sequential", engine["ratio to reference, sequential"])
            latest.setdefault("ratio_processes", engine["ratio to reference, a process per core"])
    report_attackers(latest["attackers, in one process"])
    print(f"\nstart-up in seconds: {json.dumps(latest['start-up in seconds'])}")
    path = Path(__file__).with_name("latest.json")
    path.write_text(json.dumps(latest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

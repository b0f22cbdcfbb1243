"""Attacks with and without early stopping, on the same 32 photographs.

    python benchmarks/early_stopping.py [ATTACKER ...]

Needs images.npz with photographs (see images.py), and scipy. Prints a table for README.md.
"""

import sys
import time
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import binomtest, bootstrap

import library  # noqa: F401, which finds dropleak
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import reconstruct
from workload import attackers, data_sets, problems

IMAGES, ITERATIONS, SUCCESS = 32, 5800, 0.1
EARLY_STOPPING = {
    "idlg": {"patience": 200, "target_loss": 3e-6},
    "mask-reading": {"patience": 200, "target_loss": 3e-6},
    "adaptive": {"patience": 200},
}
RATES = {"idlg": 0.0}
"""Dropout rates other than 0.3: where an attacker succeeds."""


def cells(attacker: Attacker, rate: float) -> list[str]:
    """Successes, RMSE after clipping to [0, 1], iterations, evaluations, and processor time."""
    update, keys, private = problems("photographs", 0, IMAGES, rate)
    began = time.process_time()
    found = reconstruct(update, attacker, keys, ITERATIONS, lambda *progress: None)
    seconds = time.process_time() - began
    errors = found.images.clamp(0, 1) - private.images
    rmse = errors.square().mean((1, 2, 3, 4)).sqrt().numpy()
    good = int((rmse < SUCCESS).sum())
    share = binomtest(good, IMAGES).proportion_ci(method="wilson")
    mean = bootstrap((rmse,), np.mean, method="percentile", rng=0).confidence_interval
    return [
        f"{good} ({share.low:.2f}-{share.high:.2f})",
        f"{rmse.mean():.4f} ({mean.low:.4f}-{mean.high:.4f})",
        f"{found.iterations.double().mean():,.0f}",
        f"{found.evaluations.double().mean():,.0f}",
        f"{seconds:.0f} s",
    ]


if __name__ == "__main__":
    if "photographs" not in data_sets():
        sys.exit("there are no photographs: python benchmarks/images.py FOLDER")
    torch.set_num_threads(1)
    print("| attacker | early stopping | successes | RMSE | iterations | evaluations | time |")
    print("|---|---|---|---|---|---|---|")
    for name in sys.argv[1:] or EARLY_STOPPING:
        for settings in ({}, EARLY_STOPPING[name]):
            values = cells(replace(attackers()[name], **settings), RATES.get(name, 0.3))
            shown = ", ".join(f"`{key}: {value}`" for key, value in settings.items()) or "no"
            print(f"| `{name}` | {shown} | {' | '.join(values)} |", flush=True)

"""The attack itself: a label, then an image whose gradients match what was shared."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import prod

import torch
from torch import Tensor

from dropleak import rng
from dropleak.attack import compiled
from dropleak.attack.compiled.lbfgs import CompiledLBFGS
from dropleak.attack.compiled.matching import CompiledMatching
from dropleak.attack.labels import infer_labels
from dropleak.attack.lbfgs import LBFGS, Outcome
from dropleak.attack.objective import GradientMatching
from dropleak.client import Update

ITERATIONS_PER_STEP = 20
"""Iterations in one call of the optimiser, as in the iDLG script; progress is observed between."""

DIVERGED_RMS = 100.0
"""Root mean square of a dummy image, in units of the pixel range, beyond which it has exploded."""

Observer = Callable[[int, Tensor, Tensor], None]
"""Called with (iteration, images [B, C, H, W], loss [B]) every `ITERATIONS_PER_STEP` iterations."""


class Status(StrEnum):
    """How an attack ended."""

    CONVERGED = "converged"
    """At rest: by torch's tolerances no further iteration changes it."""
    STALLED = "stalled"
    """The last step ended early on a tolerance, but another one could still move it."""
    DIVERGED = "diverged"
    """The loss overflowed, or the image exploded."""
    EXHAUSTED = "exhausted"
    """The iterations were used up while the loss was still changing."""


@dataclass(frozen=True)
class Attacker:
    """An attacker as data. More settings, and so more attackers, are fields and values here."""

    masks: str = "resample"
    """How it handles dropout in its own forward pass: a name in `masks.POLICIES`."""


@dataclass(frozen=True)
class Reconstruction:
    """What the attacker ends up with, for B attacks."""

    images: Tensor  # [B, C, H, W], not clipped
    labels: Tensor  # int64 [B]
    loss: Tensor  # [B], at `images`
    status: list[Status]
    iterations: Tensor  # int64 [B], optimiser iterations done
    evaluations: Tensor  # int64 [B], evaluations of the objective


def start_images(update: Update, keys: Tensor) -> Tensor:
    """Dummy images to start from, standard normal (Zhu et al. 2019): [B, C, H, W].

    Drawn on the CPU so that every device starts at the same place.
    """
    shape = update.network.input_shape
    draws = rng.normal(rng.derive(keys, rng.Stream.START).cpu(), prod(shape))
    return draws.reshape(-1, *shape).to(next(iter(update.gradients.values())))


def engine(like: Tensor) -> tuple[type[GradientMatching], type[LBFGS]]:
    """Objective and optimiser for tensors like this one: compiled where that can be had."""
    return (CompiledMatching, CompiledLBFGS) if compiled.find(like) else (GradientMatching, LBFGS)


@torch.inference_mode()
def reconstruct(
    update: Update, attacker: Attacker, keys: Tensor, iterations: int, observe: Observer
) -> Reconstruction:
    """Run one attack on each client's update, all at once.

    The budget is counted as in the published script: in steps of 20 iterations, where a step that
    ends early on a tolerance is followed by the next one all the same. Attacks that can no longer
    move leave the batch.

    Args:
        update: what B clients shared.
        attacker: its settings.
        keys: int64 [B] on the update's device, the attacker's randomness.
        iterations: budget of each attack, a multiple of `ITERATIONS_PER_STEP`.
        observe: sees the progress; what it sees last is what is returned.
    """
    labels, start = infer_labels(update), start_images(update, keys)
    matching, lbfgs = engine(start)
    objective = matching(update, labels, keys, attacker.masks)
    optimiser = lbfgs(start.flatten(1), max_iter=ITERATIONS_PER_STEP)
    result = {name: getattr(optimiser, name).clone() for name in _REPORTED}
    running = torch.arange(len(update), device=keys.device)

    def show(iteration: int) -> None:
        observe(iteration, result["x"].reshape(start.shape).clone(), result["loss"].clone())

    for iteration in range(0, iterations, ITERATIONS_PER_STEP):
        if len(running):
            result["loss"][running] = optimiser.step(objective)
        show(iteration)
        for name in _REPORTED:
            result[name][running] = getattr(optimiser, name)
        moving = ~_finished(optimiser, objective)
        if not moving.all():
            running, optimiser = running[moving], optimiser.select(moving)
            objective = objective.select(moving)
    if len(running):
        result["loss"][running], _ = objective(optimiser.x, optimiser.evaluations)
        result["evaluations"][running] += 1
    show(iterations)
    return Reconstruction(
        result["x"].reshape(start.shape),
        labels,
        result["loss"],
        _statuses(result["x"], result["loss"], result["outcome"], running),
        result["iterations"],
        result["evaluations"],
    )


_REPORTED = ("x", "loss", "outcome", "iterations", "evaluations")


def _exploded(x: Tensor) -> Tensor:
    return x.square().mean(1).sqrt() > DIVERGED_RMS


def _finished(optimiser: LBFGS, objective: GradientMatching) -> Tensor:
    """Which attacks no further step would change: bool [B].

    An idle attack may move again under a fresh mask, but not from an exploded image, which has
    saturated every sigmoid.
    """
    stuck = optimiser.idle & (_exploded(optimiser.x) | objective.deterministic)
    return stuck | (optimiser.outcome == Outcome.NOT_FINITE)


def _statuses(x: Tensor, loss: Tensor, outcome: Tensor, running: Tensor) -> list[Status]:
    statuses = list(Status)
    code = torch.full_like(outcome, statuses.index(Status.CONVERGED))
    code[running] = torch.where(
        outcome[running] == Outcome.ITERATION_LIMIT,
        statuses.index(Status.EXHAUSTED),
        statuses.index(Status.STALLED),
    )
    overflowed = (outcome == Outcome.NOT_FINITE) | ~loss.isfinite()
    code[overflowed | _exploded(x)] = statuses.index(Status.DIVERGED)
    return [statuses[place] for place in code.tolist()]

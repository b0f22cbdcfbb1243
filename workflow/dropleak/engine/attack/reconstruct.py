"""The attack itself: labels, then images whose gradients match the shared ones."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack import closed_form
from dropleak.engine.attack.adam import Adam
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.early_stopping import EarlyStopping
from dropleak.engine.attack.equations import GREY
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.masks import SOURCES, Constant, Masks, MaskSource, start_masks
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.optimiser import Optimiser, Outcome
from dropleak.engine.attack.reconstruction import Reconstruction, Status, exploded
from dropleak.engine.attack.state import AttackState, CheckpointHook
from dropleak.engine.attack.vanishing import vanished
from dropleak.engine.backends.choice import choose
from dropleak.engine.client.update import Update

ITERATIONS_PER_STEP = 20
"""Iterations in one call of the optimiser, as in the iDLG script; progress is observed between."""

Observer = Callable[[int, Tensor, Tensor], None]
"""Called with (iteration, images [B, n, C, H, W], loss [B]) after every step of the optimiser."""


GREY_NOISE = 0.01
"""Standard deviation of the pixels of a grey start, which tells restarts apart."""


def start_images(update: Update, keys: Tensor, start: str = "noise") -> Tensor:
    """Dummy images to start from: [B, n, C, H, W].

    Drawn on the CPU so that every device starts from the same images.

    Args:
        update: what was shared.
        keys: int64 [B, n].
        start: "noise", which is standard normal (Zhu et al. 2019), or "grey".
    """
    shape = update.network.input_shape
    draws = rng.normal(rng.derive(keys, rng.Stream.START).cpu(), prod(shape))
    images = draws.reshape(*keys.shape, *shape).to(update.like)
    return GREY + GREY_NOISE * images if start == "grey" else images


@torch.inference_mode()
def reconstruct(
    update: Update,
    attacker: Attacker,
    keys: Tensor,
    iterations: int,
    observe: Observer,
    oracle_masks: Masks | None = None,
    checkpoint: CheckpointHook = CheckpointHook(),  # noqa: B008 it has no state
    separated: Constant | None = None,
) -> Reconstruction:
    """Run one attack on each client's update, all at once, without restarts.

    The budget is counted as in the published script: in steps of 20 iterations, where the next step
    follows even if one ends early on a tolerance. Attacks that can no longer move, or that early
    stopping ends, leave the batch.

    Args:
        update: shared by B clients.
        attacker: its settings.
        keys: int64 [B, n] on the update's device, the attacker's randomness.
        iterations: budget of each attack, a multiple of `ITERATIONS_PER_STEP`.
        observe: sees the progress; the last images that it sees are those returned.
        oracle_masks: from `Private.oracle_masks`, only for an attacker that is given them.
        checkpoint: saves the state and restores it; a restored state must be of the same arguments
            and the same optimiser.
        separated: what `masks.separate` found, if it was called before.
    """
    whole = objective = objective_for(update, attacker, keys, oracle_masks, separated)
    attacker = objective.attacker
    if attacker.optimiser == "closed-form":
        solution = closed_form.reconstruct(objective)
        for iteration in (0, iterations):
            observe(iteration, solution.images.clone(), solution.loss.clone())
        return solution
    optimiser = optimiser_for(objective, start_row(objective, keys), iterations)
    result = {name: getattr(optimiser, name).clone() for name in _REPORTED}
    result["stage"] = torch.zeros_like(result["iterations"])
    stopping = EarlyStopping(attacker, result)
    running = torch.arange(len(update), device=keys.device)
    done = 0
    if saved := checkpoint.restore():
        done, running, result, state = AttackState.of(saved, keys.device)
        optimiser, objective = optimiser.with_state(state), objective.select(running)

    def show(iteration: int) -> None:
        images, _, _ = whole.variables.split(result["x"])
        observe(iteration, images.clone(), result["loss"].clone())

    for iteration in range(done, iterations, ITERATIONS_PER_STEP):
        result["stage"].clamp_(min=attacker.stages * iteration // iterations)
        objective = objective.at_stage(result["stage"][running])
        if len(running):
            result["loss"][running] = optimiser.step(objective)
        show(iteration)
        enough = stopping.look(iteration, running, result)
        for name in _REPORTED:
            result[name][running] = getattr(optimiser, name)
        finished = _finished(optimiser, objective)
        # Before its last stage an attack is not at its end: the next one moves it again.
        last = objective.stage == attacker.stages - 1
        result["outcome"][running[last & enough & ~finished]] = Outcome.STOPPED
        result["stage"][running] += ~last & (enough | (finished & stopping.active))
        moving = ~(last & (enough | finished))
        if not moving.all():
            running, optimiser = running[moving], optimiser.select(moving)
            objective = objective.select(moving)
        done = iteration + ITERATIONS_PER_STEP
        checkpoint.save(AttackState(done, running, result, optimiser.state).tensors())
    counted = result["evaluations"].clone()
    if len(running):
        objective = objective.at_stage(result["stage"][running])
        result["loss"][running], _ = objective(optimiser.x, optimiser.evaluations)
        result["evaluations"][running] += 1
    stopping.look(iterations, running, result)
    status = _statuses(whole, result, running)
    stopping.keep_best(result)
    show(iterations)
    match = result["loss"]
    if whole.has_priors:
        match, _ = whole.match(result["x"], counted)
    images, masks, logits = whole.variables.split(result["x"])
    return Reconstruction(
        images=images,
        labels=logits.argmax(2) if whole.labels is None else whole.labels,
        loss=result["loss"],
        match=match,
        status=status,
        iterations=result["iterations"],
        evaluations=result["evaluations"],
        masks=_inferred_masks(whole, masks),
        claims=None if whole.masks is None else whole.masks.claims,
        restart=torch.zeros_like(result["iterations"]),
    )


def objective_for(
    update: Update,
    attacker: Attacker,
    keys: Tensor,
    oracle_masks: Masks | None = None,
    separated: Constant | None = None,
) -> GradientMatching:
    """The attacker's objective; for the arguments see `reconstruct`.

    Raises:
        ValueError: the attacker's settings contradict each other, or the given masks.
    """
    if attacker.needs_oracle != (oracle_masks is not None):
        raise ValueError("attackers with masks: known, and no others, are given the clients' masks")
    if attacker.masks == "resample" and attacker.line_search != "none":
        raise ValueError("a line search needs a loss that stays the same: not masks: resample")
    if attacker.adapts and update.defence is not None:
        attacker = update.defence.adapt(attacker, update)
    masks: MaskSource | None
    if oracle_masks is not None:
        masks = Constant(oracle_masks)
    elif separated is not None:
        masks = separated
    elif attacker.masks == "optimise" and update.rate > 0:
        masks = None
    else:
        # Without dropout there is no mask to find (the same in DIA's code).
        masks = SOURCES["ignore" if attacker.masks == "optimise" else attacker.masks](update, keys)
    labels = None
    if attacker.labels == "infer":
        # Masks of single images have an order, which labels that come with them share.
        own = masks.labels if isinstance(masks, Constant) else None
        labels = infer_labels(update, keys) if own is None else own
    backend = choose(update.network, attacker, update.like, update.defence)
    return backend.objective(update, attacker, labels, masks)


def start_row(objective: GradientMatching, keys: Tensor) -> Tensor:
    """The optimiser's start, [B, N]; labels from standard normal logits (Zhu et al. 2019)."""
    update, variables = objective.update, objective.variables
    masks = start_masks(update, keys) if variables.masks else []
    draws = rng.normal(rng.derive(keys, rng.Stream.LABELS).cpu(), variables.classes)
    images = start_images(update, keys, objective.attacker.start)
    return variables.join(images, masks, draws.to(update.like))


def optimiser_for(objective: GradientMatching, start: Tensor, iterations: int) -> Optimiser:
    """The attacker's optimiser.

    Args:
        objective: to minimise.
        start: [B, N].
        iterations: the total budget.
    """
    attacker, variables = objective.attacker, objective.variables
    if attacker.optimiser == "lbfgs":
        update = objective.update
        lbfgs = choose(update.network, attacker, start, update.defence).lbfgs
        line_search = attacker.line_search == "strong-wolfe"
        return lbfgs(start, attacker.learning_rate, ITERATIONS_PER_STEP, line_search=line_search)

    def project(x: Tensor) -> None:
        images, masks, _ = variables.split(x)
        for part in (*([images] if attacker.clip else ()), *masks):
            part.clamp_(0, 1)

    return Adam(
        start,
        attacker.learning_rate,
        iterations,
        ITERATIONS_PER_STEP,
        attacker.schedule,
        signed=variables.pixels if attacker.optimiser == "signed-adam" else 0,
        project=project,
    )


def _inferred_masks(objective: GradientMatching, optimised: list[Tensor]) -> Masks | None:
    if objective.masks is None:
        return tuple(mask >= 0.5 for mask in optimised)
    if objective.masks.claims is None:
        return None
    return tuple(mask > 0 for mask in objective.masks.masks)


_REPORTED = ("x", "loss", "outcome", "iterations", "evaluations")


def _finished(optimiser: Optimiser, objective: GradientMatching) -> Tensor:
    """Whether no further step would change an attack: bool [B].

    An idle attack may move again under a fresh mask, but not from an exploded image, which has
    saturated every sigmoid.
    """
    images, _, _ = objective.variables.split(optimiser.x)
    stuck = optimiser.idle & (exploded(images) | objective.deterministic)
    return stuck | (optimiser.outcome == Outcome.NOT_FINITE)


def _statuses(
    objective: GradientMatching, result: dict[str, Tensor], running: Tensor
) -> tuple[Status, ...]:
    """How each attack ended, from its last iterate."""
    images, _, _ = objective.variables.split(result["x"])
    outcome = result["outcome"]
    statuses = list(Status)
    code = torch.full_like(outcome, statuses.index(Status.CONVERGED))
    code[running] = torch.where(
        outcome[running] == Outcome.ITERATION_LIMIT,
        statuses.index(Status.EXHAUSTED),
        statuses.index(Status.STALLED),
    )
    code[outcome == Outcome.STOPPED] = statuses.index(Status.STOPPED)
    overflowed = (outcome == Outcome.NOT_FINITE) | ~result["loss"].isfinite()
    code[overflowed | exploded(images)] = statuses.index(Status.DIVERGED)
    code[vanished(objective.update, objective.attacker)] = statuses.index(Status.VANISHED)
    return tuple(statuses[index] for index in code.tolist())

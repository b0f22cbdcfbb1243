"""Attacks from several starts; the start whose gradients match best is kept."""

from dataclasses import replace

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.masks import Masks, separate
from dropleak.engine.attack.reconstruct import Observer, reconstruct
from dropleak.engine.attack.reconstruction import Reconstruction
from dropleak.engine.attack.state import CheckpointHook
from dropleak.engine.client.update import Update


def reconstruct_best(
    update: Update,
    attacker: Attacker,
    keys: Tensor,
    iterations: int,
    observe: Observer,
    oracle_masks: Masks | None = None,
    checkpoint: CheckpointHook = CheckpointHook(),  # noqa: B008 it has no state
) -> Reconstruction:
    """`reconstruct` with the attacker's restarts and the same arguments.

    Restarts run side by side, and the truth plays no part in the choice between them. The observer
    sees all R of them: images [R, B, n, C, H, W] and loss [R, B].

    Returns:
        the best reconstruction of each client, with iterations and evaluations of all its restarts.
    """
    starts, clients = attacker.restarts, len(update)

    def by_start(values: Tensor) -> Tensor:
        """[R * B, ...] to [R, B, ...]."""
        return values.unflatten(0, (starts, clients))

    def observe_starts(iteration: int, images: Tensor, loss: Tensor) -> None:
        observe(iteration, by_start(images), by_start(loss))

    client = torch.arange(starts * clients, device=keys.device) % clients
    separated = separate(update, keys).select(client) if attacker.masks == "separate" else None
    others = (rng.derive(keys, rng.Stream.RESTART + number) for number in range(1, starts))
    reconstructions = reconstruct(
        update.select(client),
        attacker,
        torch.cat([keys, *others]),
        iterations,
        observe_starts,
        oracle_masks and tuple(mask[client] for mask in oracle_masks),
        checkpoint,
        separated,
    )
    best = by_start(reconstructions.match.nan_to_num(nan=torch.inf)).argmin(0)
    return replace(
        reconstructions.select(best * clients + client[:clients]),
        iterations=by_start(reconstructions.iterations).sum(0),
        evaluations=by_start(reconstructions.evaluations).sum(0),
        restart=best,
    )

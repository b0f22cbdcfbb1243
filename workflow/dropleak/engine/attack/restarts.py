"""Attacks from several starts, of which the one whose gradients match best is kept."""

from dataclasses import replace

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.masks import Masks
from dropleak.engine.attack.reconstruct import Observer, Reconstruction, reconstruct
from dropleak.engine.attack.state import Keeper
from dropleak.engine.client.update import Update, rows_of


def reconstruct_best(
    update: Update,
    attacker: Attacker,
    keys: Tensor,
    iterations: int,
    observe: Observer,
    entitlement: Masks | None = None,
    keeper: Keeper = Keeper(),  # noqa: B008 it has no state
) -> tuple[Reconstruction, Tensor]:
    """`reconstruct` with the attacker's restarts; arguments as there.

    Restarts run side by side, and the truth has no part in the choice between them. The observer
    sees them all: every client from the first start, then every client from the second, and so on.

    Returns:
        the best reconstruction of each client, with iterations and evaluations of all its restarts;
        and which restart that is, int64 [B].
    """
    clients, restarts = len(update), attacker.restarts
    again = torch.arange(clients, device=keys.device).repeat(restarts)
    others = (rng.derive(keys, rng.Stream.RESTART + number) for number in range(1, restarts))
    if entitlement is not None:
        entitlement = tuple(rows_of(mask, again, update.images) for mask in entitlement)
    everything = reconstruct(
        update.select(again),
        attacker,
        torch.cat([keys, *others]),
        iterations,
        observe,
        entitlement,
        keeper,
    )
    match = everything.match.nan_to_num(nan=torch.inf).reshape(restarts, clients)
    best = match.argmin(0)
    chosen = _select(everything, best * clients + again[:clients], update.images)
    totals = {
        name: getattr(everything, name).reshape(restarts, clients).sum(0)
        for name in ("iterations", "evaluations")
    }
    return replace(chosen, **totals), best


def _select(result: Reconstruction, rows: Tensor, images: int) -> Reconstruction:
    """The reconstructions of the clients at `rows` (int64 [K])."""
    places = rows.tolist()
    return Reconstruction(
        rows_of(result.images, rows, images),
        rows_of(result.labels, rows, images),
        result.loss[rows],
        result.match[rows],
        [result.status[place] for place in places],
        result.iterations[rows],
        result.evaluations[rows],
        None
        if result.masks is None
        else tuple(rows_of(mask, rows, images) for mask in result.masks),
        None if result.claims is None else tuple(result.claims[place] for place in places),
    )

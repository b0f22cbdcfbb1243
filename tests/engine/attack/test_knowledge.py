"""Attack code cannot reach anything that it is not given."""

import gc
from types import ModuleType

import pytest
import torch
from problems import clients

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row


def reachable(*roots):
    """Every object that can be reached from some, through attributes, items and closures."""
    seen, left = {}, list(roots)
    while left:
        item = left.pop()
        if id(item) in seen or isinstance(item, ModuleType | type):
            continue
        seen[id(item)] = item
        # A function's globals lead to everything that is imported, which is nobody's secret.
        left += item.__closure__ or () if hasattr(item, "__code__") else gc.get_referents(item)
    return list(seen.values())


def tensors(*roots):
    """Every reachable tensor with all of its memory, including what a view does not show."""
    found = [item for item in reachable(*roots) if isinstance(item, torch.Tensor)]
    return [
        torch.empty(0, dtype=item.dtype).set_(item.untyped_storage()).double().flatten()
        for item in found
    ]


def holds(memory, secret):
    """Whether memory contains these numbers in sequence."""
    secret = secret.double().flatten()
    if len(memory) < len(secret):
        return False
    places = (memory[: len(memory) - len(secret) + 1] == secret[0]).nonzero().flatten()
    return any(torch.equal(memory[p : p + len(secret)], secret) for p in places.tolist())


@pytest.mark.parametrize("masks", ["resample", "ignore", "fixed", "optimise"])
def test_neither_images_nor_masks_can_be_reached(digits, masks):
    update, private, keys = clients(digits, [4, 17], 0.5)
    attacker = Attacker(masks=masks, optimiser="adam")
    objective = objective_for(update, attacker, keys)
    everything = tensors(update, attacker, keys, objective, start_row(objective, keys))
    assert len(everything) > 8
    secrets = [*private.images, *private.masks[0], *(private.masks[0] > 0)]
    for secret in secrets:
        assert not any(holds(memory, secret) for memory in everything)
    assert any(holds(memory, update.gradients["conv1.bias"][0]) for memory in everything)


def test_a_clients_draws_do_not_follow_from_an_attackers_keys(digits):
    """SplitMix64 runs backwards, so keys derived from a client's would reveal it."""

    def unmix(z):
        def unshift(z, bits):
            found = z
            for _ in range(64 // bits):
                found = z ^ (found >> bits)
            return found

        z = unshift(z, 31) * pow(0x94D049BB133111EB, -1, 2**64) % 2**64
        z = unshift(z, 27) * pow(0xBF58476D1CE4E5B9, -1, 2**64) % 2**64
        return unshift(z, 30)

    gamma = 0x9E3779B97F4A7C15

    def parent(key, word):
        return (unmix((unmix(key % 2**64) - (word + 1) * gamma) % 2**64) - gamma) % 2**64

    keys = rng.image_keys(0, torch.tensor([4, 17]))
    child = rng.derive(keys, 3)
    assert [parent(k, 3) for k in child.tolist()] == [k % 2**64 for k in keys.tolist()]
    for key in rng.attacker_keys(keys).tolist():
        for word in range(64):
            assert parent(key, word) not in [k % 2**64 for k in keys.tolist()]


def test_a_line_search_cannot_follow_fresh_masks(digits):
    update, _, keys = clients(digits, [4], 0.5)
    with pytest.raises(ValueError, match="resample"):
        objective_for(update, Attacker(line_search="strong-wolfe"), keys)


def test_only_attackers_that_need_them_are_given_the_masks(digits):
    update, private, keys = clients(digits, [4], 0.5)
    run = {"iterations": 20, "observe": lambda *progress: None}
    for attacker, masks in ((Attacker(), private.masks), (Attacker(masks="known"), None)):
        with pytest.raises(ValueError, match="known"):
            reconstruct(update, attacker, keys, oracle_masks=masks, **run)
    reconstruct(update, Attacker(masks="known"), keys, oracle_masks=private.oracle_masks(), **run)

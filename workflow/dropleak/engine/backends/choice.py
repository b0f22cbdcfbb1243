"""Which code runs an attack: C where that knows all that the attack needs, torch otherwise.

Attacks on torch modules are differentiated automatically.
"""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.lbfgs import LBFGS
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.backends import compiled
from dropleak.engine.backends.autograd.matching import AutogradMatching
from dropleak.engine.backends.compiled.lbfgs import CompiledLBFGS
from dropleak.engine.backends.compiled.matching import COMPILED_DISTANCES, CompiledMatching
from dropleak.engine.backends.compiled.structures import COMPILED_LAYERS
from dropleak.engine.backends.passes import has_passes
from dropleak.engine.defences.defence import Defence
from dropleak.engine.models.model import Model
from dropleak.engine.models.network import Network


class Backend(NamedTuple):
    """Code for an attack. A state of an attack can only be used by the backend that made it."""

    name: str
    objective: type[GradientMatching]
    lbfgs: type[LBFGS]
    """For attackers with `optimiser: lbfgs`; Adam is the same everywhere."""
    reason: str | None
    """Why it is not the fastest that a machine like this could have, if it is not."""

    def __str__(self) -> str:
        if self.objective is AutogradMatching:
            return f"the attack runs in {self.name}: {self.reason}"
        slower = f", which is slower than C: {self.reason}" if self.reason else ""
        return f"the attack runs in {self.name}{slower}"


def choose(
    network: Model, attacker: Attacker, like: Tensor, defence: Defence | None = None
) -> Backend:
    """The fastest backend that can do it.

    Args:
        network: that is attacked.
        attacker: its settings.
        like: a tensor with the device and dtype of the attack.
        defence: of the clients.
    """
    if not has_passes(network):
        reason = "the network is a torch module, whose derivatives are not written out"
        return Backend("autograd", AutogradMatching, LBFGS, reason)
    if like.device.type != "cpu":
        return Backend("torch", GradientMatching, LBFGS, None)
    missing = [*_missing(network, attacker, defence)]
    if not missing and compiled.find(like) is None:
        missing = ["C cannot be compiled here"]
    if missing:
        return Backend("torch", GradientMatching, LBFGS, "; ".join(missing))
    return Backend("C", CompiledMatching, CompiledLBFGS, None)


def _missing(network: Network, attacker: Attacker, defence: Defence | None) -> Iterator[str]:
    """What of an attack's objective has no C."""
    kinds = {type(layer).__name__ for layer in network.layers if type(layer) not in COMPILED_LAYERS}
    yield from (f"layer {kind} is not compiled" for kind in sorted(kinds))
    if attacker.distance not in COMPILED_DISTANCES:
        yield f"distance {attacker.distance} is not compiled"
    if attacker.adapts and defence and defence.is_expected:
        yield f"what {type(defence).__name__} would share is not compiled"

"""Counter-based random numbers that depend only on a key.

A problem's weights, start point and dropout masks must not depend on the batch it runs in, the
dropout rate, the attacker or the device (paired design). torch's generators are sequential and
differ between CPU and CUDA, so the bits come from SplitMix64 (Steele, Lea and Flood, "Fast
splittable pseudorandom number generators", OOPSLA 2014), written in wrapping int64 arithmetic that
is exact on every device.

Keys are int64 tensors of any shape, [...]: one key per client is [B], one per image [B, n].
"""

import math
from enum import IntEnum
from hashlib import sha256

import torch
from torch import Tensor


class Stream(IntEnum):
    """Uses of a problem's random streams."""

    WEIGHTS = 1
    CLIENT_MASK = 2
    START = 3
    FIXED_MASK = 4
    RESAMPLED_MASK = 5
    OPTIMISED_MASK = 6
    LABELS = 7
    RESTART = 8
    DEFENCE = 9


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


_GAMMA = _signed(0x9E3779B97F4A7C15)
_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)


def _shift_right(z: Tensor, bits: int) -> Tensor:
    """Logical shift; torch's is arithmetic on int64."""
    return (z >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _mix(z: Tensor) -> Tensor:
    z = _shift_right(z, 30).bitwise_xor_(z).mul_(_MIX_1)
    z = _shift_right(z, 27).bitwise_xor_(z).mul_(_MIX_2)
    return _shift_right(z, 31).bitwise_xor_(z)


def bits(keys: Tensor, count: int) -> Tensor:
    """The first `count` outputs of SplitMix64 from each key: int64 [..., count]."""
    counter = torch.arange(1, count + 1, dtype=torch.int64, device=keys.device)
    return _mix(keys[..., None] + counter * _GAMMA)


def derive(keys: Tensor, word: Tensor | int) -> Tensor:
    """Child keys for a word: one for all keys, or an int64 tensor that broadcasts with them."""
    step: Tensor | int
    if isinstance(word, Tensor):
        step = (word.to(keys.device) + 1) * _GAMMA
    else:  # not as a tensor: to copy it to a GPU would make the host wait
        step = _signed((word + 1) * _GAMMA % (1 << 64))
    return _mix(_mix(keys + _GAMMA) + step)


def image_keys(seed: int, images: Tensor) -> Tensor:
    """One key for each (seed, image index), from int64 indices of any shape."""
    root = _mix(torch.full_like(images, seed) + _GAMMA)
    return derive(root, images)


def attacker_keys(keys: Tensor) -> Tensor:
    """The attackers' keys, from the clients' keys on the CPU, about which they reveal nothing.

    SplitMix64 can be run backwards, so a client's draws must not be derived from a key whose
    descendants an attacker sees. SHA-256 cannot be inverted.
    """

    def hashed(key: int) -> int:
        digest = sha256(key.to_bytes(8, "little", signed=True)).digest()
        return int.from_bytes(digest[:8], "little", signed=True)

    return keys.clone().apply_(hashed)


def _53_bits(keys: Tensor, count: int) -> Tensor:
    return _shift_right(bits(keys, count), 11)


def uniform(keys: Tensor, count: int) -> Tensor:
    """Uniform draws in [0, 1) with 53 bits: float64 [..., count]."""
    return _53_bits(keys, count).double() * 2.0**-53


def at_least(keys: Tensor, count: int, bound: float) -> Tensor:
    """`uniform(keys, count) >= bound`, bool, in integer arithmetic."""
    return _53_bits(keys, count) >= math.ceil(bound * 2**53)


def normal(keys: Tensor, count: int) -> Tensor:
    """Standard normal draws by inverting the distribution: float64 [..., count]."""
    return torch.special.ndtri(uniform(keys, count) + 2.0**-54)

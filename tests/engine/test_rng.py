import numpy as np
import torch
from scipy.stats import kstest

from dropleak.engine import rng


def splitmix64(seed: int, count: int) -> list[int]:
    """Steele, Lea and Flood's generator in plain integers."""
    mask, outputs = 2**64 - 1, []
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        outputs.append(z ^ (z >> 31))
    return outputs


def test_bits_are_those_of_splitmix64():
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    drawn = rng.bits(torch.tensor([1234567, -1]), 50).numpy().view(np.uint64)
    assert drawn[0, :3].tolist() == published
    assert drawn[0].tolist() == splitmix64(1234567, 50)
    assert drawn[1].tolist() == splitmix64(2**64 - 1, 50)


def test_a_word_gives_the_same_keys_as_a_number_and_as_a_tensor():
    keys = torch.tensor([5, -(2**63), 2**63 - 1])
    for word in (0, 3, rng.Stream.DEFENCE, 2**40, 2**63 - 1, -2):
        assert torch.equal(rng.derive(keys, word), rng.derive(keys, torch.tensor(word)))


def test_draws_follow_their_distributions():
    keys = rng.image_keys(0, torch.arange(20))
    assert kstest(rng.uniform(keys, 5000).flatten(), "uniform").pvalue > 0.01
    assert kstest(rng.normal(keys, 5000).flatten(), "norm").pvalue > 0.01


def test_streams_of_images_seeds_and_uses_are_unrelated():
    images = torch.arange(50)
    keys = torch.cat([rng.image_keys(seed, images) for seed in (0, 1, 2)])
    streams = torch.cat([keys, *(rng.derive(keys, stream) for stream in rng.Stream)])
    draws = rng.uniform(streams, 200)
    assert len(streams.unique()) == len(streams)
    correlation = torch.corrcoef(draws) - torch.eye(len(draws))
    assert correlation.abs().max() < 0.45  # 6.4 standard errors, among 550,000 pairs


def test_a_key_does_not_depend_on_its_batch():
    together = rng.image_keys(7, torch.tensor([5, 3, 9]))
    alone = rng.image_keys(7, torch.tensor([3]))
    assert together[1] == alone[0]


def test_comparing_integers_is_comparing_draws():
    keys = rng.image_keys(0, torch.arange(20))
    for bound in (0.0, 0.3, 0.5, 2**-53, 1 - 2**-53, float(rng.uniform(keys, 1)[7])):
        assert torch.equal(rng.at_least(keys, 500, bound), rng.uniform(keys, 500) >= bound)

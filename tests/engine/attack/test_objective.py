from dataclasses import replace

import pytest
import torch
from problems import COMPILER, assert_close_to_autograd, by_autograd, clients

from dropleak.engine.attack import masks
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.masks import Constant
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.reconstruct import objective_for, start_row
from dropleak.engine.backends.compiled.matching import CompiledMatching
from dropleak.engine.client.update import Update
from dropleak.engine.models.layers import Conv, Dropout, Flatten, Linear, Sigmoid
from dropleak.engine.models.network import Network
from dropleak.engine.models.zoo import lenet, relu_convnet
from dropleak.engine.rng import image_keys

MATCHINGS = pytest.mark.parametrize(
    "matching", [GradientMatching, pytest.param(CompiledMatching, marks=COMPILER)]
)

ATTACKERS = {
    "resample": Attacker(),
    "fixed": Attacker(masks="fixed"),
    "ignore": Attacker(masks="ignore"),
    "read": Attacker(masks="read"),
    "cosine": Attacker(masks="fixed", distance="cosine"),
    "masks": Attacker(masks="optimise", optimiser="adam"),
    "labels": Attacker(masks="fixed", labels="optimise"),
    "normalised": Attacker(masks="fixed", normalise=True),
    "normalised-cosine": Attacker(masks="fixed", distance="cosine", normalise=True),
    "everything": Attacker(
        masks="optimise", labels="optimise", distance="cosine", optimiser="adam"
    ),
}


@MATCHINGS
@pytest.mark.parametrize("attacker", ATTACKERS.values(), ids=ATTACKERS)
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize(
    "network",
    [lenet((1, 32, 32), 10), lenet((1, 32, 32), 10, "both"), relu_convnet((1, 32, 32), 10)],
    ids=["lenet", "two-sites", "relu"],
)
def test_value_and_gradient_are_those_of_autograd(digits, matching, attacker, images, network):
    indices = list(range(2 * images))
    update, _, keys = clients(digits, indices, 0.3, network=network, images=images)
    objective = objective_for(update, attacker, keys)
    objective = matching(update, attacker, objective.labels, objective.masks)
    assert_close_to_autograd(objective, keys, 1e-11)


@MATCHINGS
def test_priors_are_added_with_their_weights(digits, matching):
    update, _, keys = clients(digits, [0, 5, 9, 2], 0.3, images=2)
    attacker = Attacker(
        masks="optimise", optimiser="adam", total_variation=0.3, mask_regulariser=0.7
    )
    plain = objective_for(update, attacker, keys)
    objective = matching(update, attacker, plain.labels, None)
    x = start_row(objective, keys)
    count = torch.zeros(2, dtype=torch.int64)
    value, gradient = objective(x, count)
    distance, slope = objective.match(x, count)
    x.requires_grad_()
    images, (mask,), _ = objective.variables.split(x)
    rows = (images[..., 1:, :] - images[..., :-1, :]).abs().mean((1, 2, 3, 4))
    columns = (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3, 4))
    dropped = (1 - mask).mean((1, 2))
    extra = 0.3 * (rows + columns) + 0.7 * (dropped - 0.3).abs()
    (expected,) = torch.autograd.grad(extra.sum(), x)
    torch.testing.assert_close(value, distance + extra.detach())
    torch.testing.assert_close(gradient, slope + expected)


@MATCHINGS
def test_features_of_separated_images_are_matched(digits, matching):
    """In the order of their labels, and not those of an update that was not separated."""
    update, private, keys = clients(digits, [0, 5, 9, 2], 0.3, images=2)
    source = masks.separate(update, keys)
    source.features[1] = torch.nan
    attacker = Attacker(masks="separate", features=3.0)
    objective, plain = (
        matching(update, settings, source.labels, source)
        for settings in (attacker, replace(attacker, features=0.0))
    )
    x, counts = start_row(objective, keys), torch.zeros(2, dtype=torch.int64)
    value, gradient = objective(x, counts)
    distance, slope = plain(x, counts)
    x.requires_grad_()
    images = objective.variables.split(x)[0][0]
    encoder = replace(update.network, layers=update.network.layers[:-1])
    own = {name: p[0] for name, p in update.parameters.items()}
    order = private.labels[0].argsort()
    inputs = [
        encoder.forward(own, batch, [private.masks[0][0, order]])
        for batch in (images, private.images[0, order])
    ]
    expected = 3.0 * (inputs[0] - inputs[1]).square().mean()
    (by_image,) = torch.autograd.grad(expected, x)
    torch.testing.assert_close(value[0] - distance[0], expected.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient - slope, by_image, rtol=1e-5, atol=1e-8)
    assert value[1] == distance[1]


SHAPES = [(3, 32, 32), (1, 28, 28), (2, 17, 11)]


def wild_clients(network):
    """Two clients of a network with random images and multipliers, in float64."""
    torch.manual_seed(0)
    keys, labels = image_keys(0, torch.arange(2)), torch.tensor([[6], [2]])
    parameters = network.initial_parameters(keys)
    images = torch.rand(2, 1, *network.input_shape, dtype=torch.float64)
    masks = [torch.rand(2, 1, *site, dtype=torch.float64) for site in network.dropout_shapes()]
    return parameters, labels, images, masks


OTHER_LAYERS = Network(
    (3, 13, 10),
    (
        Conv("a", 5, kernel=3, stride=3, padding=0),
        Sigmoid(),
        Dropout(),
        Conv("b", 17, kernel=4, stride=1, padding=3),
        Sigmoid(),
        Flatten(),
        Linear("classifier", 7),
    ),
)


@MATCHINGS
@pytest.mark.parametrize("network", [*(lenet(shape, 7) for shape in SHAPES), OTHER_LAYERS])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_size_and_layer(matching, network, dtype):
    parameters, labels, images, masks = wild_clients(network)
    gradients = {name: torch.rand_like(p) for name, p in parameters.items()}
    x, counts = images.flatten(1), torch.zeros(2, dtype=torch.int64)

    def objective(dtype):
        update = Update(
            network,
            0.5,
            {name: p.to(dtype) for name, p in parameters.items()},
            {name: g.to(dtype) for name, g in gradients.items()},
        )
        source = Constant(tuple(mask.to(dtype) for mask in masks))
        return matching(update, Attacker(masks="fixed"), labels, source)

    expected = by_autograd(objective(torch.float64), x, masks)
    value, gradient = objective(dtype)(x.to(dtype), counts)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(value.double(), expected[0], rtol=tolerance, atol=0)
    scale = expected[1].abs().max().item()
    torch.testing.assert_close(
        gradient.double() / scale, expected[1] / scale, rtol=0, atol=tolerance
    )


@MATCHINGS
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_objective_is_zero_at_the_images_under_their_own_masks(digits, matching, distance):
    update, private, _ = clients(digits, [0, 5, 1, 2], 0.4, images=2)
    source = Constant(private.masks)
    objective = matching(update, Attacker(distance=distance), private.labels, source)
    value, gradient = objective(private.images.flatten(1), torch.zeros(2, dtype=torch.int64))
    assert value.abs().max() < 1e-14
    assert gradient.abs().max() < 1e-12


@MATCHINGS
def test_weights_that_all_clients_share_are_held_once(digits, matching):
    update, _, keys = clients(digits, [0, 5, 9], 0.3)
    first = {name: p[:1] for name, p in update.parameters.items()}
    every = {name: p.expand(3, *p.shape[1:]).contiguous() for name, p in first.items()}
    source, labels = masks.fixed(update, keys), torch.tensor([[7], [2], [1]])
    once, thrice = (
        matching(replace(update, parameters=p), Attacker(masks="fixed"), labels, source)
        for p in (first, every)
    )
    x, counts = start_row(once, keys), torch.zeros(3, dtype=torch.int64)
    for found, expected in zip(once(x, counts), thrice(x, counts), strict=True):
        assert torch.equal(found, expected)
    some = torch.tensor([2, 0])
    for found, expected in zip(
        once.select(some)(x[some], counts[some]), thrice(x, counts), strict=True
    ):
        torch.testing.assert_close(found, expected[some])
    assert all(len(p) == 1 for p in once.select(some).update.parameters.values())

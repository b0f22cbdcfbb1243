"""What clients share under each defence."""

import numpy as np
import pytest
import torch
from modules import lenet as lenet_module
from problems import clients
from protection import EXAMPLES
from torch.func import grad, jacrev, vmap
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.client.findings import ClientFindings
from dropleak.engine.client.update import compute_update
from dropleak.engine.defences import label, make
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet

KEYS = torch.tensor([3, 4])


class Given:
    """Findings of which only the mean gradients are known."""

    def __init__(self, **gradients):
        self._gradients = gradients

    def gradients(self):
        return self._gradients


def shared(digits, defence, rate=0.3, images=1, network=None, dtype=torch.float64):
    """Updates of two clients without and with a defence, and what is private."""
    indices = list(range(2 * images))
    update, private, _ = clients(digits, indices, rate, images=images, network=network)
    own = rng.image_keys(0, torch.tensor(indices).unflatten(0, (2, images)))
    given = private.images, private.labels, own, rate, torch.empty(0, dtype=dtype)
    plain, _ = compute_update(update.network, *given)
    defended, _ = compute_update(update.network, *given, defence=make(defence))
    return plain, defended, private


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "defence",
    [
        {"gaussian-noise": {"standard_deviation": 0}},
        {"pruning": {"share": 0}},
        {"quantisation": {"bits": 32}},
        {"soteria": {"share": 0}},
    ],
)
def test_at_its_weakest_a_defence_changes_nothing(digits, defence, dtype):
    plain, defended, _ = shared(digits, defence, dtype=dtype)
    for name, gradient in plain.gradients.items():
        assert torch.equal(defended.gradients[name], gradient)
        assert gradient.dtype == dtype


@pytest.mark.parametrize("defence", EXAMPLES.values(), ids=EXAMPLES)
def test_what_is_shared_depends_on_the_image_and_its_key_alone(digits, defence):
    network = lenet((1, 32, 32), 10)
    images = torch.rand(2, 1, 1, 32, 32, dtype=torch.float64)
    given = images, torch.tensor([[1], [2]]), rng.image_keys(0, torch.arange(2)[:, None])
    both, _ = compute_update(network, *given, 0.3, defence=make(defence))
    second, _ = compute_update(network, *(part[1:] for part in given), 0.3, defence=make(defence))
    for name, gradient in second.gradients.items():
        torch.testing.assert_close(gradient[0], both.gradients[name][1])


def test_noise_has_its_deviation_and_no_correlation_between_clients_and_parameters(digits):
    plain, noisy, _ = shared(digits, {"gaussian-noise": {"standard_deviation": 0.25}})
    noise = {name: noisy.gradients[name] - g for name, g in plain.gradients.items()}
    every = torch.cat([part.flatten(1) for part in noise.values()], 1)
    assert every.std().item() == pytest.approx(0.25, rel=0.02)
    assert every.mean().abs() < 0.01
    one, two = noise["conv2.weight"].flatten(1), noise["conv3.weight"].flatten(1)
    correlations = torch.corrcoef(torch.cat([one, two]))
    assert (correlations - torch.eye(4)).abs().max() < 0.1


def test_pruning_keeps_the_largest_entries_of_each_parameter(digits):
    plain, pruned, _ = shared(digits, {"pruning": {"share": 0.9}}, rate=0.0)
    for name, gradient in plain.gradients.items():
        for own, kept in zip(gradient.flatten(1), pruned.gradients[name].flatten(1), strict=True):
            magnitudes = own.abs().sort().values
            zeros = round(0.9 * len(own))
            assert (kept == 0).sum() == zeros
            assert torch.equal(kept, torch.where(own.abs() >= magnitudes[zeros], own, 0))


@pytest.mark.parametrize("network", ["layers", "module"])
@pytest.mark.parametrize("images", [1, 3])
def test_dp_sgd_clips_the_gradient_of_each_image(digits, network, images):
    made = lenet((1, 32, 32), 10)
    if network == "module":
        made = ModuleNetwork(lenet_module().double(), (1, 32, 32), 10)
    defence = {"dp-sgd": {"norm": 0.5, "multiplier": 0}}
    plain, clipped, private = shared(digits, defence, images=images, network=made)

    def loss(parameters, image, label, masks):
        return F.cross_entropy(made.forward(parameters, image, masks), label)

    for client in range(2):
        own = {name: p[client % len(p)] for name, p in plain.parameters.items()}
        masks = [mask[client] for mask in private.masks]
        each = vmap(grad(loss), (None, 0, 0, 0))(
            own, private.images[client], private.labels[client], masks
        )
        norms = sum(g.flatten(1).square().sum(1) for g in each.values()).sqrt()
        assert (norms > 0.5).any()
        factors = (0.5 / norms).clamp(max=1)
        for name, gradient in each.items():
            expected = torch.stack([f * g for f, g in zip(factors, gradient, strict=True)]).mean(0)
            torch.testing.assert_close(clipped.gradients[name][client], expected)


def test_the_noise_of_dp_sgd_is_on_the_sum_of_the_images_gradients(digits):
    def of(multiplier):
        defence = {"dp-sgd": {"norm": 2, "multiplier": multiplier}}
        return shared(digits, defence, images=4)[1].gradients

    clipped, noisy = of(0), of(0.8)
    noise = torch.cat([(noisy[name] - g).flatten() for name, g in clipped.items()])
    assert noise.std().item() == pytest.approx(0.8 * 2 / 4, rel=0.02)


def test_the_sign_keeps_labels(digits):
    plain, signs, private = shared(digits, {"sign": {}}, rate=0.5)
    for name, gradient in plain.gradients.items():
        assert torch.equal(signs.gradients[name], torch.from_numpy(np.sign(gradient.numpy())))
    assert torch.equal(infer_labels(signs, KEYS[:, None]), private.labels)


def test_quantisation_is_unbiased_and_has_its_levels():
    gradient = torch.tensor([[[0.7, -1.0, 0.0, 0.01, -0.4]]] * 2000, dtype=torch.float64)
    keys = rng.image_keys(0, torch.arange(2000))
    rounded = make({"quantisation": {"bits": 3}}).defend(Given(a=gradient), keys)["a"]
    levels = rounded * 3
    torch.testing.assert_close(levels, levels.round())
    assert rounded.abs().max() <= 1
    assert ((rounded - gradient).abs() < 1 / 3).all()
    torch.testing.assert_close(rounded.mean(0), gradient[0], rtol=0, atol=0.02)
    assert (rounded[..., 1:3] == gradient[..., 1:3]).all()


def test_no_draw_takes_a_level_to_the_next_one(monkeypatch):
    """Such as one that is nearer to 1 than to any other number of single precision."""
    highest = torch.tensor([[1 - 2.0**-30] * 3], dtype=torch.float64)
    monkeypatch.setattr(rng, "uniform", lambda keys, count: highest)
    levels = torch.tensor([[0.0, 1.0, -1.0]])
    rounded = make({"quantisation": {"bits": 4}}).defend(Given(a=levels), KEYS[:1])["a"]
    assert torch.equal(rounded, levels)


def test_quantisation_of_nothing_is_nothing():
    nothing = torch.zeros(2, 3)
    rounded = make({"quantisation": {"bits": 4}}).defend(Given(a=nothing), KEYS)["a"]
    assert torch.equal(rounded, nothing)


@pytest.mark.parametrize("images", [1, 2])
def test_soteria_prunes_the_features_that_depend_least_on_the_image_for_their_size(digits, images):
    """By the whole Jacobian of the features."""
    plain, pruned, private = shared(digits, {"soteria": {"share": 0.8}}, images=images)
    network = plain.network
    for client in range(2):
        own = {name: p[client] for name, p in plain.parameters.items()}
        scores = 0
        for image, mask in zip(private.images[client], private.masks[0][client], strict=True):

            def features(image, own=own, mask=mask):
                return network.encoder().forward(own, image, []) * mask

            sensitivity = jacrev(features)(image).flatten(1).norm(dim=1)
            scores += (sensitivity / features(image).abs()).nan_to_num()
        columns = torch.zeros_like(scores)
        columns[scores.argsort(descending=True)[: len(scores) - round(0.8 * len(scores))]] = 1
        expected = plain.gradients["classifier.weight"][client] * columns
        torch.testing.assert_close(pruned.gradients["classifier.weight"][client], expected)
        for name in plain.gradients.keys() - {"classifier.weight"}:
            assert torch.equal(pruned.gradients[name], plain.gradients[name])


def test_a_module_finds_the_same_as_the_same_network_of_layers(digits):
    module = ModuleNetwork(lenet_module().double(), (1, 32, 32), 10, dropout="classifier")
    own = module.initial_parameters(torch.zeros(1, dtype=torch.int64))
    network = lenet((1, 32, 32), 10)
    named = dict(zip(network.parameter_shapes(), own.values(), strict=True))
    torch.manual_seed(0)
    given = (
        torch.rand(2, 3, 1, 32, 32, dtype=torch.float64),
        [torch.rand(2, 3, *network.dropout_shapes()[0]).double()],
        F.one_hot(torch.randint(10, (2, 3)), 10).double(),
    )
    one, two = ClientFindings(module, own, *given), ClientFindings(network, named, *given)
    for found, expected in (
        (one.gradients(), two.gradients()),
        (one.image_gradients(), two.image_gradients()),
    ):
        for ours, theirs in zip(found.values(), expected.values(), strict=True):
            torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(one.representation()[1:], two.representation()[1:])


def test_labels_name_a_defence_with_all_its_settings():
    assert label({}) == "none"
    assert label({"gaussian-noise": {"standard_deviation": 1e-3}}) == "gaussian-noise-0.001"
    assert label({"dp-sgd": {"multiplier": 0.5, "norm": 1.0}}) == "dp-sgd-1-0.5"
    assert label({"soteria": {}}) == label({"soteria": {"share": 0.8}}) == "soteria-0.8"
    assert label({"sign": {}}) == "sign"

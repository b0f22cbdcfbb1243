from dataclasses import replace

import pytest
import torch
from problems import clients
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.attack.separation import EXACT, separate
from dropleak.engine.client.update import compute_update
from dropleak.engine.models.zoo import lenet, relu_convnet

SHAPE = (1, 32, 32)


def updates(images, rate, count=4, dtype=torch.float64, network=None, seed=0):
    """Updates of random images, and what is private, in ascending order of the labels."""
    network = network or lenet(SHAPE, 10)
    random = torch.Generator().manual_seed(seed)
    pixels = torch.rand(count, images, *SHAPE, generator=random)
    classes = network.output_shapes()[-1][0]
    labels = torch.randint(classes, (count, images), generator=random)
    keys = rng.image_keys(seed, torch.arange(count * images).reshape(count, images))
    return compute_update(network, pixels, labels, keys, rate, torch.empty(0, dtype=dtype))


def truth(update, private):
    """Errors, labels and the classifier's inputs of the private images."""
    inputs, errors = [], []
    for client in range(len(update)):
        own = {name: tensor[client].double() for name, tensor in update.parameters.items()}
        images, masks = private.images[client].double(), [m[client].double() for m in private.masks]
        network = update.network
        before = replace(network, layers=network.layers[:-1])
        inputs.append(before.forward(own, images, masks))
        labels = F.one_hot(private.labels[client], len(own["classifier.bias"]))
        errors.append(network.forward(own, images, masks).softmax(1) - labels)
    return torch.stack(errors), private.labels, torch.stack(inputs)


def exact(separation):
    """Of which images an attacker claims to know the exact mask, bool [B, n]."""
    return torch.tensor([[claim == EXACT for claim in claims] for claims in separation.claims])


def check_claims(separation, update, private, rtol=1e-4):
    """All that the attacker claims is true."""
    check(exact(separation).any(1), separation, update, private, rtol)


def check(clients, separation, update, private, rtol=1e-4):
    """Some updates, bool [B], were separated rightly; images of one label may come in any order."""
    errors, labels, inputs = truth(update, private)
    claimed = exact(separation)
    for client in clients.nonzero().flatten().tolist():
        kept = inputs[client] > 0
        same = (separation.features[client, :, None] > 0) == kept
        order = same.double().mean(2).argmax(1)
        assert order.sort().values.tolist() == list(range(len(order)))
        assert same[torch.arange(len(order)), order].all(1)[claimed[client]].all()
        assert torch.equal(separation.labels[client], labels[client].sort().values)
        assert torch.equal(separation.labels[client], labels[client, order])
        for found, true in ((separation.features, inputs), (separation.errors, errors)):
            found, true = found[client].double(), true[client, order]
            assert ((found - true).norm(dim=1) <= rtol * true.norm(dim=1)).all()


def assert_exact(separation, update, private):
    """Every update was separated, and rightly."""
    assert exact(separation).all(), separation.claims
    check_claims(separation, update, private)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("images", [1, 2, 4, 8, 9])
def test_masks_labels_errors_and_features_are_exact(images, rate, dtype):
    update, private = updates(images, rate, dtype=dtype)
    separation = separate(update)
    check(separation.found.all(1), separation, update, private, rtol=1e-3)
    # Where the network is sure of an image its error is lost in rounding.
    errors, _, _ = truth(update, private)
    sure = errors.abs().amax(2).amin(1) < 1e-3
    if dtype == torch.float64:
        assert (exact(separation).all(1) | sure).all()
    elif images < 9:  # with as many as there can be, rounding decides
        assert (separation.found.all(1) | sure).all()


def test_digits_are_separated_also_where_their_labels_are_equal(digits):
    labels = digits["test"]["label"].to_pylist()
    ones = [index for index, label in enumerate(labels) if label == 1][:4]
    update, private, _ = clients(digits, [*ones, 0, 5, 8, 13], 0.3, images=4)
    separation = separate(update)
    assert_exact(separation, update, private)
    assert separation.labels[0].tolist() == [1, 1, 1, 1]


def test_the_same_image_under_two_masks_is_two_images(digits):
    _, same, _ = clients(digits, [4, 4], 0.3, images=2)
    keys, like = rng.image_keys(0, torch.tensor([[4, 5]])), torch.empty(0)
    update, private = compute_update(lenet(SHAPE, 10), same.images, same.labels, keys, 0.3, like)
    assert_exact(separate(update), update, private)


def test_the_rate_need_not_be_known_and_shows_in_the_zeros():
    update, private = updates(4, 0.3)
    separation = separate(replace(update, rate=0.9))
    assert_exact(separation, update, private)
    assert abs((separation.features == 0).double().mean() - 0.3) < 0.02


def test_an_update_is_separated_the_same_in_any_batch():
    update, _ = updates(4, 0.3)
    together, alone = separate(update), separate(update.select(torch.tensor([2])))
    assert torch.equal(together.features[2], alone.features[0])


def test_with_a_hundred_classes_more_images_are_separated():
    update, private = updates(24, 0.3, 1, torch.float32, lenet(SHAPE, 100))
    assert_exact(separate(update), update, private)


@pytest.mark.parametrize("site", ["convolutions", "both"])
def test_where_else_features_are_dropped_does_not_matter(site):
    update, private = updates(4, 0.3, network=lenet(SHAPE, 10, site))
    assert_exact(separate(update), update, private)


def test_a_relu_separates_images_without_any_dropout():
    update, private = updates(4, 0.0, network=relu_convnet(SHAPE, 10))
    assert_exact(separate(update), update, private)


def test_half_precision_is_enough_for_some_and_never_claimed_wrongly():
    update, private = updates(2, 0.3, 4, torch.float32)
    halves = {name: gradient.half() for name, gradient in update.gradients.items()}
    separation = separate(replace(update, gradients=halves))
    assert exact(separation).any()
    check_claims(separation, update, private, rtol=1e-2)


@pytest.mark.parametrize("level", [1e-6, 1e-4, 1e-2])
def test_what_noise_hides_is_not_claimed(level):
    update, private = updates(2, 0.3)
    torch.manual_seed(0)
    noisy = {
        name: gradient + level * gradient.square().mean().sqrt() * torch.randn_like(gradient)
        for name, gradient in update.gradients.items()
    }
    separation = separate(replace(update, gradients=noisy))
    if level == 1e-2:
        assert not exact(separation).any()
    else:
        assert exact(separation).any()
        check_claims(separation, update, private, rtol=1e-2)


def test_an_update_that_cannot_be_separated_says_why():
    def claims(update):
        separation = separate(update)
        assert not separation.found.any()
        assert separation.features.isnan().all()
        assert separation.errors.isnan().all()
        assert (separation.labels == -1).all()
        return {claim for claims in separation.claims for claim in claims}

    assert claims(updates(2, 0.0)[0]) == {"no features are dropped"}
    (claim,) = claims(updates(10, 0.3)[0])
    assert claim == "10 images have no independent errors in 10 classes"
    (claim,) = claims(updates(2, 0.005, 1)[0])
    assert claim == "0 of 2 images were found"
    update, _ = updates(2, 0.3)
    for number, claim in ((0.0, "gradients vanish"), (torch.nan, "gradients are not finite")):
        broken = {name: gradient * number for name, gradient in update.gradients.items()}
        assert claims(replace(update, gradients=broken)) == {claim}
    one, _ = updates(1, 0.3)
    assert claims(replace(one, images_per_update=2)) == {"errors of the images are not independent"}


def test_of_one_image_no_dropout_is_needed():
    update, private = updates(1, 0.0)
    assert_exact(separate(update), update, private)


@pytest.mark.parametrize("size", [1e-42, 1e-30, 1.0, 1e30])
def test_whatever_is_shared_there_is_an_answer(size):
    update, _ = updates(2, 0.3, 2, torch.float32)
    torch.manual_seed(0)
    weight = torch.randn(2, 10, 768) * (torch.rand(2, 1, 768) > 0.3)
    nonsense = {"classifier.weight": weight * size, "classifier.bias": torch.zeros(2, 10)}
    for weights in (update.parameters, {n: p * size for n, p in update.parameters.items()}):
        changed = replace(update, gradients=update.gradients | nonsense, parameters=weights)
        assert not exact(separate(changed)).any()
        separate(replace(update, parameters=weights))


def with_features(update, private, features):
    """The first update as if its n images had these features: [n, d], zero where dropped."""
    own = {name: tensor[0] for name, tensor in update.parameters.items()}
    logits = features @ own["classifier.weight"].T + own["classifier.bias"]
    errors = logits.softmax(1) - F.one_hot(private.labels[0], 10)
    gradients = {
        "classifier.weight": errors.T @ features[None] / len(features),
        "classifier.bias": errors.mean(0)[None],
    }
    return replace(update.select(torch.tensor([0])), gradients=gradients)


@pytest.mark.parametrize("spread", [1, 4])
def test_masks_are_exact_if_features_are_not_much_smaller_than_all_that_are_seen(spread):
    """As sigmoids make them of normal inputs: those of trained networks spread widely."""
    update, private = updates(2, 0.3, 1, torch.float32)
    torch.manual_seed(0)
    claims = []
    for _ in range(20):
        kept = torch.rand(2, 768) > 0.3
        features = torch.sigmoid(spread * (torch.randn(2, 768) - 1)) * kept
        separation = separate(with_features(update, private, features))
        if exact(separation).all():
            order = private.labels[0].argsort()
            assert torch.equal(separation.features[0] > 0, kept[order])
        claims += separation.claims[0]
    assert claims.count(EXACT) == {1: 40, 4: 0}[spread]


def test_images_are_told_apart_where_noise_hides_some_of_their_features():
    update, private = updates(2, 0.3, 1, torch.float32)
    torch.manual_seed(0)
    features = torch.rand(2, 768).clamp(min=0.1) * private.masks[0][0]
    features[0, :64] *= 10 ** torch.empty(64).uniform_(-8, -5)
    separation = separate(with_features(update, private, features))
    order = private.labels[0].argsort()
    claims = "noise may hide features", EXACT
    assert separation.claims == (tuple(claims[image] for image in order.tolist()),)
    assert separation.found.all()
    assert torch.equal(separation.labels[0], private.labels[0, order])
    torch.testing.assert_close(separation.features[0], features[order], rtol=1e-3, atol=1e-5)


def test_images_that_are_not_found_leave_the_others_exact():
    update, private = updates(5, 0.3)
    _, labels, inputs = truth(update, private)
    torch.manual_seed(0)
    inputs[0, [1, 3]] = torch.rand(2, 768).double()  # no facet is opposite these two
    update = with_features(update, private, inputs[0])
    separation = separate(update)
    assert separation.claims == ((EXACT,) * 3 + ("3 of 5 images were found",) * 2,)
    assert separation.found.tolist() == [[True] * 3 + [False] * 2]
    others = torch.tensor([0, 2, 4])
    others = others[labels[0, others].argsort()]
    assert torch.equal(separation.labels[0, :3], labels[0, others])
    torch.testing.assert_close(separation.features[0, :3], inputs[0, others])
    rest = separation.remaining(update, 0)
    assert rest.images_per_update == 2
    missing, own = private.labels[0, [1, 3]], inputs[0, [1, 3]]
    alone = replace(private, labels=missing[None])
    expected = with_features(update, alone, own).gradients
    for name, gradient in rest.gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-6, atol=1e-9)


def test_noise_is_not_taken_for_an_image_that_the_network_is_sure_of():
    update, private = updates(4, 0.5, dtype=torch.float32)
    label, kept = private.labels[0, 0], private.masks[0][0, 0] > 0
    _, _, inputs = truth(update, private)
    towards = update.parameters["classifier.weight"][0, label] > 0
    inputs[0, 0] = kept * (0.7 + 0.6 * towards)
    update = with_features(update, private, inputs[0].float())
    separation = separate(update)
    assert separation.found.tolist() == [[True, True, True, False]]
    rest = separation.remaining(update, 0).gradients["classifier.weight"][0]
    seen = rest.any(0)
    assert kept[seen].all()
    assert seen.sum() > kept.sum() / 2
    assert rest.sum(1).argmin() == label

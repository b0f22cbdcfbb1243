import torch
from problems import clients
from torch.nn import functional as F

from dropleak.attack.labels import infer_labels


def test_gradients_are_those_of_autograd(digits):
    update, private, _ = clients(digits, [3, 8], rate=0.4)
    for client in range(2):
        own = {name: p[client].clone().requires_grad_() for name, p in update.parameters.items()}
        masks = [mask[client] for mask in private.masks]
        logits = update.network.forward(own, private.images[client], masks)
        loss = F.cross_entropy(logits, private.labels[client])
        expected = torch.autograd.grad(loss, list(own.values()))
        for name, gradient in zip(own, expected, strict=True):
            torch.testing.assert_close(update.gradients[name][client], gradient)


def test_problems_depend_on_seed_and_image_alone(digits):
    one, private_one, _ = clients(digits, [3, 8, 5], rate=0.2)
    two, private_two, _ = clients(digits, [8], rate=0.6)
    other, _, _ = clients(digits, [8], rate=0.6, seed=1)
    for name in one.parameters:
        assert torch.equal(one.parameters[name][1], two.parameters[name][0])
        assert not torch.equal(other.parameters[name], two.parameters[name])
    dropped_early, dropped_late = private_one.masks[0][1] == 0, private_two.masks[0][0] == 0
    assert dropped_late[dropped_early].all()


def test_a_dropped_feature_leaves_no_gradient(digits):
    update, private, _ = clients(digits, [0], rate=0.5)
    columns = update.gradients["classifier.weight"][0].abs().sum(0)
    assert torch.equal(columns == 0, private.masks[0][0] == 0)


def test_labels_are_read_from_the_gradient_at_every_rate(digits):
    indices = list(range(40))
    for rate in (0.0, 0.5, 0.9):
        update, private, _ = clients(digits, indices, rate)
        assert torch.equal(infer_labels(update), private.labels)

import torch
from problems import clients

from dropleak.attack import masks


def test_ignore_passes_everything(digits):
    update, _, keys = clients(digits, [0, 1], rate=0.5)
    (mask,) = masks.ignore(update, keys)(torch.tensor([0, 7]), 3)
    assert mask.shape == (2, 1, 768)
    assert (mask == 1).all()


def test_fixed_is_one_wrong_mask_of_the_clients_rate(digits):
    update, private, keys = clients(digits, [0, 1], rate=0.5)
    source = masks.fixed(update, keys)
    (first,), (later,) = source(torch.tensor([0, 0]), 1), source(torch.tensor([9, 4]), 1)
    assert torch.equal(first, later)
    assert 0.45 < (first == 0).double().mean() < 0.55
    assert (first[:, 0] != private.masks[0]).double().mean() > 0.4


def test_resample_is_fresh_at_every_evaluation_and_the_problems_own(digits):
    update, _, keys = clients(digits, [0, 1, 2], rate=0.3)
    source = masks.resample(update, keys)
    (together,) = source(torch.tensor([4, 5, 4]), 1)
    (again,) = source(torch.tensor([4, 6, 4]), 1)
    assert torch.equal(together[0], again[0])
    assert not torch.equal(together[1], again[1])
    assert not torch.equal(together[0], together[2])
    (ahead,) = source(torch.tensor([4, 4, 3]), 2)
    assert torch.equal(ahead[0, 0], together[0, 0])
    assert torch.equal(ahead[1, 1], together[1, 0])
    assert torch.equal(ahead[2, 1], together[2, 0])
    alone = masks.resample(update.select(torch.tensor([1])), keys[1:2])
    assert torch.equal(alone(torch.tensor([5]), 1)[0][0], together[1])

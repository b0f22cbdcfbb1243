from dataclasses import replace

import modules
import pytest
import torch
from problems import clients
from torch import nn
from torch.nn import functional as F

from dropleak.engine.attack import masks
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.reconstruct import objective_for
from dropleak.engine.backends.derivatives import derivatives
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.parameters import unflatten
from dropleak.engine.models.zoo import lenet, relu_convnet

SHAPE = (1, 32, 32)


def test_ignore_passes_everything(digits):
    update, _, keys = clients(digits, [0, 1], rate=0.5)
    (mask,) = masks.ignore(update, keys)(torch.tensor([0, 7]), 3)
    assert mask.shape == (2, 1, 1, 768)
    assert (mask == 1).all()


def test_fixed_is_one_wrong_mask_of_the_rowsrate(digits):
    update, private, keys = clients(digits, [0, 1], rate=0.5)
    source = masks.fixed(update, keys)
    (first,), (later,) = source(torch.tensor([0, 0]), 1), source(torch.tensor([9, 4]), 1)
    assert torch.equal(first, later)
    assert 0.45 < (first == 0).double().mean() < 0.55
    assert (first[:, :, 0] != private.masks[0]).double().mean() > 0.4


def test_resample_is_fresh_at_every_evaluation_and_the_problems_own(digits):
    update, _, keys = clients(digits, [0, 1, 2], rate=0.3)
    source = masks.resample(update, keys)
    (together,) = source(torch.tensor([4, 5, 4]), 1)
    (again,) = source(torch.tensor([4, 6, 4]), 1)
    assert torch.equal(together[0], again[0])
    assert not torch.equal(together[1], again[1])
    assert not torch.equal(together[0], together[2])
    (ahead,) = source(torch.tensor([4, 4, 3]), 2)
    assert torch.equal(ahead[0, 0, 0], together[0, 0, 0])
    assert torch.equal(ahead[1, 0, 1], together[1, 0, 0])
    assert torch.equal(ahead[2, 0, 1], together[2, 0, 0])
    alone = masks.resample(update.select(torch.tensor([1])), keys[1:2])
    assert torch.equal(alone(torch.tensor([5]), 1)[0][0], together[1])
    assert torch.equal(source.select(torch.tensor([1]))(torch.tensor([5]), 1)[0][0], together[1])


def test_several_images_of_a_client_have_masks_of_their_own(digits):
    update, _, keys = clients(digits, [0, 1, 2, 3], rate=0.3, images=2)
    (mask,) = masks.resample(update, keys)(torch.tensor([4, 4]), 1)
    assert mask.shape == (2, 2, 1, 768)
    assert not torch.equal(mask[0, 0], mask[0, 1])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_the_mask_is_read_exactly_from_the_gradient(digits, rate):
    update, private, keys = clients(digits, list(range(40)), rate)
    source = masks.read(update, keys)
    assert torch.equal(source.masks[0], private.masks[0])
    assert source.claims == ((masks.EXACT,),) * 40


def test_a_feature_that_relu_cut_off_reads_like_a_dropped_one(digits):
    update, private, keys = clients(digits, [0, 1], 0.3, network=relu_convnet(SHAPE, 10))
    source = masks.read(update, keys)
    read, true = source.masks[0] > 0, private.masks[0] > 0
    assert true[read].all()
    assert (true & ~read).any()
    assert "can be zero" in source.claims[0][0]


def test_inner_masks_are_not_read_and_have_their_expectation(digits):
    network = lenet(SHAPE, 10, "convolutions")
    update, private, keys = clients(digits, [0, 1], 0.3, network=network)
    source = masks.read(update, keys)
    first, second, last = source.masks
    assert (first == 1).all()
    assert (second == 1).all()
    assert torch.equal(last, private.masks[2])
    assert "convolutions" in source.claims[0][0]


def test_of_layers_in_series_the_product_is_read(digits):
    network = lenet(SHAPE, 10, "both")
    update, private, keys = clients(digits, [0, 1], 0.3, network=network)
    source = masks.read(update, keys)
    product = source.masks[2].flatten(2) * source.masks[3]
    torch.testing.assert_close(product, private.masks[2].flatten(2) * private.masks[3])
    assert "series" in source.claims[0][0]


def test_of_several_images_only_what_none_kept_is_read(digits):
    update, private, keys = clients(digits, [0, 1, 2, 3], 0.5, images=2)
    source = masks.read(update, keys)
    kept_by_some = (private.masks[0] > 0).any(1, keepdim=True)
    assert torch.equal(source.masks[0] > 0, kept_by_some.expand(-1, 2, -1))
    kept = source.masks[0][source.masks[0] > 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.75))  # two of three have 1 / 0.5
    assert "several images" in source.claims[0][0]


def test_where_the_gradient_vanishes_the_reader_says_so(digits):
    update, _, keys = clients(digits, [0, 1], 0.5)
    update.gradients["classifier.weight"][1] = 0
    assert masks.read(update, keys).claims == ((masks.EXACT,), ("gradients vanish",))


def module_clients(digits, indices, *layers):
    """Clients of a sequence of layers, at rate 0.5."""
    network = ModuleNetwork(nn.Sequential(*layers), SHAPE, 10)
    return clients(digits, indices, 0.5, network=network)


def test_the_mask_of_a_module_is_read_exactly_where_features_are_positive(digits):
    hidden = nn.Flatten(), nn.Linear(1024, 40), nn.Softplus(), nn.Dropout()
    layers = *hidden, nn.Linear(40, 30), nn.Sigmoid(), nn.Dropout(), nn.Linear(30, 10)
    update, private, keys = module_clients(digits, list(range(20)), *layers)
    source = masks.read(update, keys)
    assert source.claims == ((masks.EXACT,),) * 20
    for read, true in zip(source.masks, private.masks, strict=True):
        assert torch.equal(read, true)


def test_dropped_channels_are_read_exactly_as_well(digits):
    conv = nn.Conv2d(1, 40, 8, stride=8), nn.Sigmoid(), nn.Dropout2d(), nn.Flatten()
    update, private, keys = module_clients(digits, [0, 1], *conv, nn.Linear(640, 10))
    source = masks.read(update, keys)
    assert source.claims == ((masks.EXACT,),) * 2
    assert torch.equal(source.masks[0], private.masks[0])
    assert source.masks[0].shape == (2, 1, 40, 1, 1)


def test_of_features_that_can_be_zero_the_reader_does_not_claim_to_know(digits):
    network = ModuleNetwork(modules.mlp(), SHAPE, 10)
    update, private, keys = clients(digits, [0, 1], 0.5, network=network)
    source = masks.read(update, keys)
    assert torch.equal(source.masks[0], private.masks[0])
    assert source.claims == (("features behind gelu can be zero",),) * 2


def test_of_parts_of_an_image_only_what_none_kept_is_read(digits):
    rows = nn.Flatten(1, 2), nn.Linear(32, 64), nn.Sigmoid(), nn.Unflatten(1, (2, 16))
    pairs = nn.Flatten(2), nn.Dropout(), nn.Linear(1024, 8), nn.Flatten(), nn.Linear(16, 10)
    update, private, keys = module_clients(digits, [0, 1], *rows, *pairs)
    (mask,) = masks.read(update, keys).masks
    kept_by_some = (private.masks[0] > 0).any(2, keepdim=True)
    assert torch.equal(mask > 0, kept_by_some.expand(-1, -1, 2, -1))
    kept = mask[mask > 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.75))  # one of two has 1 / 0.5


def test_separate_knows_mask_and_label_of_every_image_in_one_order(digits):
    update, private, keys = clients(digits, list(range(16)), 0.3, images=4)
    source = masks.separate(update, keys)
    assert source.claims == ((masks.EXACT,) * 4,) * 4
    same = (source.masks[0][:, :, None] == private.masks[0][:, None]).all(3)
    assert (same.sum(1) == 1).all()
    assert (same.sum(2) == 1).all()
    rows, order = torch.arange(4)[:, None], same.int().argmax(2)
    assert torch.equal(source.labels, private.labels[rows, order])
    objective = objective_for(update, Attacker(masks="separate"), keys)
    loss, _ = objective(private.images[rows, order].flatten(1), torch.zeros(4).long())
    assert (loss < 1e-20).all()
    some = source.select(torch.tensor([False, True, False, True]))
    assert torch.equal(some.labels, source.labels[[1, 3]])


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_separate_is_read_where_an_update_has_one_image(digits, rate):
    update, private, keys = clients(digits, [0, 1, 2], rate)
    source, read = masks.separate(update, keys), masks.read(update, keys)
    assert torch.equal(source.masks[0], read.masks[0])
    assert source.claims == read.claims
    assert torch.equal(source.labels, private.labels)


def test_of_one_image_a_feature_that_noise_hides_is_read(digits, monkeypatch):
    update, private, keys = clients(digits, [0], 0.5)
    separation = masks.separate_images(update)
    separation.features[0, 0, private.masks[0][0, 0].argmax()] = 0
    monkeypatch.setattr(masks, "separate_images", lambda update: separation)
    source = masks.separate(update, keys)
    assert source.claims == ((masks.EXACT,),)
    assert torch.equal(source.masks[0], private.masks[0])


def test_what_cannot_be_separated_is_read(digits):
    update, _, keys = clients(digits, list(range(8)), 0.3, images=4)
    update.gradients["classifier.weight"][1, :, :400] = 0.25  # columns that no images make
    source, read = masks.separate(update, keys), masks.read(update, keys)
    assert source.claims[0] == (masks.EXACT,) * 4
    assert masks.EXACT not in source.claims[1]
    assert source.features[1].isnan().all()
    assert torch.equal(source.masks[0][1], read.masks[0][1])
    assert torch.equal(source.labels[1], infer_labels(update, keys)[1])


@pytest.mark.parametrize("images", [1, 2])
def test_without_a_bias_nothing_is_separated(digits, images):
    network = ModuleNetwork(modules.mlp(), (1, 32, 32), 10)
    update, _, keys = clients(digits, [4, 17], 0.3, network=network, images=images)
    source, read = masks.separate(update, keys), masks.read(update, keys)
    assert source.features is None
    assert torch.equal(source.masks[0], read.masks[0])
    assert masks.EXACT not in source.claims[0]


def keeping(update, private, images):
    """The same update and what is private if some images of the first client drop nothing."""
    masks = [mask.clone() for mask in private.masks]
    for mask in masks:
        mask[0, images] = 1 / (1 - update.rate)
    network, n = update.network, update.images_per_update
    targets = F.one_hot(private.labels, network.classes).double()
    client = derivatives(network, update.parameters, len(update), n)
    gradients = unflatten(network, client.gradients(private.images, masks, targets))
    return replace(update, gradients=gradients), replace(private, masks=tuple(masks))


def test_of_one_image_that_is_not_found_mask_and_label_are_read_from_what_the_others_leave(digits):
    update, private, keys = clients(digits, list(range(8)), 0.3, images=4)
    update, private = keeping(update, private, [2])
    source = masks.separate(update, keys)
    assert source.claims == ((masks.EXACT,) * 3 + ("3 of 4 images were found",), (masks.EXACT,) * 4)
    assert source.features.isnan().all(2).tolist() == [[False] * 3 + [True], [False] * 4]
    same = (source.masks[0][:, :, None] == private.masks[0][:, None]).all(3).int()
    order = same.argmax(2)
    assert order.sort().values.tolist() == [[0, 1, 2, 3]] * 2
    rows = torch.arange(2)[:, None]
    assert torch.equal(source.labels, private.labels[rows, order])
    objective = objective_for(update, Attacker(masks="separate", features=1), keys)
    loss, _ = objective(private.images[rows, order].flatten(1), torch.zeros(2).long())
    assert (loss < 1e-12).all()


def test_of_several_images_that_are_not_found_masks_have_their_expectation(digits):
    update, private, keys = clients(digits, [0, 1, 2, 3], 0.3, images=4)
    update, private = keeping(update, private, [0, 2])
    source = masks.separate(update, keys)
    assert source.claims == ((masks.EXACT,) * 2 + ("2 of 4 images were found",) * 2,)
    expected = torch.full((2, 768), 1 / (1 - 0.3**2)).double()
    torch.testing.assert_close(source.masks[0][0, 2:], expected)
    assert torch.equal(source.labels[0].sort().values, private.labels[0].sort().values)


def test_of_other_layers_separate_knows_no_more_than_read(digits):
    network = lenet(SHAPE, 10, "both")
    update, private, keys = clients(digits, [0, 1], 0.3, network=network, images=2)
    source = masks.separate(update, keys)
    assert (source.masks[0] == 1).all()
    product = source.masks[2].flatten(3).flatten(2) * source.masks[3]
    true = (private.masks[2].flatten(2) * private.masks[3])[0, private.labels[0].argsort()]
    torch.testing.assert_close(product[0], true)
    assert "convolutions" in source.claims[0][0]
    assert "series" in source.claims[0][0]

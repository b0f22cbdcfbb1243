"""Label inference from the gradient of the classifier."""

from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.backends.passes import ClientPasses
from dropleak.engine.client.update import Update
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.layers import CLASSIFIER
from dropleak.engine.models.parameters import flatten

_SAMPLES = 32
"""Random images by which the clients' class probabilities are estimated."""


def infer_labels(update: Update, keys: Tensor) -> Tensor:
    """Labels of the images in each client's update: int64 [B, n], ascending within a client.

    Args:
        update: what was shared.
        keys: int64 [B, n], the attacker's.
    """
    n = update.images_per_update
    if n == 1:
        return _lowest_row(update)[:, None]
    up_to_class = _label_counts(update, keys).cumsum(1)
    places = torch.arange(n, device=keys.device).expand(len(update), n).contiguous()
    return torch.searchsorted(up_to_class, places, right=True)


def _lowest_row(update: Update) -> Tensor:
    """The class whose row of the classifier's weight gradient sums lowest.

    The row of class c is (probability of c, minus 1 for the true class) times the features. With
    features that are not negative, as after a sigmoid and under any dropout mask, only the true
    class has a negative row (Zhao et al. 2020, section 3.2).
    """
    return update.gradients[f"{CLASSIFIER}.weight"].sum(-1).argmin(-1)


def _label_counts(update: Update, keys: Tensor) -> Tensor:
    """How often each class occurs in each update, int64 [B, classes].

    A class is there if its row has a negative entry (Yin et al. 2021, section 3.1). The rest goes
    where the bias gradient leaves most: n times it is the sum of the images' probabilities minus
    the counts, with the probabilities estimated on random images (after Wainakh et al. 2022).
    """
    counts = (update.gradients[f"{CLASSIFIER}.weight"].amin(-1) < 0).long()
    bias = update.gradients[f"{CLASSIFIER}.bias"]
    n = update.images_per_update
    expected = n * (_probabilities(update, keys) - bias)
    for _ in range(n):
        best = F.one_hot((expected - counts).argmax(1), counts.shape[1])
        counts += best * (counts.sum(1, keepdim=True) < n)
    return counts


def _probabilities(update: Update, keys: Tensor) -> Tensor:
    """Mean probability of each class over random images and masks, [B, classes]."""
    stream = rng.derive(keys[:, :1], rng.Stream.LABELS)
    weights, shape = flatten(update.parameters), update.network.input_shape
    passes = ClientPasses(update.network, weights)
    total = torch.zeros_like(update.gradients[f"{CLASSIFIER}.bias"])
    for sample in range(_SAMPLES):
        sample_keys = rng.derive(stream, sample)
        pixels = rng.uniform(sample_keys, prod(shape))
        images = pixels.reshape(*sample_keys.shape, *shape).to(weights)
        masks = dropout_masks(update.network, rng.derive(sample_keys, 0), update.rate, update.dtype)
        total += passes.predict(images, masks).squeeze(1) / _SAMPLES
    return total

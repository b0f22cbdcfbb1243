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
    """Labels of the images in each client's update: int64 [B * n], ascending within a client.

    Args:
        update: what was shared.
        keys: int64 [B * n], the attacker's.
    """
    if update.images == 1:
        return _lowest_row(update)
    counts = _label_counts(update, keys)
    classes = torch.arange(counts.shape[1], device=counts.device).repeat(len(counts))
    return classes.repeat_interleave(counts.flatten())


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
    expected = update.images * (_probabilities(update, keys) - bias)
    for _ in range(update.images):
        best = F.one_hot((expected - counts).argmax(1), counts.shape[1])
        counts += best * (counts.sum(1, keepdim=True) < update.images)
    return counts


def _probabilities(update: Update, keys: Tensor) -> Tensor:
    """Mean probability of each class over random images and masks, [B, classes]."""
    stream = rng.derive(keys[:: update.images], rng.Stream.LABELS)
    weights, shape = flatten(update.parameters), update.network.input_shape
    passes = ClientPasses(update.network, weights)
    total = torch.zeros_like(update.gradients[f"{CLASSIFIER}.bias"])
    for sample in range(_SAMPLES):
        own = rng.derive(stream, sample)
        images = rng.uniform(own, prod(shape)).reshape(-1, *shape).to(weights)
        masks = dropout_masks(update.network, rng.derive(own, 0), update.rate, update.dtype)
        total += passes.predict(images, masks) / _SAMPLES
    return total

"""Label inference from the gradient of the classifier.

The classifier's gradient has a row for each class: (its probability, less 1 if it is the true one)
times the features, summed over the images. That of its bias is the same without the features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, prod

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.backends.derivatives import derivatives
from dropleak.engine.client.update import Update
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.model import Classifier, Model

_SAMPLES = 32
"""Random images by which the clients' class probabilities are estimated, at least."""


@dataclass(frozen=True)
class LabelRule:
    """A way to infer labels."""

    infer: Callable[[Update, Tensor, Classifier], Tensor]
    """From what was shared and keys [B, n], int64 [B, n], ascending within a client."""
    basis: str
    """What it goes by, for tables."""


def label_rule(network: Model, images: int) -> LabelRule | None:
    """The rule for a network and n images per update, or None if labels have to be optimised."""
    classifier = network.classifier
    if classifier is None:
        return None
    if images > 1:
        return _COUNTS if classifier.bias else None
    if not classifier.signed:
        return _LOWEST_ROW
    if classifier.bias:
        return _LOWEST_BIAS
    return _ROW_SIGNS if network.classes > 2 else None  # two rows are each other's negative


def infer_labels(update: Update, keys: Tensor) -> Tensor | None:
    """Labels of the images in each client's update: int64 [B, n], ascending within a client.

    Args:
        update: what was shared.
        keys: int64 [B, n], the attacker's.

    Returns:
        None if there is no rule for them.
    """
    rule = label_rule(update.network, update.images_per_update)
    classifier = update.network.classifier
    if rule is None or classifier is None:
        return None
    return rule.infer(update, keys, classifier)


def _lowest_row(update: Update, keys: Tensor, classifier: Classifier) -> Tensor:
    """The class whose row sums lowest.

    With features that are not negative, as after a sigmoid and under any dropout mask, only the
    true class has a negative row (Zhao et al. 2020, section 3.2).
    """
    return update.gradients[classifier.weight].sum(-1).argmin(-1)[:, None]


def _lowest_bias(update: Update, keys: Tensor, classifier: Classifier) -> Tensor:
    """The class whose bias has the lowest gradient, which is negative for the true one alone."""
    assert classifier.bias is not None
    return update.gradients[classifier.bias].argmin(-1)[:, None]


def _row_signs(update: Update, keys: Tensor, classifier: Classifier) -> Tensor:
    """The class whose row points away from the most others (Zhao et al. 2020, equation 4).

    All rows are multiples of one vector, and only the true class's multiple is negative.
    """
    gradient = F.normalize(update.gradients[classifier.weight], dim=2)
    return ((gradient @ gradient.mT) < 0).sum(2).argmax(1)[:, None]


def _by_counts(update: Update, keys: Tensor, classifier: Classifier) -> Tensor:
    """Each class as often as it seems to occur."""
    n = update.images_per_update
    up_to_class = _label_counts(update, keys, classifier).cumsum(1)
    places = torch.arange(n, device=keys.device).expand(len(update), n).contiguous()
    return torch.searchsorted(up_to_class, places, right=True)


def _label_counts(update: Update, keys: Tensor, classifier: Classifier) -> Tensor:
    """How often each class occurs in each update, int64 [B, classes].

    A class is there if its row has a negative entry (Yin et al. 2021, section 3.1), or its bias if
    features can be negative themselves. If that holds of more than n classes, gradients have noise,
    and it says nothing. The rest goes where the bias gradient leaves most: n times it is the sum of
    the images' probabilities minus the counts, with the probabilities estimated on random images
    (after Wainakh et al. 2022).
    """
    assert classifier.bias is not None
    bias = update.gradients[classifier.bias]
    lowest = bias if classifier.signed else update.gradients[classifier.weight].amin(-1)
    counts, n = (lowest < 0).long(), update.images_per_update
    counts = torch.where(counts.sum(1, keepdim=True) > n, 0, counts)
    expected = n * (_probabilities(update, keys) - bias)
    for _ in range(n):
        best = F.one_hot((expected - counts).argmax(1), counts.shape[1])
        counts += best * (counts.sum(1, keepdim=True) < n)
    return counts


def _probabilities(update: Update, keys: Tensor) -> Tensor:
    """Mean probability of each class over random images and masks, [B, classes].

    As many images at once as an update has, whose statistics a batch norm may take.
    """
    stream = rng.derive(keys[:, :1], rng.Stream.LABELS)
    network, shape, n = update.network, update.network.input_shape, update.images_per_update
    found = derivatives(network, update.parameters, len(update), n)
    samples = torch.arange(n * ceil(_SAMPLES / n), device=keys.device)
    total = update.like.new_zeros(len(update), network.classes)
    for together in samples.split(n):
        sample_keys = rng.derive(stream, together)
        pixels = rng.uniform(sample_keys, prod(shape))
        images = pixels.reshape(*sample_keys.shape, *shape).to(update.like)
        masks = dropout_masks(network, rng.derive(sample_keys, 0), update.rate, update.dtype)
        total += found.predict(images, masks).sum(1) / len(samples)
    return total


_LOWEST_ROW = LabelRule(_lowest_row, "the classifier's row that sums lowest")
_LOWEST_BIAS = LabelRule(_lowest_bias, "the lowest entry of the classifier's bias gradient")
_ROW_SIGNS = LabelRule(_row_signs, "the signs of the products of the classifier's rows")
_COUNTS = LabelRule(_by_counts, "the classifier's negative entries and its bias gradient")

"""Shared gradients that are numerically empty, so that no attack has anything to go on."""

import torch
from torch import Tensor

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.update import Update
from dropleak.engine.models.parameters import flatten

EMPTY_LOSS = 1e-9
"""Squared Euclidean distances below it are zero to the optimisers: L-BFGS takes a smaller change of
the loss for none (`tolerance_change`), and to Adam's 1e-8 its gradient is as small."""


def vanished(update: Update, attacker: Attacker) -> Tensor:
    """Whether the attacker sees that an update is numerically empty, bool [B].

    The gradient of the cross-entropy is proportional to p - y, the probabilities less the label. A
    network that is sure of the true class has a p - y near zero, and with it everything it shares:
    features in the thousands and large weights, as in `lenet` on large images, suffice. Left out is
    the classifier's bias, whose gradient is p - y itself and says nothing about the pixels; all the
    rest is zero if every feature was dropped.

    - p is rounded to the precision's epsilon, so that p - y, and with it all gradients, are nothing
      but rounding when no entry exceeds it. (Activations are of order 1.)
    - A squared Euclidean distance also has a scale: an image without any gradient is as far from
      the private one as the shared gradient is long. Below `EMPTY_LOSS` an optimiser stops there,
      often before it begins. Cosine distance has no scale, nor do normalised or signed gradients,
      and that of an attacker who weights gradients by a defence's noise is the noise.

    Both are about attacks that compute gradients of their own, which round p anew. The closed form
    computes none, and all that is shared is proportional to the same rounded p - y: to it gradients
    are empty only where they underflow.

    Gradients that are not finite are not empty.
    """
    classifier = update.network.classifier
    bias = classifier and classifier.bias
    informative = {name: g for name, g in update.gradients.items() if name != bias}
    gradients = flatten(informative)
    precision = torch.finfo(update.dtype)
    if attacker.optimiser == "closed-form":
        return gradients.abs().amax(1) <= precision.tiny
    empty = gradients.abs().amax(1) <= precision.eps
    defence = update.defence if attacker.adapts else None
    weighted = defence is not None and defence.weights(update) is not None
    scaled = attacker.normalise or weighted or attacker.optimiser == "signed-adam"
    if attacker.distance == "euclidean" and not scaled:
        empty |= gradients.square().sum(1) <= EMPTY_LOSS
    return empty

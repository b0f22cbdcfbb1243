"""Separation of the images of an update by the gradient of the classifier, exact under dropout.

With n images the gradient of the classifier's weight is G = sum_i e_i x_i^T / n, where e_i is an
image's error, its probabilities less its one-hot label, and x_i what the classifier got of it: its
features times its mask of dropout. Features behind a sigmoid or ReLU are not negative, so the
columns of G lie in the cone of the errors, and those that image i dropped on the facet opposite
e_i. `facets` finds that facet, and its normal gives x_i up to scale.

The rest follows from the network's own prediction, e_i = softmax(W x_i + b) - onehot(y_i), by which
the attacker also knows that it is right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropleak.engine.attack.facets import Cone, Facet
from dropleak.engine.client.update import Update

EXACT = "exact"

Claims = tuple[tuple[str, ...], ...]
"""What the attacker says of the masks of n images, B times: `EXACT`, which it has verified, or why
not."""

_TOLERANCE = 0.01
"""Relative difference of an error and the prediction from its features that verifies both."""

_CLOSE = 0.001
"""The same for a mask that is called exact: with a little of another image it fits less closely."""

_CLEAR = 100
"""How much better than all others the label of an image fits that is called exact, if not all
images are found."""

_PLAUSIBLE = 0.1
"""The same for an image on its own, before all are known. It is larger as the error at the label,
p - 1, is lost in rounding where the network is sure of an image."""

_RISK = 0.001
"""Kept features that noise can be expected to hide in an image whose mask is called exact."""

_TAIL = 10
"""Smallest features of an image, from which the number of even smaller ones is extrapolated."""

_TAKEN = 20
"""Error of an image's part of the gradient once it is found, in units of rounding."""

_ARITHMETIC = 1e-12
"""Rounding of what is computed here, in double precision and with numbers of order 1."""

_TRIES, _GUIDED_TRIES = 20, 10
"""Points from which facets are looked for, of the whole cone and where other images are known."""


@dataclass(frozen=True)
class Separation:
    """The images of B updates of n, as far as they were found.

    Within each update they are in ascending order of their labels, and those that were not found
    come last: their errors and features are not a number, and their labels are -1.
    """

    errors: Tensor  # [B, n, classes], probabilities less one-hot labels
    labels: Tensor  # int64 [B, n]
    features: Tensor  # [B, n, d], inputs of the classifier, which are zero where dropped
    claims: Claims
    """Kept features that noise hides count as dropped; where there may be such, it is not exact."""
    rest: Mapping[str, Tensor]
    """Gradients of the classifier, [B, *shape] each, less the parts of the images that were found.
    Columns of the weight that are nothing but noise are zero."""

    @property
    def found(self) -> Tensor:
        """Which images were found, exactly or but for features that noise hides: bool [B, n]."""
        return self.labels >= 0

    def remaining(self, update: Update, client: int) -> Update:
        """The update of the images of a client that were not found.

        Gradients of other layers than the classifier are those of all images.
        """
        n, own = int((~self.found[client]).sum()), torch.tensor([client], device=update.like.device)
        scale = update.images_per_update / n  # gradients are means
        rest = {name: scale * gradient[own] for name, gradient in self.rest.items()}
        whole = update.select(own)
        return replace(whole, gradients={**whole.gradients, **rest}, images_per_update=n)


def separate(update: Update) -> Separation:
    """Separate the images of each update. Neither keys nor the value of the rate have a part."""

    classifier, n, clients = update.network.classifier, update.images_per_update, len(update)
    if classifier is None or classifier.bias is None or classifier.signed:
        return _inseparable(update, "it takes a classifier with a bias and features without signs")

    def numbers(tensors: Mapping[str, Tensor], name: str) -> NDArray:
        rows: NDArray = tensors[name].double().cpu().numpy()
        return np.broadcast_to(rows, (clients, *rows.shape[1:]))

    names, sides = (classifier.weight, classifier.bias), (update.gradients, update.parameters)
    (gradients, bias_gradients), (weights, biases) = (
        [numbers(side, name) for name in names] for side in sides
    )
    classes, d = gradients.shape[1:]
    errors, features = np.full((clients, n, classes), np.nan), np.full((clients, n, d), np.nan)
    labels, claims = np.full((clients, n), -1), list[tuple[str, ...]]()
    rest = gradients.copy(), bias_gradients.copy()
    sites = update.network.dropout_sites()
    zeros = update.rate > 0 or any(s.doubts for s in sites if s.weight == classifier.weight)
    for client in range(clients):
        shared = gradients[client], bias_gradients[client], weights[client], biases[client]
        try:
            if n > 1 and not zeros:
                raise _InseparableError("no features are dropped")
            with np.errstate(all="ignore"):  # what is not finite fits nothing
                images = _Classifier(*shared, n, torch.finfo(update.dtype)).separate()
        except _InseparableError as reason:
            claims.append((str(reason),) * n)
            continue
        k = len(images.labels)
        errors[client, :k], labels[client, :k], features[client, :k] = images[:3]
        claims.append(images.claims + (f"{k} of {n} images were found",) * (n - k))
        for tensor, own in zip(rest, images.rest, strict=True):
            tensor[client] = own
    return Separation(
        torch.from_numpy(errors).to(update.like),
        torch.from_numpy(labels).to(update.like.device),
        torch.from_numpy(features).to(update.like),
        tuple(claims),
        {
            name: torch.from_numpy(tensor).to(update.like)
            for name, tensor in zip(names, rest, strict=True)
        },
    )


def _inseparable(update: Update, reason: str) -> Separation:
    """Of updates none of which can be separated, for the same reason."""
    clients, n, classifier = len(update), update.images_per_update, update.network.classifier
    d = update.gradients[classifier.weight].shape[-1] if classifier else 0
    errors = update.like.new_full((clients, n, update.network.classes), torch.nan)
    labels = torch.full((clients, n), -1, device=update.like.device)
    features = update.like.new_full((clients, n, d), torch.nan)
    return Separation(errors, labels, features, ((reason,) * n,) * clients, {})


class _Images(NamedTuple):
    """Those k of an update that were found, by ascending label."""

    errors: NDArray  # [k, C]
    labels: NDArray  # [k]
    features: NDArray  # [k, d]
    claims: tuple[str, ...]  # k of them
    rest: tuple[NDArray, NDArray]  # gradients of weight and bias, [C, d] and [C], of the others


class _Image(NamedTuple):
    """An image as a facet tells it."""

    facet: Facet
    error: NDArray  # [C]
    features: NDArray  # [kept]
    share: float  # of the mean error, what the facet's normal sees of it
    doubt: float  # how far error and facet are apart, relative to the error
    rival: float  # the same with the label that fits second best


class _InseparableError(Exception):
    """Why an update was not separated."""


class _Classifier:
    """The gradient of a classifier, scaled, and its parameters.

    Args:
        gradient: of the weight, [C, d].
        bias_gradient: [C].
        weight, bias: [C, d] and [C].
        n: images.
        precision: of the gradients.
    """

    def __init__(
        self,
        gradient: NDArray,
        bias_gradient: NDArray,
        weight: NDArray,
        bias: NDArray,
        n: int,
        precision: torch.finfo,
    ):
        if not np.isfinite(gradient).all() or not np.isfinite(bias_gradient).all():
            raise _InseparableError("gradients are not finite")
        if n >= len(gradient):
            raise _InseparableError(f"{n} images have no independent errors in {len(bias)} classes")
        self.eps = precision.eps
        added = _added_noise(gradient, self.eps)
        self.kept = np.abs(gradient).max(0) > 6 * added  # by one image at least
        if self.kept.sum() <= n:
            raise _InseparableError("gradients vanish")
        self.gradient, self.weight, self.bias = gradient[:, self.kept], weight[:, self.kept], bias
        self.bias_gradient, self.n, self.d = bias_gradient, n, len(self.kept)
        # Rounding is relative to each entry, so small rows and columns say as much as large ones.
        self.rows, self.columns = np.ones(len(bias)), np.ones(self.gradient.shape[1])
        self.floor = max(precision.tiny, added / self.eps)  # below it, rounding is not relative
        for _ in range(10):
            self.rows = _scale(self.gradient / self.columns, 1) + self.floor
            self.columns = _scale(self.gradient / self.rows[:, None], 0)
        self._set_noise(self.gradient)
        if self.cone.degenerate:
            raise _InseparableError("errors of the images are not independent")

    def separate(self) -> _Images:
        """Find the images.

        Raises:
            _InseparableError: there is none.
        """
        facets = self._facets()
        while facets:
            errors, features = self._fit(facets)
            # At labels errors cancel, and their rounding is more than the gradient there suggests.
            rest = self.gradient - errors.T @ features / self.n
            self._set_noise(np.abs(errors).T @ features / self.n + np.abs(rest))
            tight = [self.cone.tighten(facet) for facet in facets]
            errors, features = self._fit([a or b for a, b in zip(tight, facets, strict=True)])
            distances = self._distances(errors, features)
            if (distances <= _TOLERANCE).all():
                break
            del facets[distances.argmax()]  # one at a time: a wrong one makes others look wrong
        else:
            raise _InseparableError(f"0 of {self.n} images were found")
        labels = errors.argmin(1)
        order = labels.argsort(kind="stable")
        claims = [*map(self._claim, tight, distances)]
        if len(facets) < self.n:  # with all of them, normals alone give the errors
            for place, image in enumerate(map(self._predict, facets)):
                if image.rival < _CLEAR * image.doubt:
                    claims[place] = "another label fits as well"
        whole = np.zeros((len(order), self.d))
        whole[:, self.kept] = features[order]
        return _Images(
            errors[order],
            labels[order],
            whole,
            tuple(claims[place] for place in order),
            self._rest(labels, features),
        )

    def _set_noise(self, rounded: NDArray) -> None:
        """Take the gradient's noise for that of rounding numbers of a size, [C, kept]."""
        rounding = self._scaled(self.eps * np.hypot(rounded, self.floor))
        self.noise = np.hypot(rounding, _ARITHMETIC)
        self.cone = Cone(self._scaled(self.gradient), self.noise, self.n)

    def _fit(self, facets: list[Facet]) -> tuple[NDArray, NDArray]:
        """Errors [k, C] and features [k, kept] of the images opposite k facets.

        Errors are the nearest ones to the network's prediction that G allows: they lie in its span,
        and normals see their own image's error alone. With all n images there are no others.
        """
        images = [self._predict(facet) for facet in facets]
        normals, span = np.stack([facet.normal for facet in facets]), self.cone.span
        errors = np.stack([image.error for image in images]) / self.rows @ span @ span.T
        seen = np.diag([self.n * image.share for image in images])
        errors += (seen - errors @ normals.T) @ np.linalg.pinv(normals).T
        return errors * self.rows, np.stack([image.features for image in images])

    def _rest(self, labels: NDArray, features: NDArray) -> tuple[NDArray, NDArray]:
        """Gradients of weight and bias, [C, d] and [C], less those of images with some labels [k]
        and features [k, kept]."""
        # As predicted, since small entries of errors that are fitted to G have its noise.
        errors = self._probabilities(features) - np.eye(len(self.bias))[labels]
        rest = self.gradient - errors.T @ features / self.n
        noise = self.noise * self.rows[:, None] * self.columns
        noise += _TAKEN * self.eps * (np.abs(errors).T @ features) / self.n
        whole = np.zeros((len(rest), self.d))
        whole[:, self.kept] = rest * (np.abs(rest) > 10 * noise).any(0)
        return whole, self.bias_gradient - errors.sum(0) / self.n

    def _facets(self) -> list[Facet]:
        """Those that are found.

        The image opposite a facet is taken out of the gradient, so that the others are in a cone of
        fewer rays, where a search has an easier task. As what is taken out has an error, that cone
        is but a guide to facets of the whole one.
        """
        found: list[Facet] = []
        rest, noise, random = self._scaled(self.gradient), self.noise, np.random.default_rng(0)
        guesses = self.cone.search(random, _TRIES)
        while image := self._next(guesses, found):
            found.append(image.facet)
            taken = np.outer(image.error / self.rows, image.features / self.columns) / self.n
            rest, noise = rest - taken, np.hypot(noise, max(image.doubt, 100 * self.eps) * taken)
            there = (np.abs(rest) > 10 * noise).any(0)
            left = self.n - len(found)
            guesses = self.cone.search(random, _TRIES)
            if 0 < left < there.sum():
                guide = Cone(rest[:, there], noise[:, there], left)
                guesses = chain(self._settled(guide.search(random, _GUIDED_TRIES), there), guesses)
        return found

    def _settled(self, guide: Iterator[Facet], there: NDArray[np.bool_]) -> Iterator[Facet]:
        """Facets of the whole cone near those of one of some columns, bool [d]."""
        for facet in guide:
            points = ~there
            points[there] = facet.points
            if settled := self.cone.settle(points):
                yield settled

    def _next(self, guesses: Iterator[Facet], found: list[Facet]) -> "_Image | None":
        """The next image that is new; None if all are found, or no more comes."""
        if len(found) == self.n:
            return None
        for facet in guesses:
            if any(np.array_equal(facet.points, other.points) for other in found):
                continue
            image = self._predict(facet)
            if image.share > 0 and image.doubt < _PLAUSIBLE:
                return image
        return None

    def _hides(self, facet: Facet) -> bool:
        """Whether noise may hide a feature that was kept among those on an image's facet.

        Gradients cannot tell such a feature from a dropped one. How many there are is estimated
        from those that are seen: with a power law for the smallest ones (Hill 1975, Weissman 1978),
        which exaggerates if the density of their logarithms is log-concave.
        """
        on = facet.points
        if not on.any():
            return False
        heights = facet.normal @ self._scaled(self.gradient)
        seen = np.sort((heights * self.columns)[~on])[: _TAIL + 1]
        if len(seen) <= _TAIL:
            return True
        noise = np.abs(heights / facet.noise)[on].max() * facet.noise * self.columns
        exponent = 1 / np.log(seen[_TAIL] / seen[:_TAIL]).mean()
        shares = (2 * noise[on] / seen[_TAIL]) ** exponent  # of the smallest ones that it hides
        return not _TAIL * shares.mean() < _RISK

    def _predict(self, facet: Facet) -> "_Image":
        """The image opposite a facet, with the label that fits best."""
        normal = facet.normal / self.rows
        # The gradient of the bias is the mean error, of which a normal sees its own image's alone.
        share = normal @ self.bias_gradient
        heights = facet.normal @ self._scaled(self.gradient) * self.columns
        features = np.where(facet.points, 0, heights) / share
        p = self._probabilities(features)
        errors = p - np.eye(len(p))  # by label
        scaled, span = errors / self.rows, self.cone.span
        away = np.linalg.norm(scaled - scaled @ span @ span.T, axis=1)
        doubts = np.hypot(
            away / np.linalg.norm(scaled, axis=1), errors @ normal / (self.n * share) - 1
        )
        label, second = doubts.argsort()[:2]
        return _Image(facet, errors[label], features, share, *doubts[[label, second]].tolist())

    def _claim(self, facet: Facet | None, distance: float) -> str:
        """What can be said of the mask of an image, given its facet as far as noise leaves one."""
        if distance > _CLOSE:
            return "the network does not predict the error closely"
        return "noise may hide features" if facet is None or self._hides(facet) else EXACT

    def _distances(self, errors: NDArray, features: NDArray) -> NDArray:
        """How far errors are from the network's predictions from the features, relative: [k]."""
        others = np.arange(len(self.bias)) != errors.argmin(1)[:, None]
        # At the label 1 is subtracted, which leaves little of a probability near it.
        difference = np.abs(self._probabilities(features) - errors) * others
        distances = difference.max(1) / (errors * others).max(1)
        return np.where((distances >= 0) & (features >= 0).all(1), distances, np.inf)

    def _probabilities(self, features: NDArray) -> NDArray:
        """Of classes, [..., C], as the network predicts them from features [..., kept]."""
        return _softmax(features @ self.weight.T + self.bias)

    def _scaled(self, gradient: NDArray) -> NDArray:
        return gradient / self.rows[:, None] / self.columns


def _added_noise(gradient: NDArray, eps: float) -> float:
    """Standard deviation of noise beyond rounding in a gradient [C, d].

    Errors sum to zero over the classes, and so does each column but for noise.
    """
    noise = np.sqrt(np.square(gradient.sum(0)).mean() / len(gradient))
    return float(noise) if noise > 2 * eps * np.sqrt(np.square(gradient).mean()) else 0.0


def _scale(x: NDArray, axis: int) -> NDArray:
    """Root mean square along an axis; 1 where that is zero."""
    size: NDArray = np.sqrt(np.square(x).mean(axis))
    return np.where(size > 0, size, 1.0)


def _softmax(logits: NDArray) -> NDArray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)

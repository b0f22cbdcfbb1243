"""The structures of compiled.h and matching.c."""

import ctypes
from math import prod
from typing import Any, Self

from torch import Tensor

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.backends.passes import has_passes
from dropleak.engine.client.update import Update
from dropleak.engine.models.layer import Layer as NetworkLayer
from dropleak.engine.models.layer import Shape
from dropleak.engine.models.layers import Conv, Dropout, Flatten, Linear, ReLU, Sigmoid

_KINDS = (Conv, Linear, Sigmoid, ReLU, Dropout)
"""In the order of the enum in matching.c."""

COMPILED_LAYERS = (*_KINDS, Flatten)
"""Flatten changes nothing in memory."""


def _fields(kind: type, names: str) -> list[tuple[str, type]]:
    return [(name, kind) for name in names.split()]


class _Layer(ctypes.Structure):
    _fields_ = _fields(
        ctypes.c_int,
        "kind channels height width outputs rows columns kernel stride padding",
    )


def _layer(layer: NetworkLayer, shape: Shape) -> _Layer:
    kind = _KINDS.index(type(layer))
    if isinstance(layer, Conv):
        output = layer.output_shape(shape)
        return _Layer(kind, *shape, *output, layer.kernel, layer.stride, layer.padding)
    outputs = layer.output_shape(shape)[0] if isinstance(layer, Linear) else prod(shape)
    return _Layer(kind, prod(shape), 1, 1, outputs, 1, 1, 1, 1, 0)


class _Addresses(ctypes.Structure):
    """A structure that keeps alive the tensors whose addresses it has."""

    def __init__(self, **values: Any) -> None:
        self._tensors = [value for value in values.values() if isinstance(value, Tensor)]
        assert all(tensor.is_contiguous() for tensor in self._tensors)
        super().__init__(
            **{
                name: value.data_ptr() if isinstance(value, Tensor) else value
                for name, value in values.items()
            }
        )


class Matching(_Addresses):
    """The gradient matching objective of B clients with n images each."""

    _fields_ = [
        *_fields(ctypes.c_long, "layers classes parameters features masks images cosine"),
        *_fields(ctypes.c_double, "feature_weight mask_scale"),
        ("layer", ctypes.POINTER(_Layer)),
        *_fields(ctypes.c_void_p, "weights scale shared known labels mask"),
    ]

    @classmethod
    def of(
        cls,
        update: Update,
        weights: Tensor,
        scale: Tensor | None,
        shared: Tensor,
        features: Tensor | None,
        labels: Tensor | None,
        masks: Tensor | None,
        attacker: Attacker,
    ) -> Self:
        """
        Args:
            update: its network, rate and number of images.
            weights: parameters, [B, P].
            scale: by which gradients are multiplied, [B, P], or None.
            shared: shared gradients, scaled, [B, P].
            features: that are matched, [B, n, d], or None.
            labels: int64 [B, n], or None if soft labels are optimised.
            masks: of all dropout layers, for each evaluation or all, [B, n, K, features]; or None
                if masks are optimised.
            attacker: its distance, and the weight of features.
        """
        network = update.network
        assert has_passes(network)  # or another backend had been chosen
        layers = [
            _layer(layer, shape)
            for layer, shape in zip(network.layers, network.input_shapes(), strict=True)
            if type(layer) is not Flatten
        ]
        return cls(
            layers=len(layers),
            classes=network.classes,
            parameters=weights.shape[1],
            features=sum(map(prod, network.dropout_shapes())),
            masks=1 if masks is None else masks.shape[2],
            images=update.images_per_update,
            cosine=attacker.distance == "cosine",
            feature_weight=attacker.features,
            mask_scale=1 / (1 - update.rate),
            layer=(_Layer * len(layers))(*layers),
            weights=weights,
            scale=scale,
            shared=shared,
            known=features,
            labels=labels,
            mask=masks,
        )


class Variation(_Addresses):
    """Total variation of the images of B clients; weights are float64 [B]."""

    _fields_ = [
        *_fields(ctypes.c_long, "planes height width"),
        *_fields(ctypes.c_double, "smoothing"),
        *_fields(ctypes.c_void_p, "weight"),
    ]


class Problems(_Addresses):
    """What L-BFGS knows of B problems."""

    _fields_ = [
        *_fields(ctypes.c_long, "batch history max_iter size line_search"),
        *_fields(ctypes.c_double, "lr tolerance_grad tolerance_change"),
        *_fields(ctypes.c_void_p, "x move previous_gradient s y curvature scale loss first_loss"),
        *_fields(ctypes.c_void_p, "pairs outcome iterations evaluations idle"),
    ]

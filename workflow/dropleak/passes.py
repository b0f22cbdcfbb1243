"""Derivatives of many small networks at once, each with its own weights, written out by hand.

The gradient of a gradient-matching loss with respect to the image is a mixed second derivative:
with g the gradient of the client's loss L with respect to the parameters, and
v = d(matching loss)/dg,

    d(matching loss)/dx = d/dx (g . v) = R_v{dL/dx},

the derivative of dL/dx in the direction v of the parameters. Pearlmutter ("Fast exact
multiplication by the Hessian", Neural Computation 6, 1994) computes it in four passes, each a few
matrix products per layer: forward, backward, R-forward, R-backward. Automatic differentiation
arrives at the same operations by way of many more.

The same passes give the derivatives with respect to masks and to the targets of the cross-entropy,
for attackers that optimise those as well.

Here x is a layer's input, y its output, dy the gradient of L with respect to y, and a leading r
the derivative in the direction v. All tensors have B * n in front, for n images of each client, and
a network's parameters are a row of P numbers in the order of `Network.parameter_shapes`, or slices
of it. A layer remembers what later passes need, so the passes of an evaluation come in this order.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak.models import Conv, Dropout, Flatten, Linear, Network, ReLU, Shape, Sigmoid


class ClientPasses:
    """The four passes through the networks of B clients with n images each.

    Args:
        network: the architecture they share.
        parameters: [B, P].
        images: n.
    """

    def __init__(self, network: Network, parameters: Tensor, images: int = 1):
        shapes = list(zip(network.layers, network.input_shapes(), strict=True))
        self.images = images
        self.sizes = [
            sum(prod(parameter) for parameter in layer.parameter_shapes(shape).values())
            for layer, shape in shapes
        ]
        self.layers = [
            _PASSES[type(layer)](layer, shape, own)
            for (layer, shape), own in zip(shapes, self._split(parameters), strict=True)
        ]

    def _split(self, rows: Tensor) -> Sequence[Tensor]:
        """What belongs to each layer of rows [B, P], repeated for each image of a client."""
        if self.images > 1:
            rows = rows.repeat_interleave(self.images, 0)
        return rows.split(self.sizes, 1)

    def _dropouts(self) -> "list[_Dropout]":
        return [layer for layer in self.layers if isinstance(layer, _Dropout)]

    def predict(self, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """Probabilities of the classes, [B * n, classes]; arguments as for `gradients`."""
        for layer, mask in zip(self._dropouts(), masks, strict=True):
            layer.mask = mask
        x = images
        for layer in self.layers:
            x = layer.forward(x)
        return x.softmax(1)

    def gradients(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> Tensor:
        """Gradients of the clients' mean cross-entropy with respect to their parameters.

        Args:
            images: [B * n, C, H, W].
            masks: [B * n, *shape] for each dropout layer.
            targets: probabilities of the classes, [B * n, classes].

        Returns:
            [B, P]
        """
        self.probabilities = self.predict(images, masks)
        dy, gradients = (self.probabilities - targets) / self.images, []
        for layer in reversed(self.layers):
            gradients = layer.backward(dy) + gradients
            if layer is not self.layers[0]:
                dy = layer.input_gradient()
        rows = torch.cat([gradient.flatten(1) for gradient in gradients], 1)
        return rows if self.images == 1 else rows.unflatten(0, (-1, self.images)).sum(1)

    def image_gradient(self, direction: Tensor) -> Tensor:
        """Derivative of the clients' image gradients in a direction of the parameters.

        Of the point at which `gradients` was called last.

        Args:
            direction: [B, P].

        Returns:
            [B * n, C, H, W]
        """
        rx = None  # the image does not depend on the parameters
        for layer, own in zip(self.layers, self._split(direction), strict=True):
            rx = layer.r_forward(rx, own)
        p = self.probabilities
        self.r_logits = (rx - (p * rx).sum(1, keepdim=True)) / self.images
        rdy = p * self.r_logits
        for layer in reversed(self.layers):
            rdy = layer.r_backward(rdy)
        return rdy

    def mask_gradients(self) -> list[Tensor]:
        """The same of the clients' mask gradients, after `image_gradient`: [B * n, *shape] each."""
        return [layer.mask_gradient() for layer in self._dropouts()]

    def target_gradient(self) -> Tensor:
        """The same of the gradients of the targets, after `image_gradient`: [B * n, classes].

        The cross-entropy's derivative with respect to a target is minus the log-probability.
        """
        return -self.r_logits


class _Affine:
    """y = W u + b with u [B, K, P]: what convolutions and linear layers have in common."""

    def __init__(self, layer: Conv | Linear, shape: Shape, parameters: Tensor):
        self.layer, self.input_shape, self.output_shape = layer, shape, layer.output_shape(shape)
        self.weight, self.bias = self._matrices(parameters)

    def _matrices(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.output_shape[0]
        weight, bias = parameters[:, :-outputs], parameters[:, -outputs:]
        return weight.unflatten(1, (outputs, -1)), bias[:, :, None]

    def _columns(self, x: Tensor) -> Tensor:
        """The input as u."""
        return x[:, :, None]

    def _sum_columns(self, u: Tensor) -> Tensor:
        """The transpose of `_columns`."""
        return u.squeeze(2)

    def forward(self, x: Tensor) -> Tensor:
        self.u = self._columns(x)
        return torch.baddbmm(self.bias, self.weight, self.u).reshape(-1, *self.output_shape)

    def backward(self, dy: Tensor) -> list[Tensor]:
        self.dy = dy.reshape(*self.bias.shape[:2], -1)
        return [self.dy @ self.u.mT, self.dy.sum(2)]

    def input_gradient(self) -> Tensor:
        return self._sum_columns(self.weight.mT @ self.dy)

    def r_forward(self, rx: Tensor | None, direction: Tensor) -> Tensor:
        self.r_weight, r_bias = self._matrices(direction)
        ry = torch.baddbmm(r_bias, self.r_weight, self.u)
        if rx is not None:
            ry = torch.baddbmm(ry, self.weight, self._columns(rx))
        return ry.reshape(-1, *self.output_shape)

    def r_backward(self, rdy: Tensor) -> Tensor:
        through_weight = self.r_weight.mT @ self.dy
        ru = torch.baddbmm(through_weight, self.weight.mT, rdy.reshape(self.dy.shape))
        return self._sum_columns(ru)


class _Conv(_Affine):
    """A convolution as a matrix product with the windows of its input."""

    def _columns(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C * kernel^2, h * w], as `F.unfold` but in one copy."""
        layer, (_, height, width) = self.layer, self.output_shape
        x = F.pad(x, (layer.padding,) * 4)
        b, c, i, j = x.stride()
        windows = x.as_strided(
            (*x.shape[:2], layer.kernel, layer.kernel, height, width),
            (b, c, i, j, i * layer.stride, j * layer.stride),
        )
        return windows.reshape(len(x), -1, height * width)

    def _sum_columns(self, u: Tensor) -> Tensor:
        layer = self.layer
        return F.fold(
            u, self.input_shape[1:], layer.kernel, padding=layer.padding, stride=layer.stride
        )


class _WithoutParameters:
    """What layers without parameters have in common."""

    def __init__(self, layer: Sigmoid | ReLU | Dropout | Flatten, shape: Shape, parameters: Tensor):
        self.input_shape = shape

    def _transpose(self, dy: Tensor) -> Tensor:
        """The layer's derivative at x, transposed, times dy."""
        raise NotImplementedError

    def backward(self, dy: Tensor) -> list[Tensor]:
        self.dx = self._transpose(dy)
        return []

    def input_gradient(self) -> Tensor:
        return self.dx

    def r_backward(self, rdy: Tensor) -> Tensor:
        return self._transpose(rdy)


class _Sigmoid(_WithoutParameters):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.sigmoid()
        self.slope = torch.addcmul(self.y, self.y, self.y, value=-1)
        return self.y

    def _transpose(self, dy: Tensor) -> Tensor:
        return dy * self.slope

    def r_forward(self, rx: Tensor, direction: Tensor) -> Tensor:
        self.rx = rx
        return rx * self.slope

    def r_backward(self, rdy: Tensor) -> Tensor:
        # The second derivative of the sigmoid is slope * (1 - 2 y).
        change = self.dx * self.rx
        change = torch.addcmul(change, change, self.y, value=-2)
        return torch.addcmul(change, rdy, self.slope)


class _ReLU(_WithoutParameters):
    def forward(self, x: Tensor) -> Tensor:
        self.open = x > 0
        return x * self.open

    def _transpose(self, dy: Tensor) -> Tensor:
        return dy * self.open

    def r_forward(self, rx: Tensor, direction: Tensor) -> Tensor:
        return rx * self.open


class _Dropout(_WithoutParameters):
    mask: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x * self.mask

    def _transpose(self, dy: Tensor) -> Tensor:
        return dy * self.mask

    def backward(self, dy: Tensor) -> list[Tensor]:
        self.dy = dy
        return super().backward(dy)

    def r_forward(self, rx: Tensor, direction: Tensor) -> Tensor:
        self.rx = rx
        return rx * self.mask

    def r_backward(self, rdy: Tensor) -> Tensor:
        self.rdy = rdy
        return super().r_backward(rdy)

    def mask_gradient(self) -> Tensor:
        # The derivative of L is dy x; both depend on the parameters.
        return self.rdy * self.x + self.dy * self.rx


class _Flatten(_WithoutParameters):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def _transpose(self, dy: Tensor) -> Tensor:
        return dy.reshape(-1, *self.input_shape)

    def r_forward(self, rx: Tensor, direction: Tensor) -> Tensor:
        return rx.flatten(1)


_PASSES = {
    Conv: _Conv,
    Dropout: _Dropout,
    Flatten: _Flatten,
    Linear: _Affine,
    ReLU: _ReLU,
    Sigmoid: _Sigmoid,
}

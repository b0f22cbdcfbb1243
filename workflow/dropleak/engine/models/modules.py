"""Built-in networks that are torch modules, each from the images' shape and the number of classes.

What is said of them elsewhere is in `zoo.py`.
"""

from collections import OrderedDict
from math import prod

import torch
from torch import Tensor, nn

from dropleak.engine.models.layer import Shape
from dropleak.errors import InputError


def mlp(shape: Shape, classes: int) -> nn.Module:
    """The MLP of Scheliga et al. 2022: three layers of 512, GELU and dropout, without any bias."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = prod(shape)
    for _ in range(3):
        layers += [nn.Linear(width, 512, bias=False), nn.GELU(), nn.Dropout(0.25)]
        width = 512
    return nn.Sequential(*layers, nn.Linear(width, classes, bias=False))


class _Residual(nn.Module):
    """Layer norm and a module, added to their input."""

    def __init__(self, width: int, inner: nn.Module):
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(self.norm(x))


class _Attention(nn.Module):
    """Self-attention, with dropout of its weights and of its output."""

    def __init__(self, width: int, heads: int, rate: float):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.dropout = nn.Dropout(rate)
        self.out = nn.Sequential(nn.Linear(width, width), nn.Dropout(rate))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT * q.shape[-1] ** -0.5).softmax(3)
        return self.out((self.dropout(weights) @ v).transpose(1, 2).flatten(2))


class ViT(nn.Module):
    """The vision transformer of Scheliga et al. 2022, in the form of lucidrains/vit-pytorch.

    Patches of 4 x 4 pixels, 4 layers of width 256 with 16 heads, an MLP of 256; dropout of the
    embedding, the attention's weights and output, and in the MLP. The logits come from the class
    token.
    """

    def __init__(self, shape: Shape, classes: int):
        super().__init__()
        patch, width, heads, rate = 4, 256, 16, 0.25
        channels, height, columns = shape
        if height % patch or columns % patch:
            raise InputError(
                f"vit cuts images into squares of {patch} pixels, and {height} x {columns} is no "
                f"multiple: set data.size to one"
            )
        self.patches = nn.Unfold(patch, stride=patch)
        self.embedding = nn.Linear(channels * patch**2, width)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, height * columns // patch**2 + 1, width))
        self.dropout = nn.Dropout(rate)
        layers: list[nn.Module] = []
        for _ in range(4):
            layers += [
                _Residual(width, _Attention(width, heads, rate)),
                _Residual(width, _feed_forward(width, 256, rate)),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(self.patches(x).mT)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.head(self.layers(self.dropout(x))[:, 0])


def _feed_forward(width: int, hidden: int, rate: float) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(rate),
        nn.Linear(hidden, width),
        nn.Dropout(rate),
    )


def convnet(shape: Shape, classes: int) -> nn.Module:
    """The ConvNet of Geiping et al. 2020: eight 3x3 convolutions with batch norm and ReLU.

    Of 64 to 256 channels, and with max pooling over 3 x 3 after the sixth and the last. It has no
    dropout.
    """
    if min(shape[1:]) < 9:
        raise InputError(
            f"convnet pools images twice over 3 x 3 pixels, and {shape[1]} x {shape[2]} are too "
            "few: set data.size to 9 or more"
        )
    layers, inputs = OrderedDict[str, nn.Module](), shape[0]
    for place, outputs in enumerate((64, 128, 128, 256, 256, 256, 256, 256)):
        layers[f"conv{place}"] = nn.Conv2d(inputs, outputs, 3, padding=1)
        layers[f"norm{place}"] = nn.BatchNorm2d(outputs)
        layers[f"relu{place}"] = nn.ReLU()
        if place in (5, 7):
            layers[f"pool{place}"] = nn.MaxPool2d(3)
        inputs = outputs
    features = inputs * prod(side // 3 // 3 for side in shape[1:])
    return nn.Sequential(layers | {"flatten": nn.Flatten(), "fc": nn.Linear(features, classes)})


def resnet18(shape: Shape, classes: int) -> nn.Module:
    """The ResNet-18 of He et al. 2016, from torchvision, adapted to images of 32 x 32.

    As is usual for CIFAR it begins with a 3x3 convolution of stride 1 and without pooling. It has
    no dropout.
    """
    from torchvision.models import resnet18 as build  # which attacks on others do without

    module = build(num_classes=classes)
    module.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
    module.maxpool = nn.Identity()
    return module

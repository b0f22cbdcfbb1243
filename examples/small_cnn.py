"""A small convolutional network, as somebody might have it: nothing here knows of dropleak."""

from torch import nn


def build(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The network for images of a shape (channels, height, width)."""
    channels, height, width = shape
    return nn.Sequential(
        *block(channels, 8),
        *block(8, 16),
        nn.Flatten(),
        nn.Dropout(0.2),  # an experiment sets its rate
        nn.Linear(16 * (height // 4) * (width // 4), classes),
    )


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A 3x3 convolution that halves height and width."""
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2),
    ]

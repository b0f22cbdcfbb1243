"""Torch modules as users have them."""

import torch
from torch import nn
from torch.nn import functional as F


def lenet(dropout=True) -> nn.Module:
    """The built-in network of that name for 1 x 32 x 32, as a module."""
    layers, channels = [], 1
    for stride in (2, 2, 1):
        layers += [nn.Conv2d(channels, 12, 5, stride=stride, padding=2), nn.Sigmoid()]
        channels = 12
    last = [nn.Dropout(), nn.Linear(768, 10)] if dropout else [nn.Linear(768, 10)]
    return nn.Sequential(*layers, nn.Flatten(), *last)


class ConvNet(nn.Module):
    """With batch norm, in-place and functional parts, and one dropout layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(1, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.dropout, self.channels = nn.Dropout(0.2), nn.Dropout2d(0.2)
        self.hidden, self.fc = nn.Linear(6 * 8 * 8, 12), nn.Linear(12, 10)
        nn.init.uniform_(self.norm.running_mean, -0.1, 0.1)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x):
        x = F.leaky_relu(self.norm(self.conv1(x)), inplace=True)
        x = self.channels(F.max_pool2d(self.conv2(x), 2))
        x = self.dropout(x.flatten(1))
        return self.fc(self.dropout(F.softplus(self.hidden(x))))


def transformer() -> nn.Module:
    """Two layers of torch's own on the rows of an image, and a linear layer without bias."""
    layer = nn.TransformerEncoderLayer(
        32, nhead=4, dim_feedforward=24, activation="gelu", batch_first=True
    )
    layer.self_attn.dropout = 0.0  # which is not a module
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    last = nn.Linear(32 * 32, 10, bias=False)
    return nn.Sequential(nn.Flatten(1, 2), encoder, nn.Flatten(), nn.Dropout(), last)


def mlp() -> nn.Module:
    """Without any bias, and with features of both signs."""
    layers = [nn.Flatten(), nn.Linear(1024, 24, bias=False), nn.GELU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(24, 10, bias=False))


class Unusual(nn.Module):
    """Weights that are used twice, elsewhere, in groups, out of sight, or are computed."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(1, 4, 4, stride=4)
        self.groups = nn.Conv2d(4, 4, 3, padding="same", groups=2)
        self.same = nn.Conv2d(4, 2, 3, padding="same", bias=False)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.twice, self.tied = nn.Linear(16, 16), nn.Linear(16, 16, bias=False)
        self.computed = nn.utils.parametrizations.weight_norm(nn.Linear(128, 12))
        self.scale = nn.Parameter(torch.linspace(0.5, 1, 12))
        self.dropout, self.last = nn.Dropout(), nn.Linear(12, 10)

    def forward(self, x):
        x = self.same(self.groups(self.grouped(x).sigmoid()).sigmoid())
        x = x.flatten(1).unflatten(1, (8, 16))
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.twice(self.twice(x).tanh())
        x = self.tied(x) @ self.tied.weight
        return self.last(self.dropout(self.computed(x.flatten(1)).sigmoid() * self.scale))

"""Torch modules as users have them."""

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

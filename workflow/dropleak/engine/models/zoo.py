"""The networks that can be attacked: an entry each, with everything said of it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from pkgutil import resolve_name
from typing import TYPE_CHECKING, ClassVar

from dropleak.engine.models.layer import Layer, Shape
from dropleak.engine.models.layers import CLASSIFIER, Conv, Dropout, Flatten, Linear, ReLU, Sigmoid
from dropleak.engine.models.network import Network

if TYPE_CHECKING:
    from torch import nn

DROPOUT_SITES = ("classifier", "convolutions", "both")
"""Where a network's dropout layers are: before the classifier, after each convolution, or both."""


@dataclass(frozen=True)
class Architecture:
    """A sequence of layers, for images and classes of any number."""

    sites: ClassVar = DROPOUT_SITES
    drawn_for_each_client: ClassVar = True
    parameters: ClassVar = 0
    """Few beside what else an attack keeps in memory."""

    builder: Callable[[Shape, int, str], Network]
    """From the images' shape, the number of classes and the site of dropout."""
    meaning: str
    """What it is, for the table of settings."""
    method: str
    """The same for the methods paragraph, without weights: LaTeX that may cite
    `report/references.bib`."""
    initial: str = "PyTorch's initial weights"
    """What its weights are before any training, in the methods paragraph."""

    @property
    def multiplications(self) -> float:
        """Of the forward pass of a photograph of 3 x 32 x 32, in millions."""
        return self.build((3, 32, 32), 10).multiplications() / 1e6

    def build(self, input_shape: Shape, classes: int, dropout: str = "classifier") -> Network:
        """The network.

        Args:
            input_shape: (channels, height, width).
            classes: number of logits.
            dropout: one of `DROPOUT_SITES`.

        Raises:
            ValueError: it lacks something that attacks and figures need.
        """
        network = self.builder(input_shape, classes, dropout)
        if problem := _problem(network, classes):
            raise ValueError(f"the network that is {self.meaning} {problem}")
        return network


@dataclass(frozen=True)
class ModuleArchitecture:
    """A torch module, for images and classes of any number."""

    sites: ClassVar = ("classifier",)
    """Its own, or before the last linear layer if it has none."""
    drawn_for_each_client: ClassVar = False

    builder: str
    """Full name of a function from the images' shape and the number of classes to a module."""
    meaning: str
    """What it is, for the table of settings."""
    method: str
    """The same for the methods paragraph: LaTeX that may cite `report/references.bib`."""
    multiplications: float
    """Of the forward pass of a photograph of 3 x 32 x 32, in millions."""
    parameters: int
    """Number of weights and biases for ten classes of such photographs."""

    @property
    def function(self) -> Callable[[Shape, int], nn.Module]:
        """The function itself, whose module has torch imported."""
        return resolve_name(self.builder)


def convolutional(
    input_shape: Shape,
    classes: int,
    dropout: str,
    blocks: Sequence[Sequence[Layer]],
    bound: float | None = None,
) -> Network:
    """Blocks of layers, then one linear layer, with dropout at a site; arguments as for `build`.

    Args:
        blocks: a convolution and what follows it, each. The site `convolutions` is their ends.
        bound: of the initial parameters, see `Network`.
    """
    layers = []
    for block in blocks:
        layers += [*block, *[Dropout()] * (dropout in ("convolutions", "both"))]
    layers += [Flatten(), *[Dropout()] * (dropout in ("classifier", "both"))]
    return Network(input_shape, (*layers, Linear(CLASSIFIER, classes)), bound)


def lenet(input_shape: Shape, classes: int, dropout: str = "classifier") -> Network:
    """The LeNet of DLG (Zhu et al. 2019) and iDLG (Zhao et al. 2020), with dropout.

    Three 5x5 convolutions of 12 channels with strides 2, 2 and 1, a sigmoid after each, and one
    linear layer. The dropout layer before that is the only change of "Dropout against Deep Leakage
    from Gradients" (section 4.1).
    """
    blocks = [
        (Conv(f"conv{number}", 12, kernel=5, stride=stride, padding=2), Sigmoid())
        for number, stride in enumerate((2, 2, 1), start=1)
    ]
    return convolutional(input_shape, classes, dropout, blocks, bound=0.5)


def relu_convnet(input_shape: Shape, classes: int, dropout: str = "classifier") -> Network:
    """A small network of another kind: three 3x3 convolutions of 16 and 32 channels with ReLU.

    It starts as torch's modules do. Features can be zero without having been dropped.
    """
    blocks = [
        (Conv(f"conv{number}", channels, kernel=3, stride=stride, padding=1), ReLU())
        for number, (channels, stride) in enumerate(((16, 1), (16, 2), (32, 2)), start=1)
    ]
    return convolutional(input_shape, classes, dropout, blocks)


NETWORKS: dict[str, Architecture | ModuleArchitecture] = {
    "lenet": Architecture(
        lenet,
        meaning="that of the DLG and iDLG papers, with sigmoids and weights in [-0.5, 0.5]",
        method=r"the LeNet of Zhu et al.\ \cite{zhu2019deep} with sigmoids",
        initial="weights and biases uniform in $[-0.5, 0.5]$",
    ),
    "relu-convnet": Architecture(
        relu_convnet,
        meaning="a small one with ReLU and torch's initial weights",
        method="a convolutional network with ReLU",
    ),
    "mlp": ModuleArchitecture(
        "dropleak.engine.models.modules.mlp",
        meaning="the MLP of the dropout inversion paper: three layers of 512 with GELU and "
        "dropout, without bias",
        method=r"the MLP of Scheliga et al.\ \cite{scheliga2023dropout} (three hidden layers "
        "of 512 units, GELU, no biases, dropout after each)",
        multiplications=2.1,
        parameters=2_102_272,
    ),
    "vit": ModuleArchitecture(
        "dropleak.engine.models.modules.ViT",
        meaning="the vision transformer of the dropout inversion paper: patches of 4 x 4, four "
        "layers of width 256 with 16 heads",
        method=r"the vision transformer of Scheliga et al.\ \cite{scheliga2023dropout} (patches of "
        r"$4 \times 4$, four layers of width 256 with 16 heads, dropout in all its usual places)",
        multiplications=112,
        parameters=1_612_554,
    ),
    "convnet": ModuleArchitecture(
        "dropleak.engine.models.modules.convnet",
        meaning="the ConvNet of Geiping et al.: eight 3x3 convolutions with batch norm, ReLU and "
        "max pooling",
        method=r"the ConvNet of Geiping et al.\ \cite{geiping2020inverting} (eight $3 \times 3$ "
        "convolutions of 64 to 256 channels with batch norm, ReLU and max pooling)",
        multiplications=1856,
        parameters=2_904_970,
    ),
    "resnet18": ModuleArchitecture(
        "dropleak.engine.models.modules.resnet18",
        meaning="torchvision's ResNet-18, adapted to 32 x 32: a first convolution of 3x3 and no "
        "pooling after it",
        method="ResNet-18 adapted to small images (a first convolution of $3 \\times 3$ with "
        "stride 1, and no pooling after it)",
        multiplications=555,
        parameters=11_173_962,
    ),
}


@cache
def relative_cost(name: str) -> float:
    """Multiplications of a network for a photograph of 3 x 32 x 32, relative to those of lenet."""
    return NETWORKS[name].multiplications / NETWORKS["lenet"].multiplications


def _problem(network: Network, classes: int) -> str | None:
    """What a network lacks that attacks and figures need."""
    first, *_, last = network.layers
    if not first.parameter_shapes(network.input_shape):
        return f"begins with {type(first).__name__}, which has no parameters"
    if last != Linear(CLASSIFIER, classes):
        return f"does not end with Linear(CLASSIFIER, {classes})"
    if network.layers.count(Flatten()) != 1:
        return "has not exactly one Flatten"
    between = network.layers[network.layers.index(Flatten()) + 1 : -1]
    if not all(isinstance(layer, Dropout) for layer in between):
        return "has more than dropout between Flatten and the classifier"
    if [prod(shape) for shape in network.dropout_shapes()][-1:] != [*network.input_shapes()[-1]]:
        return "has no dropout on the features before the classifier"
    return None

"""How far the separation of an update's images goes, and where it fails.

    python benchmarks/separation.py FOLDER [--updates 32] [--only GROUP ...]

FOLDER holds photographs, train/<class>/<image> and test/<class>/<image>, 32x32 RGB. Separates
updates of them under conditions that get harder, compares what the attacker claims with the truth,
and prints a table. A GROUP of them is ten-classes, hundred-classes, half, noise or trained.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import library  # noqa: F401, which finds dropleak
import reference
from dropleak.data.sources import image_tables
from dropleak.engine import rng
from dropleak.engine.attack.separation import EXACT, Separation, separate
from dropleak.engine.client.update import Private, Update, compute_update
from dropleak.engine.models.model import Model
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet
from dropleak.errors import InputError
from dropleak.jobs.images import tensors
from dropleak.planning import grid
from dropleak.scoring.metrics import assign

SHAPE = (3, 32, 32)
RATES = (0.05, 0.1, 0.3, 0.5)

Images = tuple[Tensor, Tensor]  # [N, C, H, W] in [0, 1], int64 [N]
Spoil = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Condition:
    """What updates are like."""

    name: str
    network: Model
    images: int
    rate: float
    spoil: Spoil = torch.clone
    """What becomes of each tensor of gradients before the attacker gets it."""
    most: int = 1000
    """Updates at most."""


def conditions(train: Images, test: Images) -> dict[str, Callable[[], Iterator[Condition]]]:
    """All of them, by the name of a group."""
    ten, hundred = lenet(SHAPE, 10), lenet(SHAPE, 100)

    def ten_classes() -> Iterator[Condition]:
        for n in (2, 4, 8, 9):
            for rate in RATES:
                yield Condition("10 classes", ten, n, rate)

    def hundred_classes() -> Iterator[Condition]:
        for n in (16, 32, 64):
            for rate in RATES[1:]:
                yield Condition("100 classes", hundred, n, rate, most=4)

    def half() -> Iterator[Condition]:
        for n in (2, 4, 8):
            yield Condition("float16", ten, n, 0.3, Tensor.half)

    def noise() -> Iterator[Condition]:
        for level in (1e-6, 1e-5, 1e-4, 1e-3):
            for n in (2, 4, 8):
                yield Condition(f"noise {level:.0e}", ten, n, 0.3, partial(noisy, level))

    def trained() -> Iterator[Condition]:
        network, accuracy = train_network(train, test)
        for n in (2, 4, 8):
            for rate in RATES[1:]:
                yield Condition(f"trained, accuracy {accuracy:.0%}", network, n, rate)

    every = (ten_classes, hundred_classes, half, noise, trained)
    return {group.__name__.replace("_", "-"): group for group in every}


def noisy(level: float, gradient: Tensor) -> Tensor:
    """With normal noise, relative to the root mean square of the tensor's gradient of a client."""
    size = gradient.square().mean(tuple(range(1, gradient.ndim)), keepdim=True).sqrt()
    return gradient + level * size * torch.randn_like(gradient)


def train_network(train: Images, test: Images) -> tuple[Model, float]:
    """A LeNet trained for 20 epochs with dropout at 0.3, and its accuracy."""
    *layers, classifier = reference.lenet(3, 768, 10)
    module = nn.Sequential(*layers, nn.Dropout(0.3), classifier)
    for name, parameter in module.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(parameter, gain=4)
        else:
            nn.init.zeros_(parameter)
    optimiser = torch.optim.Adam(module.parameters(), 0.003)
    for _ in range(20):
        for batch in torch.randperm(len(train[1])).split(16):
            loss = F.cross_entropy(module(train[0][batch]), train[1][batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    module.eval()
    accuracy = (module(test[0]).argmax(1) == test[1]).double().mean().item()
    return ModuleNetwork(module, SHAPE, 10), accuracy


def updates(condition: Condition, images: Images, count: int) -> tuple[Update, Private]:
    """Updates of the first images; for a hundred classes labels are drawn at random."""
    network, n = condition.network, condition.images
    indices = torch.arange(min(count, condition.most) * n).reshape(-1, n) % len(images[1])
    labels = images[1][indices]
    if network.classes > 10:
        labels = torch.randint(network.classes, labels.shape)
    keys = rng.image_keys(0, torch.arange(indices.numel()).reshape(indices.shape))
    update, private = compute_update(network, images[0][indices], labels, keys, condition.rate)
    gradients = {name: condition.spoil(tensor) for name, tensor in update.gradients.items()}
    return replace(update, gradients=gradients), private


def right(separation: Separation, private: Private) -> tuple[np.ndarray, np.ndarray]:
    """Which images have mask and label right, and which of them the attacker calls exact.

    Both are bool [B, n], in the order in which most masks and labels are right.
    """
    found, kept = ((x > 0).flatten(2).numpy() for x in (separation.features, private.masks[0]))
    pairs = zip(kept, found, private.labels.numpy(), separation.labels.numpy(), strict=True)
    wrong = np.stack(
        [
            (masks[:, None] != others).sum(2) + (labels[:, None] != other_labels)
            for masks, others, labels, other_labels in pairs
        ]
    )
    order = assign(wrong.astype(float))
    right = np.take_along_axis(wrong, order[:, :, None], 2)[:, :, 0] == 0
    return right, np.take_along_axis(np.array(separation.claims) == EXACT, order, 1)


def row(condition: Condition, images: Images, count: int) -> list[object]:
    """A condition's row of the table."""
    torch.manual_seed(0)
    update, private = updates(condition, images, count)
    began = time.process_time()
    separation = separate(update)
    seconds = (time.process_time() - began) / len(update)
    true, claimed = right(separation, private)
    return [
        condition.name,
        condition.images,
        condition.rate,
        len(update),
        int(separation.found.all(1).sum()),
        int(true.all(1).sum()),
        int(claimed.all(1).sum()),
        f"{separation.found.double().mean():.0%}",
        int((claimed & ~true).sum()),
        f"{seconds:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--updates", type=int, default=32)
    parser.add_argument("--only", nargs="+", metavar="GROUP")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        tables = image_tables("folder", options.folder, None)
    except InputError as error:
        sys.exit(str(error))
    chosen = tables["test"].take(grid.selection(len(tables["test"]), 0))
    train, test = (
        (pixels.float(), labels) for pixels, labels in map(tensors, (tables["train"], chosen))
    )
    groups = conditions(train, test)
    if unknown := set(options.only or ()) - groups.keys():
        sys.exit(f"there is no group {', '.join(unknown)}: choose from {', '.join(groups)}")
    columns = (
        *("", "n", "rate", "updates", "separated", "exact", "claimed"),
        *("images found", "wrongly", "s"),
    )
    print("|", " | ".join(columns), "|")
    print("|" + "---|" * len(columns))
    for name in options.only or groups:
        for condition in groups[name]():
            cells = row(condition, test, options.updates)
            print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()

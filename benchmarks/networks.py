"""Attacks on torch modules against the plain loop: one image at a time, differentiated twice.

    python benchmarks/networks.py [NAME ...] [--threads 2] [--rounds 3] [--clients 1 8 32]

Needs torch, torchvision and numpy; uses the GPU if there is one. For each network it prints
milliseconds per iteration of Adam and image of that loop and of the engine, for several clients at
once, and how many times as fast that is: medians over rounds in which everything takes turns, with
the range. All attack random images with torch's initial weights, from the same starts. With one
thread on a CPU it is the processor's time, which neighbours on the machine disturb less.

Where breaching (github.com/JonasGeiping/breaching) can be imported, its own loop takes part.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from types import SimpleNamespace

import torch
from torch import nn

import library  # noqa: F401, which finds dropleak
import reference
from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.labels import infer_labels
from dropleak.engine.attack.reconstruct import reconstruct, start_images
from dropleak.engine.client.update import Update, compute_update
from dropleak.engine.models import modules
from dropleak.engine.models.module import ModuleNetwork

SHAPE, CLASSES = (3, 32, 32), 10

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "lenet": lambda: reference.lenet(3, 768, CLASSES),
    "mlp": lambda: modules.mlp(SHAPE, CLASSES),
    "vit": lambda: modules.ViT(SHAPE, CLASSES),
    "convnet": lambda: modules.convnet(SHAPE, CLASSES),
    "resnet18": lambda: modules.resnet18(SHAPE, CLASSES),
}

ITERATIONS = {"convnet": 20, "resnet18": 20, "vit": 40}
"""Of each attack; 100 of others."""

ATTACKER = Attacker(masks="ignore", optimiser="adam", learning_rate=0.1)


def invert(
    module: nn.Module, update: Update, label: torch.Tensor, start: torch.Tensor, iterations: int
) -> None:
    """The plain loop on the first client: its label [1], and the image to start from."""
    shared = [gradient[0] for gradient in update.gradients.values()]
    dummy = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([dummy], ATTACKER.learning_rate)
    for _ in range(iterations):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(module(dummy), label)
        gradients = torch.autograd.grad(loss, module.parameters(), create_graph=True)
        distance = sum(
            (own - other).square().sum() for own, other in zip(gradients, shared, strict=True)
        )
        (dummy.grad,) = torch.autograd.grad(distance, dummy)
        optimiser.step()


def invert_with_breaching(
    module: nn.Module, update: Update, label: torch.Tensor, start: torch.Tensor, iterations: int
) -> None:
    """The same in breaching: its attacker with these settings."""
    import breaching

    overrides = [
        f"optim={{max_iterations: {iterations}, step_size: {ATTACKER.learning_rate}}}",
        "optim={signed: null, boxed: false, step_size_decay: null}",
        "objective={type: euclidean, scale: 2.0}",  # it halves the square
        "regularization=null",
        "restarts.scoring=euclidean",  # of the result, another gradient
    ]
    with redirect_stdout(sys.stderr):
        config = breaching.get_attack_config("invertinggradients", overrides)
    setup = {"device": start.device, "dtype": start.dtype}
    attacker = breaching.attacks.prepare_attack(module, nn.CrossEntropyLoss(), config, setup)
    server = {
        "parameters": list(module.parameters()),
        "buffers": list(module.buffers()),
        "metadata": SimpleNamespace(shape=SHAPE, modality="vision"),
    }
    client = {
        "gradients": [gradient[0] for gradient in update.gradients.values()],
        "buffers": None,
        "metadata": {"num_data_points": 1, "labels": label, "local_hyperparams": None},
    }
    attacker.reconstruct([server], [client], server_secrets={}, initial_data=start)


LOOPS = {"plain loop": invert}
"""What the engine is compared with, by name."""
if find_spec("breaching"):
    LOOPS["breaching"] = invert_with_breaching


def problems(module: nn.Module, clients: int, device: str) -> tuple[Update, torch.Tensor]:
    """What clients with a random image each shared, and the attackers' keys."""
    keys = rng.image_keys(0, torch.arange(clients)[:, None])
    images = rng.uniform(keys, 3 * 32 * 32).reshape(clients, 1, *SHAPE).float()
    labels = torch.arange(clients)[:, None] % CLASSES
    network = ModuleNetwork(module, SHAPE, CLASSES)
    update, _ = compute_update(network, images.to(device), labels.to(device), keys, 0.0)
    return update, rng.attacker_keys(keys).to(device)


def timed(attack: Callable[[], int], device: str) -> float:
    """Milliseconds per iteration of an attack, or of several, that returns how many it did."""
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    if device == "cuda":
        torch.cuda.synchronize()
    began = clock()
    iterations = attack()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1000 * (clock() - began) / iterations


def attacks(name: str, clients: list[int], device: str) -> dict[str, Callable[[], int]]:
    """The loops, and the engine for several numbers of clients."""
    torch.manual_seed(0)
    module, iterations = NETWORKS[name]().to(device), ITERATIONS.get(name, 100)
    update, keys = problems(module, max(clients), device)
    labels, starts = infer_labels(update, keys), start_images(update, keys)
    assert labels is not None
    module.eval()  # as the clients: nothing is dropped, and batch norm knows its statistics

    def alone(loop: Callable[..., None]) -> Callable[[], int]:
        def attack() -> int:
            loop(module, update, labels[0], starts[0], iterations)
            return iterations

        return attack

    def engine(count: int) -> Callable[[], int]:
        some = torch.arange(count, device=device)

        def attack() -> int:
            result = reconstruct(
                update.select(some), ATTACKER, keys[some], iterations, lambda *progress: None
            )
            return int(result.iterations.sum())

        return attack

    loops = {name: alone(loop) for name, loop in LOOPS.items()}
    return loops | {clients_named(count): engine(count) for count in clients}


def clients_named(count: int) -> str:
    return f"{count} client{'s' * (count > 1)}"


def text(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NETWORKS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    counts = [clients_named(count) for count in options.clients]
    times = [f"times {loop}" for loop in LOOPS]
    columns = ["network", *(f"{loop}, ms" for loop in LOOPS)]
    for count in counts:
        columns += [f"{count}, ms", *times]
    print(f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", sep="\n")
    for name in options.names or NETWORKS:
        every = attacks(name, options.clients, device)
        for attack in every.values():
            attack()  # to warm up
        rounds = [
            {key: timed(attack, device) for key, attack in every.items()}
            for _ in range(options.rounds)
        ]
        cells = [f"`{name}`", *(text([each[loop] for each in rounds]) for loop in LOOPS)]
        for count in counts:
            cells.append(text([each[count] for each in rounds]))
            cells += [text([each[loop] / each[count] for each in rounds]) for loop in LOOPS]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

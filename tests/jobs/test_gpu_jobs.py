"""Jobs on a GPU do what they do on the CPU, as far as a fake GPU shows."""

from functools import partial

import numpy as np
import pytest
import torch
from experiment import run
from fake_gpu import FAKE_GPU
from protection import EXAMPLES

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.backends import compiled
from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training
from dropleak.jobs.training import train_seeds
from dropleak.planning.schema import load_presets

PRESETS = load_presets("attackers")
DEFENCES = pytest.mark.parametrize("defence", EXAMPLES.values(), ids=EXAMPLES)
DEVICES = ("cpu", FAKE_GPU)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda here, there: here + there,
        lambda here, there: here[there.long()],
        lambda here, there: there.index_put_((torch.tensor([0]),), here),
        lambda here, there: there.long() @ there.long(),
        lambda here, there: there.numpy(),
    ],
)
def test_the_fake_gpu_refuses_what_a_gpu_does(wrong):
    with pytest.raises(RuntimeError):
        wrong(torch.ones(1), torch.ones(1, device=FAKE_GPU))


@pytest.fixture(autouse=True)
def _without_c(monkeypatch):
    monkeypatch.setattr(compiled, "find", lambda like: None)


def attacked(digits, **settings):
    """Tables of attacks on both devices."""
    attack = partial(run, digits, [4, 17], rate=0.3, iterations=20, **settings)
    return [without_machine(attack(device=device)) for device in DEVICES]


def without_machine(table):
    return table.drop_columns(["seconds", "device"])


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("name", PRESETS)
def test_attackers(digits, name, images):
    client, attacker = Client("lenet", "both", images), Attacker(**PRESETS[name])
    on_cpu, on_gpu = attacked(digits, client=client, attacker=attacker)
    assert on_gpu.equals(on_cpu)


@DEFENCES
def test_attacks_on_defences(digits, defence):
    client, attacker = Client(images_per_update=2, defence=defence), Attacker(**PRESETS["adaptive"])
    on_cpu, on_gpu = attacked(digits, client=client, attacker=attacker)
    assert on_gpu.equals(on_cpu)


@pytest.mark.parametrize("name", ["adaptive", "dropout-inversion"])
def test_attacks_on_torch_modules(digits, name):
    """But for rounding."""
    client, attacker = Client("mlp", images_per_update=2), Attacker(**PRESETS[name])
    on_cpu, on_gpu = attacked(digits, client=client, attacker=attacker)
    expected = pytest.approx(on_cpu["rmse"].to_pylist(), rel=1e-3)
    assert on_gpu["rmse"].to_pylist() == expected


@DEFENCES
def test_training(monkeypatch, digits, defence):
    monkeypatch.setattr(torch, "Generator", lambda device=None, make=torch.Generator: make())
    train = partial(
        train_seeds,
        digits["train"].slice(0, 64),
        digits["test"].slice(0, 64),
        client=Client(defence=defence),
        rate=0.3,
        seeds=[5],
        keep=[1],
        progress=lambda: None,
        training=Training(1, 32, "adam", 0.01, "xavier"),
    )
    (on_cpu, weights), (on_gpu, gpu_weights) = (train(device=device) for device in DEVICES)
    assert without_machine(on_gpu).equals(without_machine(on_cpu))
    for name, array in weights[1].items():
        assert np.array_equal(gpu_weights[1][name], array)

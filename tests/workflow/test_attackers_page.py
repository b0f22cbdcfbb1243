"""The examples of docs/attackers.md do what the page says."""

import re

import pandas as pd
import pytest
import torch
import yaml
from problems import clients
from runner import planned, run, with_changes

from dropleak.attack import objective
from dropleak.attack.attacker import Attacker
from dropleak.attack.reconstruct import reconstruct
from dropleak.config import attackers
from places import ROOT

PAGE = (ROOT / "docs" / "attackers.md").read_text()


def example(language):
    """The page's one block in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return found


def test_a_preset_is_a_new_attacker(tmp_path, small):
    changes = yaml.safe_load(example("yaml")) | {"rates": [0.5], "utility": {"rates": [0.5]}}
    arguments = with_changes(small, tmp_path, changes)
    table = "results/small/tables/attacks.parquet"
    run(table, "--cores", "2", *arguments, cwd=tmp_path)
    frame = pd.read_parquet(tmp_path / table).set_index("attacker")
    assert set(frame.index) == set(changes["attackers"])
    assert (frame.loc["patient", "iterations"] == 3 * 40).all()
    assert planned(table, *arguments, cwd=tmp_path) == {}


def test_a_function_is_a_new_distance(digits, monkeypatch):
    monkeypatch.setattr(objective, "DISTANCES", dict(objective.DISTANCES))
    exec(example("python"), {})
    update, _, keys = clients(digits, [4, 17], 0.0)
    seen = []
    attacker = Attacker(distance="absolute", optimiser="adam", learning_rate=0.1)
    reconstruct(update, attacker, keys, 100, lambda *progress: seen.append(progress[2]))
    assert (seen[-1] < seen[0] / 2).all()
    torch.manual_seed(0)
    found = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    shared = torch.randn(3, 7, dtype=torch.float64)
    value, slope = objective.DISTANCES["absolute"](found, shared)
    assert torch.equal(slope, torch.autograd.grad(value.sum(), found)[0])


@pytest.mark.parametrize("name", attackers({"presets": {}}))
def test_every_built_in_attacker_is_described(name):
    assert f"`{name}`" in PAGE

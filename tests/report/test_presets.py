"""A line in plain words for every client and attacker."""

import re

import pytest

from dropleak.planning import config as configuration
from dropleak.planning.validation import complete
from dropleak.report import presets

COMPLETE = complete({"experiment": "test"})
CLIENTS, ATTACKERS = configuration.clients(COMPLETE), configuration.attackers(COMPLETE)


def test_every_preset_has_a_line_without_latex():
    glossary = presets.glossary(CLIENTS, ATTACKERS)
    assert [name for name, _ in glossary] == [*CLIENTS, *ATTACKERS]
    for _, line in glossary:
        assert not re.search(r"[\\{}$]", line)


def test_attackers_with_other_settings_have_other_lines():
    lines = [line for _, line in presets.glossary({}, ATTACKERS)]
    assert len({*lines}) == len(lines)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "1 image an update; the LeNet of Zhu et al. with sigmoids"),
        ({"images_per_update": 4}, "4 images an update"),
        ({"dropout": "convolutions"}, "dropout after each convolution"),
        ({"weights": "trained", "epochs": 5}, "the weights after 5 epochs of the first training"),
        ({"defence": {"pruning": {"share": 0.9}}}, "set to zero with share 0.9"),
        ({"defence": {"sign": {}}}, "defended by the sign of every entry of the gradient"),
        (
            {"network": "/a/my_net.py:build", "weights": "/a/w_1.pt"},
            "the network build of my_net.py",
        ),
    ],
)
def test_a_client_is_described_by_its_settings(settings, words):
    ((_, line),) = presets.glossary({"mine": CLIENTS["lenet"] | settings}, {})
    assert words in line
    assert "/a/" not in line

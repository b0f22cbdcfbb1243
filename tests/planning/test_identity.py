"""The settings that results depend on, and those that they do not."""

import pytest

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.client import Client
from dropleak.planning import identity
from dropleak.planning.config import complete


def configured(**settings):
    presets = {"attackers": {"mine": {"masks": "fixed"}}, "clients": {"mine": {}}}
    return complete({"experiment": "test", "presets": presets, **settings})


def of_attack(config, attacker, client="lenet"):
    return identity.of_attack(config, identity.of_images(config), client, attacker)


def of_training(config, client="lenet"):
    return identity.of_training(config, identity.of_images(config), client)


@pytest.mark.parametrize(
    ("settings", "attack", "training"),
    [
        ({"seed": 1}, ["seed was 0 and is 1"], ["seed was 0 and is 1"]),
        ({"images": 7, "rates": [0.25], "sample_images": 1}, [], []),
        (
            {
                "presets": {
                    "attackers": {"mine": {"masks": "fixed"}},
                    "clients": {"lenet": {"rates": [0.25]}},
                }
            },
            [],
            [],
        ),
        ({"attack": {"images_per_job": 3}}, [], []),
        ({"attack": {"iterations": 40}}, ["iterations was 5800 and is 40"], []),
        ({"attack": {"precision": "float64"}}, ['precision was "float32" and is "float64"'], []),
        (
            {"presets": {"attackers": {"mine": {}}}},
            ['attacker.masks was "fixed" and is "resample"'],
            [],
        ),
        (
            {"presets": {"attackers": {"mine": {"masks": "fixed"}, "other": {"restarts": 2}}}},
            [],
            [],
        ),
        ({"utility": {"epochs": 3}}, [], ["training.epochs was 20 and is 3"]),
        ({"utility": {"seeds": 2}}, [], ["seeds was 3 and is 2"]),
        ({"utility": {"tolerated_loss": 0.1}}, [], []),
        (
            {
                "presets": {
                    "attackers": {"mine": {"masks": "fixed"}},
                    "clients": {"lenet": {"images_per_update": 4}},
                }
            },
            ["client.images_per_update was 1 and is 4"],
            [],
        ),
        (
            {"data": {"size": 16}},
            ["data.size was null and is 16"],
            ["data.size was null and is 16"],
        ),
        ({"data": {"root": "elsewhere"}}, [], []),
    ],
)
def test_a_setting_only_affects_the_results_that_depend_on_it(settings, attack, training):
    before, after = configured(), configured(**settings)
    assert identity.changes(of_attack(before, "mine"), of_attack(after, "mine")) == attack
    assert identity.changes(of_training(before), of_training(after)) == training


def test_a_new_version_of_the_engine_affects_attacks(monkeypatch):
    before = of_attack(configured(), "idlg")
    monkeypatch.setattr(identity, "ENGINE_VERSION", 99)
    (change,) = identity.changes(before, of_attack(configured(), "idlg"))
    assert change.startswith("engine_version was ")
    assert change.endswith(" and is 99")


def test_settings_are_enough_to_attack_and_to_train():
    settings = of_attack(configured(), "mine", "relu-convnet")
    assert Attacker(**settings["attacker"]) == Attacker(masks="fixed")
    assert Client(**settings["client"]) == Client(network="relu-convnet")
    assert Client(**of_training(configured(), "relu-convnet")["client"]).network == "relu-convnet"


def test_names_of_presets_change_nothing():
    config = configured()
    assert of_attack(config, "idlg", "lenet") == of_attack(config, "idlg", "mine")


def test_clients_that_differ_in_their_updates_share_trainings():
    config = configured()
    assert of_training(config, "lenet") == of_training(config, "lenet-8")
    assert of_training(config, "lenet") != of_training(config, "lenet-both-dropout")


def test_a_setting_that_results_do_not_record_had_its_default():
    recorded = of_attack(configured(), "mine")
    assert recorded["attacker"] == {"masks": "fixed"}
    explicit = recorded | {"attacker": {"masks": "fixed", "restarts": 1}}
    assert identity.changes(recorded, explicit) == []

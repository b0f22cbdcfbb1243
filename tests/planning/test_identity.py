"""The settings that results depend on, and those that they do not."""

import pytest

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.client import Client
from dropleak.planning import identity
from dropleak.planning.config import clients, clients_of_training, training_rates
from dropleak.planning.layout import Layout
from dropleak.planning.validation import complete


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
                    "clients": {"lenet": {"rates": [0.25], "attackers": ["mine"]}},
                }
            },
            [],
            [],
        ),
        ({"attack": {"images_per_job": 3}}, [], []),
        ({"attack": {"iterations": 40}}, ["iterations was 5800 and is 40"], []),
        (
            {"presets": {"attackers": {"mine": {"masks": "fixed", "iterations": 40}}}},
            ["iterations was 5800 and is 40"],
            [],
        ),
        (
            {
                "attack": {"iterations": 40},
                "presets": {"attackers": {"mine": {"masks": "fixed", "iterations": 5800}}},
            },
            [],
            [],
        ),
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


LENET = ("lenet", "classifier", "none")
TRAINED = {name: {"weights": "trained", "epochs": n} for name, n in [("one", 1), ("end", 20)]}


def trained(*names, **utility):
    return complete(
        {
            "experiment": "test",
            "clients": ["lenet", *names],
            "presets": {"clients": TRAINED},
            "utility": utility,
        }
    )


def test_a_training_keeps_the_weights_after_its_end_and_those_that_are_attacked():
    plain = of_training(trained())
    assert of_training(trained("end")) == plain
    assert of_training(trained("end", "one")) == plain | {"weights_after": [1]}
    assert of_training(trained("one"), "one") == of_training(trained("one"))
    assert of_training(trained(), "relu-convnet") == of_training(trained("one"), "relu-convnet")


def test_attacks_on_trained_clients_depend_on_what_their_weights_follow_from():
    before = of_attack(trained("one"), "idlg", "one")
    for same in (trained("one", "end"), trained("one", seeds=5, epochs=30, rates=[0.5])):
        assert of_attack(same, "idlg", "one") == before
    (change,) = identity.changes(before, of_attack(trained("one", batch_size=4), "idlg", "one"))
    assert change == "training.batch_size was 16 and is 4"
    (change,) = identity.changes(before, of_attack(trained("end"), "idlg", "end"))
    assert change == "client.epochs was 1 and is 20"
    untrained = trained(batch_size=4)
    assert of_attack(untrained, "idlg") == of_attack(trained(), "idlg")


def test_a_new_version_of_trainings_affects_attacks_on_trained_clients(monkeypatch):
    config = trained("one")
    before = [of_attack(config, "idlg", name) for name in ("lenet", "one")]
    monkeypatch.setattr(identity, "TRAINING_VERSION", 99)
    after = [of_attack(config, "idlg", name) for name in ("lenet", "one")]
    assert [was == now for was, now in zip(before, after, strict=True)] == [True, False]


def test_networks_are_trained_at_every_rate_that_they_are_attacked_at():
    config = trained("one") | {"rates": [0.0, 0.25]}
    config["utility"]["rates"] = [0.5, 0.0]
    assert training_rates(config, *LENET) == [0.5, 0.0, 0.25]
    assert training_rates(config | {"clients": ["lenet"]}, *LENET) == [0.5, 0.0]


def test_trainings_are_of_a_defence():
    presets = {
        "default": {"defence": {"soteria": {}}},
        "explicit": {"defence": {"soteria": {"share": 0.8}}},
        "other": {"defence": {"soteria": {"share": 0.5}}},
    }
    config = complete({"experiment": "x", "presets": {"clients": presets}, "clients": [*presets]})
    default, explicit, other = (of_training(config, name) for name in presets)
    assert default == explicit != other
    assert Client(**default["client"]).defence == {"soteria": {"share": 0.8}}
    shared = [("lenet", "classifier", f"soteria-{share}") for share in (0.8, 0.5)]
    assert [*Layout(config).trainings] == shared
    assert clients_of_training(config, *shared[1]) == [clients(config)["other"]]


def test_an_undefended_client_has_the_identity_that_it_had_before_there_were_defences():
    config = configured(presets={"clients": {"mine": {"defence": {}}}})
    assert of_attack(config, "idlg", "mine")["client"] == {}
    assert of_training(config, "mine")["client"] == {}


def test_a_setting_that_results_do_not_record_had_its_default():
    recorded = of_attack(configured(), "mine")
    assert recorded["attacker"] == {"masks": "fixed"}
    explicit = recorded | {"attacker": {"masks": "fixed", "restarts": 1}}
    assert identity.changes(recorded, explicit) == []


def test_a_whole_number_is_the_same_with_and_without_a_point():
    folders = []
    for one in (1, 1.0):
        attackers = {"mine": {"masks": "fixed", "total_variation": one}}
        config = configured(attackers=["mine"], presets={"attackers": attackers, "clients": {}})
        folders.append([folder.path for folder in Layout(config)])
    assert folders[0] == folders[1]

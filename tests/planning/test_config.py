from dataclasses import asdict

import pytest
from PIL import Image

from dropleak.docs import markdown, settings
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.client import Client
from dropleak.errors import InputError
from dropleak.planning import config, validation
from dropleak.planning.networks import HOW_ATTACKED
from dropleak.planning.schema import load_presets

CLOSED_FORM = {"optimiser": "closed-form", "masks": "read"}


def complete(**settings):
    return validation.complete({"experiment": "test", **settings})


def test_defaults_are_filled_in_at_every_depth():
    done = complete(utility={"epochs": 3}, presets={"attackers": {"mine": {}}})
    assert done["attack"]["iterations"] == 5800
    assert done["utility"]["epochs"] == 3
    assert done["utility"]["optimiser"] == "adam"
    assert config.attackers(done)["mine"] == asdict(Attacker()) | {"iterations": None}


def test_the_given_configuration_is_not_changed():
    given = {"experiment": "test", "data": {}}
    validation.complete(given)
    assert given == {"experiment": "test", "data": {}}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"imags": 3}, ["imags", "unknown key", "did you mean images?"]),
        ({"attack": {"iteration": 20}}, ["attack.iteration", "did you mean iterations?"]),
        ({"rates": [0.0, 1.0]}, ["rates[1]", "1.0", "below 1"]),
        ({"rates": [-0.1]}, ["rates[0]", "-0.1", "at least 0"]),
        ({"rates": [0.3, 0.30]}, ["rates", "[0.3, 0.3]", "twice"]),
        ({"rates": []}, ["rates", "empty"]),
        ({"rates": 0.5}, ["rates", "0.5", "a list"]),
        ({"rates": [float("nan")]}, ["rates[0]", "nan", "finite"]),
        ({"images": 361}, ["images", "361", "360 in the test part of digits"]),
        ({"images": 0}, ["images", "0", "at least 1"]),
        ({"images": "many"}, ["images", '"many"', "a whole number"]),
        ({"images": True}, ["images", "true", "a whole number"]),
        ({"data": {"source": "cifar"}}, ["data.source", '"cifar"', "did you mean cifar10?"]),
        ({"data": {"source": "folder", "root": "no/such"}}, ["data.root", "no/such", "train"]),
        ({"data": None}, ["data", "null", "a group of keys"]),
        ({"attackers": ["idgl"]}, ["attackers", "idgl", "did you mean idlg?"]),
        ({"attackers": ["idlg", "idlg"]}, ["attackers", "twice"]),
        (
            {"presets": {"attackers": {"x": {"masks": "igno"}}}},
            ["presets.attackers.x.masks", "did you mean ignore?"],
        ),
        ({"presets": {"attackers": {"A b": {}}}}, ["presets", "A b"]),
        ({"attack": {"iterations": 30}}, ["attack.iterations", "30", "multiple of 20"]),
        ({"attack": {"precision": "float16"}}, ["attack.precision", "float32, float64"]),
        ({"images": 9, "clients": ["lenet", "lenet-2"]}, ["images: 9", "multiple of 2", "lenet-2"]),
        (
            {"presets": {"clients": {"x": {"rates": []}}}},
            ["presets.clients.x.rates", "empty"],
        ),
        (
            {"presets": {"clients": {"x": {"attackers": ["idlgg"]}}}},
            ["presets.clients.x.attackers", "idlgg", "idlg"],
        ),
        (
            {"presets": {"clients": {"x": {"rates": [0, 0.0]}}}},
            ["presets.clients.x.rates", "twice"],
        ),
        ({"clients": ["lenet-3"]}, ["clients", "lenet-3", "did you mean lenet-"]),
        (
            {"presets": {"clients": {"x": {"network": "resnet"}}}},
            ["presets.clients.x.network", "resnet", "lenet, relu-convnet"],
        ),
        (
            {"client": {"network": "relu-convnet"}},
            ["client: ", 'clients: [mine] and, under presets, clients: {mine: {"network": "relu-c'],
        ),
        ({"presets": {"x": {"masks": "read"}}}, ["presets.x: ", "write presets.attackers.x"]),
        ({"presets": {"attacker": {}}}, ["presets.attacker", "did you mean attackers?"]),
        (
            {"presets": {"attackers": {"x": {"restarts": 2.0}}}},
            ["presets.attackers.x.restarts", "2.0", "whole number"],
        ),
        (
            {"presets": {"clients": {"x": {"images_per_update": 2.0}}}},
            ["presets.clients.x.images_per_update", "2.0", "whole number"],
        ),
        ({"presets": {"attackers": {2: {}}}}, ["presets", "2", "text"]),
        (
            {"presets": {"attackers": {False: {}}}, "attackers": ["idgl"]},
            ["presets", "false", "text"],
        ),
        ({"presets": {"attackers": {"x\n": {}}}}, ["presets", "x"]),
        (
            {"presets": {"attackers": {"x": {"total_variation": 10**400}}}},
            ["total_variation", "at most"],
        ),
        (
            {"presets": {"attackers": {"x": {"restarts": 0}}}},
            ["presets.attackers.x.restarts", "0", "at least 1"],
        ),
        (
            {"presets": {"attackers": {"x": {"line_search": "strong-wolfe"}}}},
            ["presets.attackers.x.line_search", "strong-wolfe", "resample"],
        ),
        (
            {"presets": {"attackers": {"x": {"optimiser": "adam", "line_search": "strong-wolfe"}}}},
            ["presets.attackers.x.line_search", "optimiser: lbfgs"],
        ),
        ({"presets": {"attackers": {"x": {"clip": True}}}}, ["presets.attackers.x.clip", "adam"]),
        ({"presets": {"attackers": {"x": {"stages": 2}}}}, ["x.stages", "total_variation"]),
        ({"presets": {"attackers": {"x": {"features": 1}}}}, ["x.features", "masks: separate"]),
        (
            {"presets": {"attackers": {"x": {"optimiser": "closed-form"}}}},
            ["presets.attackers.x.masks: resample must be read"],
        ),
        (
            {"presets": {"attackers": {"x": CLOSED_FORM | {"restarts": 2}}}},
            ["presets.attackers.x.restarts: 2 is not for optimiser: closed-form"],
        ),
        (
            {"presets": {"attackers": {"x": {"schedule": "steps"}}}},
            ["presets.attackers.x.schedule", "adam"],
        ),
        (
            {"presets": {"attackers": {"x": {"masks": "optimise"}}}},
            ["presets.attackers.x.masks", "adam"],
        ),
        (
            {"presets": {"attackers": {"x": {"mask_regulariser": 0.1}}}},
            ["mask_regulariser", "optimise"],
        ),
        (
            {"presets": {"attackers": {"x": {"patience": 50}}}},
            ["presets.attackers.x.patience", "50", "multiple of 20"],
        ),
        ({"experiment": "../up"}, ["experiment", "../up"]),
        ({"utility": {"learning_rate": 0}}, ["utility.learning_rate", "0", "above 0"]),
        ({"seed": -1}, ["seed", "-1", "at least 0"]),
    ],
)
def test_a_mistake_is_reported_with_key_value_and_allowed_values(settings, words):
    with pytest.raises(InputError) as caught:
        complete(**settings)
    for word in words:
        assert word in str(caught.value)


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(InputError) as caught:
        complete(imags=1, seed="x")
    assert "imags" in str(caught.value)
    assert "seed" in str(caught.value)


@pytest.mark.parametrize(
    ("together", "images"), [([1], 32), ([1, 2, 8], 32), ([5], 30), ([3, 4, 5], 60)]
)
def test_images_are_some_in_whole_updates_unless_it_says_how_many(together, images):
    presets = {f"by-{n}": {"images_per_update": n} for n in together}
    options = {"clients": [*presets], "presets": {"clients": presets}}
    assert complete(**options)["images"] == images
    assert complete(**options, images=120)["images"] == 120


def test_a_small_folder_is_attacked_whole(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/a/2.png", "test/b/1.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 32)).save(path)
    data = {"source": "folder", "root": str(tmp_path)}
    assert complete(data=data)["images"] == 3
    assert complete(data=data, clients=["lenet-2"])["images"] == 2


def test_the_library_has_the_defaults_of_the_schema():
    assert config.attackers(complete())["idlg"] == asdict(Attacker()) | {"iterations": None}
    assert config.clients(complete())["lenet"] == asdict(Client()) | HOW_ATTACKED


def test_a_client_has_the_rates_of_the_experiment_unless_it_has_its_own():
    presets = {"clients": {"mine": {"rates": [0.0]}}}
    done = complete(rates=[0.1, 0.2], clients=["lenet", "mine"], presets=presets)
    assert config.rates_of(done, "lenet") == [0.1, 0.2]
    assert config.rates_of(done, "mine") == [0.0]


def test_a_client_has_the_attackers_of_the_experiment_unless_it_has_its_own():
    presets = {"clients": {"mine": {"attackers": ["mask-reading", "separation"]}}}
    done = complete(attackers=["idlg", "dlg"], clients=["mine", "lenet"], presets=presets)
    assert config.attackers_of(done, "lenet") == ["idlg", "dlg"]
    assert config.attackers_of(done, "mine") == ["mask-reading", "separation"]
    assert config.attacking(done) == ["mask-reading", "separation", "idlg", "dlg"]
    assert config.separating(done) == ["separation"]


def test_an_attacker_has_the_iterations_of_the_experiment_unless_it_has_its_own():
    presets = {"attackers": {"brief": {"iterations": 40}}}
    done = complete(attack={"iterations": 100}, presets=presets)
    assert [config.iterations_of(done, name) for name in ("idlg", "brief")] == [100, 40]


@pytest.mark.parametrize("kind", ["clients", "attackers"])
def test_the_built_in_presets_are_allowed_configurations(kind):
    presets = load_presets(kind)
    assert complete(presets={kind: presets}, **{kind: list(presets)})


def test_the_experiment_needs_a_name():
    with pytest.raises(InputError, match="experiment: missing"):
        validation.complete({})


def test_every_key_is_documented_as_in_the_schema():
    assert markdown.part(settings.README, settings.PART) == settings.settings_table()


def test_attackers_that_differ_from_the_paper_in_masks_alone_are_interpretations():
    presets = {
        "mine": {"masks": "ignore"},
        "other": {"learning_rate": 0.5},
        "told": {"masks": "known"},
        "apart": {"masks": "separate"},
    }
    named = ["idlg", "idlg-fixed", "mask-reading", "dropout-inversion", *presets]
    configuration = complete(attackers=named, presets={"attackers": presets})
    assert config.interpretations(configuration) == {
        "idlg": "resample",
        "idlg-fixed": "fixed",
        "mine": "ignore",
    }
    accounting = ["mask-reading", "dropout-inversion", "apart"]
    assert config.accounting(configuration) == accounting
    assert config.separating(configuration) == ["apart"]


def test_differences_between_configurations_are_listed():
    one = {"a": {"b": 1, "c": [1, 2]}, "d": "x"}
    other = {"a": {"b": 2, "c": [1, 2]}, "e": None, "d": "x", "f": {"g": True}}
    assert list(config.differences(one, other)) == [("a.b", "1", "2"), ("f", "null", '{"g": true}')]
    assert list(config.differences(one, one)) == []

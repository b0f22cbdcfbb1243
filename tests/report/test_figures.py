"""A figure is one entry in the registry, with all that its rules need."""

import inspect
import re
import subprocess
import sys
from pkgutil import resolve_name

import pytest
from places import ROOT

from dropleak.report.figures import FIGURES, Figure
from dropleak.tables.schemas import SCHEMAS

EVERY = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.stem)


@EVERY
def test_both_functions_take_the_arguments_of_the_entry(figure):
    for function in map(resolve_name, (figure.draws, figure.says)):
        assert tuple(inspect.signature(function).parameters) == figure.tables + figure.settings
    assert set(figure.tables) <= {*SCHEMAS, "labels"}


def test_a_figure_can_be_drawn_from_every_table():
    rules = (ROOT / "workflow" / "rules" / "figures.smk").read_text(encoding="utf-8")
    assert {*re.findall(r'^    "(\w+)": rules', rules, re.M)} == {*SCHEMAS, "labels"}


@EVERY
def test_every_figure_has_a_caption_that_quotes_its_numbers(figure):
    path = ROOT / "workflow" / "report" / f"figure{figure.number}.rst"
    assert ".. include:: {{ snakemake.output.numbers }}" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("part", ["number", "stem", "rule", "shows", "draws", "says"])
def test_no_two_figures_share_a_name(part):
    names = [getattr(figure, part) for figure in FIGURES]
    assert len(set(names)) == len(names)


def figure(*settings):
    return Figure(12, "my-own", "mine", "a.draws", "a.says", ("summary",), settings)


@pytest.mark.parametrize(
    ("settings", "ending", "wildcards"),
    [
        (("clients", "attackers"), "", []),
        (("client",), "_{client}", ["client"]),
        (("attacker", "client"), "_{client}_{attacker}", ["client", "attacker"]),
        (("client", "chosen"), "_{client}", ["client"]),
    ],
)
def test_names_and_labels_follow_from_the_settings(settings, ending, wildcards):
    entry = figure(*settings)
    assert entry.stem == f"figure12-my-own{ending}"
    assert entry.rule == "draw_my_own"
    labels = {name: f"{{{name}}}" if name in wildcards else "all" for name in EVERY_VALUE}
    assert entry.labels == {"figure": "12", "shows": "mine"} | labels
    values = {name: EVERY_VALUE[name] for name in wildcards}
    assert entry.instances({"c": {"rates": [0.5], "attackers": ["a"]}}) == [values]


EVERY_VALUE = {"client": "c", "attacker": "a"}


def test_each_client_has_figures_of_its_own_attackers():
    clients = {
        "c": {"rates": [0, 0.5], "attackers": ["a"]},
        "d": {"rates": [0.0], "attackers": ["b", "a"]},
    }
    assert figure("client").instances(clients) == [{"client": "c"}, {"client": "d"}]
    assert figure("client", "attacker").instances(clients) == [
        {"client": "c", "attacker": "a"},
        {"client": "d", "attacker": "b"},
        {"client": "d", "attacker": "a"},
    ]


RATES = {"c": [0.0, 0.5], "d": [0.0]}


def test_figures_by_rate_are_about_clients_attacked_at_several():
    alike = {"attackers": ["a"], "defence": {}, "weights": None, "images_per_update": 1}
    clients = {name: alike | {"rates": rates} for name, rates in RATES.items()}
    by_rate = {entry.number for entry in FIGURES if entry.shown(clients) == ["c"]}
    assert by_rate == {3, 4, 5, 7, 8}
    for number in by_rate:
        (entry,) = (entry for entry in FIGURES if entry.number == number)
        assert entry.instances({"d": clients["d"]}) == []
        assert "is there" in entry.outcome(clients)
        assert "nothing to show" in entry.outcome({"d": clients["d"]})


def test_the_subjects_of_a_figure_are_those_of_its_clients():
    clients = {"c": {"attackers": ["a", "b"]}, "d": {"attackers": ["e", "a"]}}
    assert figure().subjects({}, clients) == (["c", "d"], ["a", "b", "e"])
    assert figure("client").subjects({"client": "d"}, clients) == (["d"], ["e", "a"])
    one = {"client": "c", "attacker": "b"}
    assert figure("client", "attacker").subjects(one, clients) == (["c"], ["b"])


def test_options_are_the_settings_of_a_job():
    clients = {"c": {"attackers": ["a", "b"]}, "d": {"attackers": ["a", "e"]}}

    def options(*settings, **wildcards):
        return figure(*settings).options(wildcards, clients, chosen=[4, 2])

    assert options("chosen") == {"chosen": [4, 2]}
    assert options("attacker", attacker="a") == {"attacker": "a"}
    assert options("clients", "attackers") == {
        "clients": ["c", "d"],
        "attackers": ["a", "b", "e"],
    }
    assert options("client", "attackers", client="d") == {"client": "d", "attackers": ["a", "e"]}
    assert options() == {}


def test_planning_needs_neither_torch_nor_a_plotting_library():
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torch', 'torchvision', 'matplotlib', 'seaborn']))\n"
        "import dropleak.planning.config, dropleak.report.figures\n"
        "import dropleak.planning.identity, dropleak.planning.resources\n"
        "assert dropleak.engine.models.zoo.relative_cost('lenet') == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_training_is_shown_where_clients_differ_in_its_epochs():
    (entry,) = (entry for entry in FIGURES if entry.name == "leakage-by-epoch")
    one, five = ({"weights": "trained", "epochs": epochs} for epochs in (1, 5))
    assert entry.applies({"a": five, "b": one}, {})
    assert not entry.applies({"a": one, "b": one}, {})
    assert not entry.applies({"a": one, "b": five | {"images_per_update": 2}}, {})
    assert not entry.applies({"a": {"weights": None}, "b": {"weights": "w.pt"}}, {})
    clients = {"a": one | {"attackers": ["x"]}, "b": five | {"attackers": ["x"]}}
    clients["c"] = {"weights": None, "attackers": ["y"]}
    assert entry.subjects({}, clients) == (["a", "b"], ["x"])


def test_separation_is_shown_where_updates_of_several_images_are_separated():
    (entry,) = (entry for entry in FIGURES if entry.name == "separation")
    attackers = {"x": {"masks": "read"}, "y": {"masks": "separate"}}

    def clients(alone, several):
        return {
            "c": {"images_per_update": 1, "attackers": [*alone]},
            "d": {"images_per_update": 4, "attackers": [*several]},
        }

    assert entry.applies(clients("x", "xy"), attackers)
    assert not entry.applies(clients("xy", "x"), attackers)
    assert not entry.applies({"c": clients("xy", "x")["c"]}, attackers)
    assert FIGURES[0].applies(clients("x", "x"), attackers)
    assert entry.subjects({}, clients("x", "y")) == (["d"], ["y"])


def test_defences_are_shown_for_the_client_without_one():
    (entry,) = (entry for entry in FIGURES if entry.name == "defences")
    clients = {
        "plain": {"network": "lenet", "defence": {}, "rates": [0.0], "attackers": ["a"]},
        "signs": {"network": "lenet", "defence": {"sign": {}}, "rates": [0.0], "attackers": ["a"]},
        "alone": {"network": "mlp", "defence": {"sign": {}}, "rates": [0.0], "attackers": ["a"]},
    }
    assert entry.applies(clients, {})
    assert entry.instances(clients) == [{"client": "plain"}]
    clients["signs"]["attackers"] = ["b", "a"]
    assert entry.subjects({"client": "plain"}, clients) == (["plain", "signs"], ["a", "b"])
    assert entry.options({"client": "plain"}, clients) == {"client": "plain"}
    del clients["plain"]
    assert not entry.applies(clients, {})

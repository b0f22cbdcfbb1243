"""Snakemake's plans, from every entry point and for every target."""

import re

import pytest
from places import ROOT
from runner import planned, run, with_changes


@pytest.mark.parametrize(
    "entry", [["--snakefile", ROOT / "Snakefile"], ["--snakefile", ROOT / "workflow/Snakefile"]]
)
def test_both_entry_points_plan_the_demonstration(entry):
    jobs = planned(*entry, "--directory", ROOT, "--forceall")
    assert jobs["attack"] == 4 * 2
    assert jobs["train"] == 5
    assert jobs["all"] == 1


def test_the_root_needs_no_argument():
    assert planned("--forceall", cwd=ROOT)["attack"] == 4 * 2


@pytest.fixture
def elsewhere(tmp_path):
    """The folder of another project, with its own configuration."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("samples: [a, b]", encoding="utf-8")
    return tmp_path


def test_the_demonstration_is_the_same_from_everywhere(elsewhere):
    jobs = planned("--snakefile", ROOT / "Snakefile", cwd=elsewhere)
    assert jobs["attack"] == 4 * 2
    assert jobs["train"] == 5


def test_a_configuration_is_the_same_from_everywhere(elsewhere, tmp_path):
    (tmp_path / "mine.yaml").write_text("experiment: mine", encoding="utf-8")
    arguments = ["--snakefile", ROOT / "Snakefile", "--configfile", tmp_path / "mine.yaml"]
    jobs = planned(*arguments, cwd=elsewhere)
    assert jobs == planned(*arguments, cwd=ROOT)
    default = {"images": 32, "rates": 6, "attackers": 2, "images_per_job": 250}
    assert jobs["attack"] == default["rates"] * default["attackers"]


def test_the_papers_experiment_is_planned():
    jobs = planned("--configfile", "config/paper.yaml", "--forceall", cwd=ROOT)
    assert jobs["attack"] == 6 * 1000 / 500
    assert jobs["train"] == 10


def test_the_comparison_of_attackers_is_planned():
    jobs = planned("--configfile", "config/attackers.yaml", "--forceall", cwd=ROOT)
    assert jobs["attack"] == 4 * 6
    assert jobs["draw_tradeoff"] == 1


@pytest.mark.slow
def test_the_comparison_of_clients_is_planned(tmp_path):
    """On digits instead of photographs: seven clients, with four different trainings."""
    digits = tmp_path / "digits.yaml"
    digits.write_text("data: {source: digits}", encoding="utf-8")
    jobs = planned("--configfile", "config/clients.yaml", digits, "--forceall", cwd=ROOT)
    assert jobs["attack"] == 7 * 3 * 7
    assert jobs["train"] == 4 * 10
    assert jobs["draw_sample"] == jobs["draw_rmse_by_rate"] == 7 * 7
    assert jobs["draw_attackers_sample"] == jobs["draw_tradeoff"] == 7
    assert jobs["draw_accuracy_by_rate"] == jobs["draw_attackers"] == 1


@pytest.mark.slow
def test_the_setting_of_the_dropout_inversion_paper_is_planned(tmp_path):
    """On digits instead of photographs."""
    digits = tmp_path / "digits.yaml"
    digits.write_text("data: {source: digits}", encoding="utf-8")
    mlp = ["attacks", "--configfile", "config/dia.yaml"]
    assert planned(*mlp, digits, "--forceall", cwd=ROOT)["attack"] == 3 * 3
    vit = [*mlp, "config/dia-vit.yaml"]
    assert planned(*vit, digits, "--forceall", cwd=ROOT)["attack"] == 2 * 3


def test_one_job_per_image(tmp_path, small):
    jobs = planned(*with_changes(small, tmp_path, {"attack": {"images_per_job": 1}}), cwd=tmp_path)
    assert jobs["attack"] == 3 * 2 * 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("attacks", {"attack": 8, "images": 1}),
        ("utility", {"train": 2, "images": 1}),
        ("figure1", {"draw_network": 1, "method_tables": 1, "images": 1}),
        ("figure3", {"draw_sample": 2, "attack": 8, "join_attacks": 1, "images": 1}),
        (
            "figure7",
            {"draw_attackers": 1, "summarise": 1, "join_attacks": 1, "attack": 8, "images": 1}
            | {"tradeoff": 1, "join_utility": 1, "train": 2},
        ),
        ("figure6", {"draw_accuracy_by_rate": 1, "train": 2, "join_utility": 1, "images": 1}),
    ],
)
def test_targets_plan_only_what_they_need(tmp_path, small, target, expected):
    jobs = planned(target, *small, cwd=tmp_path)
    assert jobs == expected | {target: 1}


LIMITS = f"""
module dropleak:
    snakefile:
        "{ROOT}/workflow/Snakefile"
    config:
        config


use rule * from dropleak exclude attack


use rule attack from dropleak with:
    message:
        "{{resources.mem_mb}} MB, {{resources.runtime}} minutes"
"""


def test_jobs_get_more_memory_and_time_for_more_work(tmp_path, small):
    """All jobs of a rule get the same limits."""
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(LIMITS, encoding="utf-8")

    def limits(settings):
        arguments = with_changes(["--snakefile", snakefile, *small[2:]], tmp_path, settings)
        plan = run("attacks", *arguments, "--dry-run", cwd=tmp_path).stdout
        ((memory, minutes),) = set(re.findall(r"(\d+) MB, (\d+) minutes", plan))
        return int(memory), int(minutes)

    little = limits({})
    much = limits({"images": 300, "attack": {"iterations": 5800, "images_per_job": 250}})
    assert much[0] > little[0]
    assert much[1] > little[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"imags": 3}, ["imags: unknown key; did you mean images?"]),
        ({"rates": [0.0, 1.5]}, ["rates[1]: 1.5 is outside what is allowed"]),
        ({"images": 1000}, ["images: 1000 is more than the 360 in the test part of digits"]),
        ({"attackers": ["idgl"]}, ['attackers: "idgl"', "did you mean idlg?"]),
    ],
)
def test_a_mistake_in_the_configuration_stops_before_any_job(tmp_path, small, settings, words):
    arguments = with_changes(small, tmp_path, settings)
    result = run("--cores", "1", *arguments, cwd=tmp_path, succeeds=False)
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "results").exists()

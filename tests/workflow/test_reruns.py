"""A rerun happens when a result would change, and only then."""

import os
import re
import shutil

import pandas as pd
import pytest
import yaml
from runner import planned, run, with_changes

from places import ROOT

COUNTED = ("images", "attack", "train", "join_attacks", "join_utility", "summarise", "judge")
DRAWN = ("draw_rmse_by_rate", "draw_rmse_by_iteration", "draw_accuracy", "draw_networks")

ATTACKS = "results/small/attacks"
ONE = f"{ATTACKS}/idlg/rate-0.5/images-0-2.parquet"
AFTER_ATTACKS = {"join_attacks": 1, "summarise": 1, "judge": 1} | {
    "draw_rmse_by_rate": 2,
    "draw_rmse_by_iteration": 2,
}
AFTER_TRAINING = {"join_utility": 1, "judge": 1, "draw_accuracy": 1}
AFTER_IMAGES = {"images": 1, "judge": 1, "draw_accuracy": 1, "draw_networks": 1}
"""Tables and figures with images or labels."""


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of a finished run, which may be changed."""
    copy = tmp_path / "run"
    shutil.copytree(finished[0], copy)
    return copy


def jobs(*arguments, cwd):
    """What a dry run plans, of those rules that are looked at here."""
    plan = planned(*arguments, cwd=cwd)
    return {rule: count for rule, count in plan.items() if rule in COUNTED + DRAWN}


def notes(*arguments, cwd):
    """What a dry run says of results that cannot be used."""
    said = run(*arguments, "--dry-run", cwd=cwd)
    return [
        line
        for line in (said.stdout + said.stderr).splitlines()
        if "made anew" in line or "not needed" in line
    ]


def test_a_second_run_has_nothing_to_do(finished, small):
    assert "Nothing to be done" in run(*small, "--cores", "1", cwd=finished[0]).stderr


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rates": [0.0, 0.5, 0.3]}, AFTER_ATTACKS | {"attack": 4, "draw_networks": 1}),
        ({"rates": [0.5]}, AFTER_ATTACKS | {"draw_networks": 1}),
        ({"images": 7}, AFTER_ATTACKS | {"attack": 8}),
        ({"images": 2}, AFTER_ATTACKS),
        ({"images": 1, "sample_images": 1}, AFTER_ATTACKS),
        ({"attack": {"images_per_job": 1}}, {}),
        ({"attack": {"images_per_job": 100}}, {}),
        ({"images": 5, "attack": {"images_per_job": 1}}, AFTER_ATTACKS | {"attack": 8}),
        (
            {"attackers": ["idlg", "idlg-ignore", "idlg-fixed"]},
            AFTER_ATTACKS | {"attack": 4, "draw_rmse_by_rate": 3, "draw_rmse_by_iteration": 3},
        ),
        ({"attack": {"iterations": 60}}, AFTER_ATTACKS | {"attack": 8}),
        ({"attack": {"iterations": 60, "images_per_job": 3}}, AFTER_ATTACKS | {"attack": 4}),
        ({"presets": {"idlg": {"restarts": 2}}}, AFTER_ATTACKS | {"attack": 4}),
        ({"utility": {"epochs": 2}}, AFTER_TRAINING | {"train": 2}),
        (
            {"seed": 1},
            AFTER_ATTACKS | AFTER_TRAINING | {"attack": 8, "train": 2, "draw_networks": 1},
        ),
        ({"success_rmse": 0.2}, {"summarise": 1, "judge": 1, "draw_rmse_by_rate": 2}),
        ({"sample_images": 1}, {}),
    ],
    ids=str,
)
def test_a_change_reruns_what_it_concerns(finished, small, tmp_path, change, expected):
    assert jobs(*with_changes(small, tmp_path, change), cwd=finished[0]) == expected


def test_comments_and_the_order_of_keys_change_nothing(finished, small, tmp_path):
    settings = yaml.safe_load(small[-1].read_text(encoding="utf-8"))
    backwards = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(settings.items())
    }
    path = tmp_path / "backwards.yaml"
    path.write_text("# a comment\n" + yaml.safe_dump(backwards, sort_keys=False), encoding="utf-8")
    assert planned(*small[:-1], path, cwd=finished[0]) == {}


@pytest.mark.parametrize("records", ["kept", "lost"])
def test_a_fresh_checkout_over_results_has_nothing_to_do(folder, small, tmp_path, records):
    """All files of the code are new, and Snakemake's own records may be gone."""
    for name in ("workflow", "config", "envs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, copy_function=shutil.copy, ignore=ignored)
    if records == "lost":
        shutil.rmtree(folder / ".snakemake")
    checkout = ["--snakefile", tmp_path / "workflow" / "Snakefile", *small[2:]]
    assert planned(*checkout, cwd=folder) == {}
    versions = tmp_path / "workflow" / "dropleak" / "versions.py"
    text = versions.read_text(encoding="utf-8")
    versions.write_text(
        re.sub(r"ENGINE_VERSION = \d+", "ENGINE_VERSION = 99", text), encoding="utf-8"
    )
    assert jobs(*checkout, cwd=folder) == AFTER_ATTACKS | {"attack": 8}
    (note,) = notes(*checkout, cwd=folder)
    assert re.fullmatch(r"results of 8 files are made anew: engine_version was \d+ and is 99", note)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (ONE, AFTER_ATTACKS | {"attack": 1}),
        ("results/small/data/test.parquet", AFTER_IMAGES),
        ("results/small/utility/rate-0.9.parquet", AFTER_TRAINING | {"train": 1}),
        ("results/small/tables/claims.csv", {"judge": 1}),
        ("results/small/figures/figure6-accuracy-by-rate.png", {"draw_accuracy": 1}),
    ],
)
def test_what_was_deleted_is_made_anew(folder, small, file, expected):
    (folder / file).unlink()
    assert jobs(*small, cwd=folder) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (ONE, AFTER_ATTACKS | {"attack": 1}),
        ("results/small/data/test.parquet", AFTER_IMAGES),
        ("results/small/utility/rate-0.9.parquet", AFTER_TRAINING | {"train": 1}),
        ("results/small/tables/claims.parquet", {"judge": 1}),
    ],
)
@pytest.mark.parametrize("damage", ["truncated", "of another schema"])
def test_what_was_damaged_is_made_anew_and_named(folder, small, file, expected, damage):
    path = folder / file
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        shutil.copy(folder / "results/small/tables/network.parquet", path)
    assert jobs(*small, cwd=folder) == expected
    (note,) = notes(*small, cwd=folder)
    assert note.startswith(f"{file}: is ")
    assert note.endswith("; it is made anew")


def test_what_belongs_elsewhere_is_not_used(folder, small):
    shutil.copy(folder / ONE.replace("idlg", "idlg-ignore"), folder / ONE)
    assert jobs(*small, cwd=folder)["attack"] == 1
    (note,) = notes(*small, cwd=folder)
    assert note.endswith('attacker.masks was "ignore" and is "resample"')


def test_an_experiment_grows_without_attacking_an_image_twice(folder, small, tmp_path):
    """By one image, then by others in jobs of another size, then at another rate."""
    table = "results/small/tables/attacks.parquet"
    before = pd.read_parquet(folder / table)
    for change, batches in (
        ({"images": 4}, {"0-2", "2-3", "3-4"}),
        ({"images": 6, "attack": {"images_per_job": 1}}, {"0-2", "2-3", "3-4", "4-5", "5-6"}),
        ({"images": 5, "attack": {"images_per_job": 9}}, {"0-2", "2-3", "3-4", "4-5"}),
    ):
        settings = {"attackers": ["idlg"], "rates": [0.0], **change}
        settings.setdefault("attack", {})["iterations"] = 40
        arguments = with_changes(small, tmp_path, settings)
        made = run(table, *arguments, "--cores", "2", cwd=folder)
        assert made.stderr.count("rule attack:") == {4: 1, 6: 2, 5: 0}[settings["images"]]
        there = {
            path.stem.removeprefix("images-") for path in folder.glob(f"{ATTACKS}/idlg/rate-0.0/*")
        }
        assert there >= batches
        grown = pd.read_parquet(folder / table)
        assert len(grown) == grown["image"].nunique() == settings["images"]
        kept = before.query("attacker == 'idlg' and rate == 0.0").reset_index(drop=True)
        pd.testing.assert_frame_equal(grown.head(len(kept)), kept)


def test_usable_results_are_made_anew_if_a_user_wants_it(finished, small, folder):
    """Also by triggers that are not ours: scripts that are newer than results."""
    (folder / ONE).touch()
    os.utime(folder / ONE, (0, 0))
    forced = run(ONE, *small, "--cores", "1", "--rerun-triggers", "code", cwd=folder)
    assert "Code has changed since last execution" in forced.stdout + forced.stderr
    forced = run(ONE, *small, "--cores", "1", "--force", cwd=folder)
    assert "rule attack:" in forced.stderr
    assert pd.read_parquet(folder / ONE)["rmse"].equals(pd.read_parquet(finished[0] / ONE)["rmse"])


def test_results_do_not_depend_on_what_else_a_job_is_told(folder, small, tmp_path):
    """Nor on where images are kept."""
    for name in ("workflow", "config", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    rules = tmp_path / "workflow" / "rules" / "attack.smk"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(
        text.replace(
            "        settings=", "        new=lambda wildcards, output: 1,\n        settings=", 1
        ),
        encoding="utf-8",
    )
    assert rules.read_text(encoding="utf-8") != text
    checkout = ["--snakefile", tmp_path / "workflow" / "Snakefile", *small[2:]]
    moved = with_changes(checkout, tmp_path, {"data": {"root": "elsewhere"}})
    assert jobs(*moved, cwd=folder) == {}

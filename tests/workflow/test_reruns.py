"""Jobs are rerun when a result would change, and only then."""

import re
import shutil

import pandas as pd
import pytest
import yaml
from places import ROOT
from runner import counts, planned, run, with_changes

pytestmark = pytest.mark.slow

COUNTED = (
    "images",
    "attack",
    "train",
    "join_attacks",
    "join_utility",
    "summarise",
    "evaluate_claims",
)
DRAWN = ("draw_rmse_by_rate", "draw_rmse_by_iteration", "draw_accuracy_by_rate", "draw_network")

ATTACKS = "results/small/attacks"
AFTER_ATTACKS = {"join_attacks": 1, "summarise": 1, "evaluate_claims": 1} | {
    "draw_rmse_by_rate": 2,
    "draw_rmse_by_iteration": 2,
}
AFTER_TRAINING = {"join_utility": 1, "evaluate_claims": 1, "draw_accuracy_by_rate": 1}
EVERYTHING = AFTER_ATTACKS | AFTER_TRAINING | {"attack": 8, "train": 2, "draw_network": 1}
AFTER_IMAGES = EVERYTHING | {"images": 1}


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of a finished run that tests may change."""
    copy = tmp_path / "run"
    shutil.copytree(finished[0], copy)
    return copy


@pytest.fixture
def one(folder):
    """One of its results, relative to the folder."""
    (path,) = folder.glob(f"{ATTACKS}/lenet/idlg/*/rate-0.5/images-0-2.parquet")
    return path.relative_to(folder)


def the_file(folder, pattern):
    """The only file with this name, in which digests are stars."""
    (path,) = folder.glob(pattern)
    return path


def jobs(*arguments, cwd):
    """The planned number of jobs, for the rules that these tests check."""
    return jobs_and_notes(*arguments, cwd=cwd)[0]


def jobs_and_notes(*arguments, cwd):
    """The same, and the messages of a dry run about results that it does not use."""
    result = run(*arguments, "--dry-run", cwd=cwd)
    lines = (result.stdout + result.stderr).splitlines()
    notes = [line for line in lines if "made again if" in line or "is new because" in line]
    plan = counts(result.stdout)
    return {rule: count for rule, count in plan.items() if rule in COUNTED + DRAWN}, notes


def test_a_second_run_has_nothing_to_do(finished, small):
    assert "Nothing to be done" in run(*small, "--cores", "1", cwd=finished[0]).stderr


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rates": [0.0, 0.5, 0.3]}, AFTER_ATTACKS | {"attack": 4, "draw_network": 1}),
        (
            {"rates": [0.5]},  # with a single one there are no figures by rate
            {"join_attacks": 1, "summarise": 1, "evaluate_claims": 1, "draw_network": 1},
        ),
        ({"images": 7}, AFTER_ATTACKS | {"attack": 8}),
        ({"images": 2}, AFTER_ATTACKS),
        ({"images": 1}, AFTER_ATTACKS),
        ({"attack": {"images_per_job": 1}}, {}),
        ({"attack": {"images_per_job": 100}}, {}),
        ({"images": 5, "attack": {"images_per_job": 1}}, AFTER_ATTACKS | {"attack": 8}),
        (
            {"attackers": ["idlg", "idlg-ignore", "idlg-fixed"]},
            AFTER_ATTACKS | {"attack": 4, "draw_rmse_by_rate": 3, "draw_rmse_by_iteration": 3},
        ),
        ({"attack": {"iterations": 60}}, AFTER_ATTACKS | {"attack": 8}),
        ({"attack": {"iterations": 60, "images_per_job": 3}}, AFTER_ATTACKS | {"attack": 4}),
        ({"presets": {"attackers": {"idlg": {"restarts": 2}}}}, AFTER_ATTACKS | {"attack": 4}),
        ({"utility": {"epochs": 2}}, AFTER_TRAINING | {"train": 2}),
        (
            {"seed": 1},
            EVERYTHING,
        ),
        ({"data": {"size": 16}}, EVERYTHING | {"images": 1}),
        ({"success_rmse": 0.2}, {"summarise": 1, "evaluate_claims": 1, "draw_rmse_by_rate": 2}),
        ({"sample_images": 1}, {}),
    ],
    ids=str,
)
def test_a_change_reruns_only_what_it_affects(finished, small, tmp_path, change, expected):
    assert jobs(*with_changes(small, tmp_path, change), cwd=finished[0]) == expected


@pytest.mark.parametrize("target", ["images", "figure2", "figure6"])
def test_every_target_follows_the_current_settings(finished, small, tmp_path, target):
    smaller = with_changes(small, tmp_path, {"data": {"size": 16}})
    assert planned(target, *smaller, cwd=finished[0])["images"] == 1


@pytest.mark.parametrize("profile", ["none", "mine"])
def test_reruns_do_not_depend_on_the_profile(finished, small, tmp_path, profile):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml").write_text("cores: 1", encoding="utf-8")
    chosen = ["--workflow-profile", tmp_path / profile if profile == "mine" else profile]
    assert planned(*small, *chosen, cwd=finished[0]) == {}
    more = with_changes(small, tmp_path, {"images": 7})
    assert jobs(*chosen, *more, cwd=finished[0]) == AFTER_ATTACKS | {"attack": 8}


def test_a_setting_that_is_changed_back_finds_its_results(folder, small, tmp_path):
    table = "results/small/tables/attacks.parquet"
    index = f"{table}/_metadata"
    before = pd.read_parquet(folder / table)
    other = with_changes(small, tmp_path, {"attack": {"iterations": 20}})
    run(index, *other, "--cores", "2", cwd=folder)
    assert (pd.read_parquet(folder / table)["iterations"] <= 20).all()
    assert planned(index, *small, cwd=folder) == {"join_attacks": 1}
    run(index, *small, "--cores", "2", cwd=folder)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / table), before)


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
    """All code files are new, and Snakemake's own records may be missing."""
    for name in ("workflow", "config", "envs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, copy_function=shutil.copy, ignore=ignored)
    if records == "lost":
        shutil.rmtree(folder / ".snakemake")
    checkout = ["--snakefile", tmp_path / "workflow" / "Snakefile", *small[2:]]
    assert planned(*checkout, cwd=folder) == {}
    versions = tmp_path / "workflow" / "dropleak" / "planning" / "versions.py"
    text = versions.read_text(encoding="utf-8")
    versions.write_text(
        re.sub(r"ENGINE_VERSION = \d+", "ENGINE_VERSION = 99", text), encoding="utf-8"
    )
    plan, notes = jobs_and_notes(*checkout, cwd=folder)
    assert plan == AFTER_ATTACKS | {"attack": 8}
    for attacker, note in zip(("idlg", "idlg-ignore"), notes, strict=True):
        assert note.startswith(f"{ATTACKS}/lenet/{attacker}/")
        assert re.search(r"is new because engine_version was \d+ and is 99; ", note)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (f"{ATTACKS}/lenet/idlg/*/rate-0.5/images-0-2.parquet", AFTER_ATTACKS | {"attack": 1}),
        ("results/small/data/*/test.parquet", AFTER_IMAGES),
        ("results/small/utility/*/*/*/*/rate-0.9.parquet", AFTER_TRAINING | {"train": 1}),
        ("results/small/tables/claims.csv", {"evaluate_claims": 1}),
        ("results/small/figures/figure6-accuracy-by-rate.png", {"draw_accuracy_by_rate": 1}),
    ],
)
def test_deleted_files_are_made_again(folder, small, file, expected):
    the_file(folder, file).unlink()
    assert jobs(*small, cwd=folder) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (f"{ATTACKS}/lenet/idlg/*/rate-0.5/images-0-2.parquet", AFTER_ATTACKS | {"attack": 1}),
        ("results/small/data/*/test.parquet", AFTER_IMAGES),
        ("results/small/utility/*/*/*/*/rate-0.9.parquet", AFTER_TRAINING | {"train": 1}),
        ("results/small/tables/claims.parquet", {"evaluate_claims": 1}),
    ],
)
@pytest.mark.parametrize("damage", ["truncated", "of another schema"])
def test_damaged_files_are_named_and_made_again(folder, small, file, expected, damage):
    path = the_file(folder, file)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        shutil.copy(folder / "results/small/tables/network.parquet", path)
    plan, (note,) = jobs_and_notes(*small, cwd=folder)
    assert plan == expected
    assert note.startswith(f"{path.relative_to(folder)}: is ")
    assert note.endswith(f"; renamed to {path.name}.damaged, and made again if needed")


def test_a_result_of_other_settings_is_not_used(folder, small, one):
    other = the_file(folder, f"{ATTACKS}/lenet/idlg-ignore/*/rate-0.5/images-0-2.parquet")
    shutil.copy(other, folder / one)
    plan, (note,) = jobs_and_notes(*small, cwd=folder)
    assert plan["attack"] == 1
    assert 'belongs to other settings (attacker.masks was "ignore" and is "resample")' in note


def test_an_experiment_grows_without_attacking_an_image_twice(folder, small, tmp_path):
    """By one image, then by others in jobs of another size, then at another rate."""
    table = "results/small/tables/attacks.parquet"
    index = f"{table}/_metadata"
    before = pd.read_parquet(folder / table)
    for change, batches in (
        ({"images": 4}, {"0-2", "2-3", "3-4"}),
        ({"images": 6, "attack": {"images_per_job": 1}}, {"0-2", "2-3", "3-4", "4-5", "5-6"}),
        ({"images": 5, "attack": {"images_per_job": 9}}, {"0-2", "2-3", "3-4", "4-5"}),
    ):
        settings = {"attackers": ["idlg"], "rates": [0.0], **change}
        settings.setdefault("attack", {})["iterations"] = 40
        arguments = with_changes(small, tmp_path, settings)
        made = run(index, *arguments, "--cores", "2", cwd=folder)
        assert counts(made.stderr).get("attack", 0) == {4: 1, 6: 2, 5: 0}[settings["images"]]
        existing = {
            path.stem.removeprefix("images-")
            for path in folder.glob(f"{ATTACKS}/lenet/idlg/*/rate-0.0/*")
        }
        assert existing >= batches
        grown = pd.read_parquet(folder / table)
        assert len(grown) == grown["image"].nunique() == settings["images"]
        kept = before.query("attacker == 'idlg' and dropout_rate == 0.0").reset_index(drop=True)
        pd.testing.assert_frame_equal(grown.head(len(kept)), kept)


def test_usable_results_are_made_again_if_a_user_forces_it(finished, small, folder, one):
    forced = run(one, *small, "--cores", "1", "--force", cwd=folder)
    assert counts(forced.stderr) == {"attack": 1}
    assert pd.read_parquet(folder / one)["rmse"].equals(pd.read_parquet(finished[0] / one)["rmse"])


def test_results_do_not_depend_on_where_images_are_kept(finished, small, tmp_path):
    moved = with_changes(small, tmp_path, {"data": {"root": "elsewhere"}})
    assert jobs(*moved, cwd=finished[0]) == {}

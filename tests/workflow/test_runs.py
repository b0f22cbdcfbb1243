"""Small complete runs."""

import re

import pandas as pd
import pytest
from places import ROOT
from runner import run, with_changes

from dropleak.planning.schema import load_presets
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, SCHEMAS

FIGURES = [
    "figure1-network",
    "figure2-features",
    "figure3-sample_lenet_idlg",
    "figure3-sample_lenet_idlg-ignore",
    "figure4-rmse-by-rate_lenet_idlg",
    "figure4-rmse-by-rate_lenet_idlg-ignore",
    "figure5-rmse-by-iteration_lenet_idlg",
    "figure5-rmse-by-iteration_lenet_idlg-ignore",
    "figure6-accuracy-by-rate",
    "figure7-attackers",
    "figure8-tradeoff_lenet",
    "figure9-attackers-sample_lenet",
]


def test_every_table_and_figure_is_made(finished):
    results = finished[0] / "results" / "small"
    drawn = {path.name for path in (results / "figures").iterdir()}
    assert drawn == {f"{name}.{ending}" for name in FIGURES for ending in ("pdf", "png")}
    for name in SCHEMAS.keys() - {"images", "attacks"}:
        assert len(parquet.read(results / "tables" / f"{name}.parquet", SCHEMAS[name]))
    attacks = StoredTable(results / "tables" / "attacks.parquet" / "_metadata", ATTACKS)
    table = pd.read_parquet(results / "tables" / "attacks.parquet")
    assert len(attacks.read(["image"])) == len(table) > 0
    assert not list(results.rglob(".partial*"))


def test_the_tables_have_every_attack_once(finished):
    folder = finished[0] / "results" / "small" / "tables"
    attacks = pd.read_parquet(folder / "attacks.parquet")
    keys = attacks[["attacker", "dropout_rate", "image"]]
    assert len(keys) == len(keys.drop_duplicates()) == 2 * 2 * 3
    assert attacks.groupby(["attacker", "dropout_rate"])["image"].apply(tuple).nunique() == 1
    summary = pd.read_csv(folder / "summary.csv")
    assert summary["attacks"].tolist() == [3, 3, 3, 3]


def test_attackers_are_compared_on_the_same_problems(finished):
    """Without dropout `resample` and `ignore` are the same attack."""
    folder = finished[0] / "results" / "small" / "tables"
    attacks = pd.read_parquet(folder / "attacks.parquet")
    columns = ["attacker", "image", "loss", "rmse", "status"]
    one, other = (
        part for _, part in attacks.query("dropout_rate == 0")[columns].groupby("attacker")
    )
    pd.testing.assert_frame_equal(
        one.drop(columns="attacker").reset_index(drop=True),
        other.drop(columns="attacker").reset_index(drop=True),
    )


def test_a_run_says_what_it_does_in_short_lines(finished):
    output = finished[1].stderr
    for done in (
        "Attacking images 0-2 of lenet with idlg at dropout rate 0.5; progress in logs/small/",
        "Training lenet at dropout rate 0.9 (dropout: classifier, defence: none); progress",
        "Drawing Figure 3: reconstructions (lenet, idlg)",
    ):
        assert done in output
    # Of a rule without a message Snakemake prints files, of which some have hundreds.
    assert not re.search("^(local)?rule ", output, flags=re.MULTILINE)
    assert max(map(len, output.splitlines())) < 300


def test_every_rule_has_a_description():
    for path in (ROOT / "workflow").rglob("*.smk"):
        rules = re.findall(r"^ *(?:use )?rule\b.*:\n(.*)$", path.read_text(), flags=re.MULTILINE)
        assert all(line.strip().startswith('"""') for line in rules), path


def test_a_run_ends_with_the_answer_the_summary_and_the_folders_of_its_results(finished):
    output = finished[1].stdout + finished[1].stderr
    answer = re.search(r"idlg: 0% .* recovered without dropout, .* which means nothing:", output)
    assert answer.start() < output.index("mean clipped RMSE")
    # 40 iterations find nothing, with dropout or without.
    assert "WARNING: Privacy from idlg and idlg-ignore is inconclusive:" in output
    assert "results/small/tables" in output
    assert "results/small/figures" in output


def test_jobs_log_their_progress(finished):
    (log,) = finished[0].glob("logs/small/attack/lenet/idlg/*/rate-0.5/images-0-2.log")
    assert "40/40 iterations" in log.read_text(encoding="utf-8")
    assert "left" in log.read_text(encoding="utf-8")
    assert log.with_suffix(".benchmark.tsv").exists()


@pytest.mark.slow
def test_every_attacker_attacks_another_kind_of_client(tmp_path, small):
    names = list(load_presets("attackers"))
    client = {"network": "relu-convnet", "dropout": "both", "images_per_update": 2}
    settings = {
        "clients": ["mine"],
        "presets": {"clients": {"mine": client}},
        "images": 4,
        "rates": [0.5],
        "utility": {"rates": [0.5]},
        "attackers": names,
        "attack": {"iterations": 20, "images_per_job": 4},
    }
    table = "results/small/tables/attacks.parquet"
    index = f"{table}/_metadata"
    run(index, "--cores", "2", *with_changes(small, tmp_path, settings), cwd=tmp_path)
    frame = pd.read_parquet(tmp_path / table)
    assert frame.groupby("attacker")["image"].nunique().to_dict() == dict.fromkeys(names, 4)
    assert frame["update"].nunique() == 2
    oracles = frame.loc[frame["knowledge"] == "update and masks", "attacker"]
    assert set(oracles) == {"known-mask"}
    claims = frame.set_index("attacker")["mask_claim"]
    readers = {"mask-reading", "adaptive", "separation", "closed-form"}
    assert set(claims.dropna().index) == readers
    assert claims["closed-form"].iloc[0] == "the closed form is for one image"
    for reason in ("several images", "convolutions", "series", "can be zero"):
        assert reason in claims["mask-reading"].iloc[0]


@pytest.mark.slow
def test_photographs_are_recovered(tmp_path, small, photographs):
    settings = {
        "experiment": "photographs",
        "data": {"source": "folder", "root": str(photographs)},
        "rates": [0.0],
        "attackers": ["idlg"],
        "attack": {"iterations": 400, "precision": "float64", "images_per_job": 3},
    }
    table = "results/photographs/tables/attacks.parquet"
    index = f"{table}/_metadata"
    run(index, "--cores", "2", *with_changes(small, tmp_path, settings), cwd=tmp_path)
    attacks = pd.read_parquet(tmp_path / table)
    assert (attacks["label"] == attacks["label_inferred"]).all()
    assert attacks["rmse"].min() < 0.5  # the start is at 1.1
    assert attacks["psnr"].max() > 8


def test_a_broken_image_ends_in_a_message_and_leaves_nothing(tmp_path, small):
    for folder in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "pictures" / folder).mkdir(parents=True)
        for n in range(3):
            (tmp_path / "pictures" / folder / f"{n}.png").write_bytes(b"no image")
    settings = {"data": {"source": "folder", "root": str(tmp_path / "pictures")}}
    arguments = with_changes(small, tmp_path, settings)
    result = run("--cores", "1", *arguments, cwd=tmp_path, succeeds=False)
    assert "0.png: cannot be read as an image" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "results").rglob("*.parquet"))

"""The examples of docs/extend.md do what the page says."""

import re
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml
from problems import clients, loss_gradients
from runner import planned, run, with_changes
from sklearn.datasets import load_sample_images

from dropleak import data, figures, grid, limits, models, tables
from dropleak.attack import objective
from dropleak.attack.attacker import Attacker
from dropleak.attack.reconstruct import reconstruct
from places import ROOT

PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCKS = dict(
    re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
)
(PRESET,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def extend(monkeypatch, module, registry):
    """Run the page's block for a module there, but leave its registry as it was after the test."""
    monkeypatch.setattr(module, registry, dict(getattr(module, registry)))
    exec(BLOCKS[Path(module.__file__).relative_to(ROOT).as_posix()], dict(vars(module)))


@pytest.fixture
def extended(tmp_path):
    """A copy of the repository's workflow with everything that the page adds to it."""
    for name in ("workflow", "config", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    for path, block in BLOCKS.items():
        with open(tmp_path / path, "a", encoding="utf-8") as file:
            file.write("\n" + block)
    path = tmp_path / "workflow" / "schemas" / "config.schema.yaml"
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    part = schema["properties"]
    part["data"]["properties"]["source"]["enum"].append("patches")
    part["client"]["properties"]["network"]["enum"].append("wide")
    preset = part["presets"]["additionalProperties"]["properties"]
    preset["distance"]["enum"].append("absolute")
    path.write_text(yaml.safe_dump(schema), encoding="utf-8")
    return tmp_path


def test_the_workflow_takes_all_of_it(extended):
    settings = {
        "experiment": "extended",
        "data": {"source": "patches"},
        "client": {"network": "wide"},
        "images": 104,
        "rates": [0.0, 0.5],
        "attackers": ["idlg", "sum"],
        "presets": {"sum": {"distance": "absolute"}},
    }
    (extended / "mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert "`snakemake figure10 --cores all`" in PAGE
    jobs = planned("figure10", "--cores", "all", "--configfile", "mine.yaml", cwd=extended)
    others = {"images": 1, "join_attacks": 1, "summarise": 1}
    assert jobs == {"figure10": 1, "draw_labels": 1, "attack": 2 * 2} | others
    (caption,) = re.findall(r'caption="(.*)"', BLOCKS["workflow/rules/figures.smk"])
    assert (extended / "workflow" / "rules" / caption).resolve().is_file()


def test_a_function_is_a_new_data_set(monkeypatch):
    extend(monkeypatch, data, "SOURCES")
    extend(monkeypatch, grid, "DATASETS")
    parts = data.image_tables("patches", "unused", None)
    planned_for = grid.DATASETS["patches"]
    assert {name: len(part) for name, part in parts.items()} == {
        "train": planned_for.train,
        "test": planned_for.test,
    }
    known = tables.metadata(parts["test"])
    assert known["shape"] == [planned_for.channels, planned_for.size, planned_for.size]
    pixels = tables.decode_pixels(parts["test"]["pixels"], known["shape"])
    temple, flower = load_sample_images().images
    assert np.array_equal(pixels[1], temple[:32, 160:192].transpose(2, 0, 1))
    assert np.array_equal(pixels[-1], flower[384:416, 480:512].transpose(2, 0, 1))
    assert parts["test"]["label"].to_pylist() == [0] * 52 + [1] * 52
    small = data.image_tables("patches", "unused", 16)["train"]
    assert tables.metadata(small)["shape"] == [3, 16, 16]


@pytest.mark.parametrize("dropout", models.DROPOUT_SITES)
def test_a_function_is_a_new_network(digits, monkeypatch, dropout):
    extend(monkeypatch, models, "NETWORKS")
    network = models.NETWORKS["wide"]((1, 32, 32), 10, dropout)
    update, private, keys = clients(digits, [4, 17], 0.3, network=network)
    for client in range(2):
        expected = loss_gradients(
            network,
            {name: tensor[client] for name, tensor in update.parameters.items()},
            private.images[client],
            private.labels[client],
            [mask[client] for mask in private.masks],
        )
        for name, gradient in expected.items():
            torch.testing.assert_close(update.gradients[name][client], gradient)
    seen = []
    attacker = Attacker(masks="known", line_search="strong-wolfe")
    result = reconstruct(
        update, attacker, keys, 40, lambda *progress: seen.append(progress[2]), private.masks
    )
    assert (seen[-1] < seen[0] / 2).all()
    assert torch.equal(result.labels, private.labels)


def test_the_new_network_costs_what_its_limits_say(monkeypatch):
    def multiplications(network):
        return sum(
            np.prod(layer.parameter_shapes(before)[f"{layer.name}.weight"]) * np.prod(after[1:])
            for layer, before, after in zip(
                network.layers, network.input_shapes(), network.output_shapes(), strict=True
            )
            if isinstance(layer, models.Conv | models.Linear)
        )

    extend(monkeypatch, models, "NETWORKS")
    extend(monkeypatch, limits, "NETWORK_COST")
    wide, lenet = (multiplications(models.NETWORKS[n]((3, 32, 32), 10)) for n in ("wide", "lenet"))
    assert limits.NETWORK_COST["wide"] == round(wide / lenet)


def test_a_preset_is_a_new_attacker(tmp_path, small):
    changes = yaml.safe_load(PRESET) | {"rates": [0.5], "utility": {"rates": [0.5]}}
    arguments = with_changes(small, tmp_path, changes)
    table = "results/small/tables/attacks.parquet"
    run(table, "--cores", "2", *arguments, cwd=tmp_path)
    frame = pd.read_parquet(tmp_path / table).set_index("attacker")
    assert set(frame.index) == set(changes["attackers"])
    assert (frame.loc["patient", "iterations"] == 3 * 40).all()
    assert planned(table, *arguments, cwd=tmp_path) == {}


def test_a_function_is_a_new_distance(digits, monkeypatch):
    extend(monkeypatch, objective, "DISTANCES")
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


def test_a_function_is_a_new_figure(tmp_path):
    made = {}
    exec(BLOCKS["workflow/dropleak/figures/labels.py"], made)
    columns = {"rate": [0.5, 0.0] * 2, "label_share": [0.25, 1.0, 0.5, 0.75]}
    summary = pa.table({"attacker": ["idlg", "idlg", "dlg", "dlg"]} | columns)
    figure = made["labels_by_rate"](summary, ["idlg", "dlg"])
    (axis,) = figure.axes
    shown = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert shown == {"idlg": [[0.0, 1.0], [0.5, 0.25]], "dlg": [[0.0, 0.75], [0.5, 0.5]]}
    figures.save(figure, tmp_path / "figure.pdf", tmp_path / "figure.png")
    assert not plt.fignum_exists(figure.number)

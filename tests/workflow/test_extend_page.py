"""The examples in docs/extend.md work as the page says."""

import __future__

import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml
from places import ROOT
from problems import by_autograd, clients
from runner import planned, run
from sklearn.datasets import load_sample_images
from snakemake.utils import update_config

import dropleak.data
from dropleak.data import datasets, sources
from dropleak.engine import defences, rng
from dropleak.engine.attack import distances
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.backends.choice import choose
from dropleak.engine.client.update import compute_update
from dropleak.engine.models import layers, zoo
from dropleak.figures import style
from dropleak.tables import parquet

PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCKS = dict(
    re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
)
KEYS = rng.image_keys(0, torch.tensor([[4], [17]]))
PRESETS = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def extend(monkeypatch, module, registry=None):
    """Run the page's block for a module, and restore the module's registry after the test.

    Returns:
        the module's names, including those that the block adds.
    """
    if registry:
        monkeypatch.setattr(module, registry, dict(getattr(module, registry)))
    names = dict(vars(module))
    block = BLOCKS[Path(module.__file__).relative_to(ROOT).as_posix()]
    exec(compile(block, module.__file__, "exec", __future__.annotations.compiler_flag), names)
    return SimpleNamespace(**names)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the workflow with everything that the page adds, and a small experiment."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("workflow", "envs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Snakefile", "profiles", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder, follow_symlinks=False)
    for path, block in BLOCKS.items():
        with open(folder / path, "a", encoding="utf-8") as file:
            file.write("\n\n" + block)
    settings = {
        "experiment": "mine",
        "data": {"source": "patches"},
        "images": 2,
        "rates": [0.5],
        "sample_images": 1,
        "attack": {"iterations": 20},
        "utility": {"rates": [0.5], "seeds": 1, "epochs": 1, "batch_size": 64},
    }
    for preset in map(yaml.safe_load, PRESETS):
        update_config(settings, preset)
    (folder / "mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def finished(extended):
    """The results of that experiment after a complete run."""
    run("--cores", "2", "--configfile", "mine.yaml", cwd=extended)
    return extended / "results" / "mine"


@pytest.mark.slow
def test_an_experiment_with_all_examples_runs_to_its_end(finished):
    attacks = pd.read_parquet(finished / "tables" / "attacks.parquet")
    assert attacks["client"].tolist() == ["wide-pairs"] * 2
    assert attacks["update"].nunique() == 1
    assert attacks["attacker"].tolist() == ["patient"] * 2
    assert attacks["iterations"].tolist() == [3 * 20] * 2
    record = json.loads((finished / "provenance.json").read_text(encoding="utf-8"))
    for name in ("figures/figure13-labels_wide-pairs.png", "report/run.html", "tables/claims.csv"):
        assert name in record["results"]
    assert (finished / "figures" / "figure13-labels_wide-pairs.pdf").stat().st_size


@pytest.mark.slow
def test_its_methods_paragraph_has_the_examples_words(finished):
    methods = (finished / "report" / "methods.tex").read_text(encoding="utf-8")
    assert r"a network of two $5 \times 5$ convolutions of 24 channels with softplus" in methods
    assert r"\texttt{patient}: labels inferred" in methods
    assert "sum of absolute differences of gradients" in methods
    assert "defended by every entry of the gradient kept within a bound with bound 0.1" in methods
    assert r"patches of scikit-learn's \cite{pedregosa2011scikit} photographs" in methods
    assert "the best of 3 starts" in methods


@pytest.mark.slow
def test_logs_say_that_the_layer_and_the_distance_run_in_torch(finished):
    logs = finished.parents[1] / "logs" / "mine" / "attack"
    (log,) = logs.rglob("*.log")
    text = log.read_text(encoding="utf-8")
    assert "layer Softplus is not compiled; distance absolute is not compiled" in text


@pytest.mark.slow
def test_its_report_has_the_figure_with_its_caption(extended, finished):
    run("--report", "report.html", "--configfile", "mine.yaml", cwd=extended)
    numbers = (finished / "report" / "figure13-labels_wide-pairs.rst").read_text(encoding="utf-8")
    assert re.fullmatch(r"At the worst rate labels are found in \d+% by ``patient`` .*\n", numbers)
    page = (finished / "report" / "figure13-labels_wide-pairs.html").read_text(encoding="utf-8")
    assert "Share of labels found by dropout rate, over 2 images of" in page
    assert "figure13-labels_wide-pairs.html" in (extended / "report.html").read_text("utf-8")
    first = (finished / "report" / "answer.html").read_text(encoding="utf-8")
    assert "Figure 13" in first
    assert "Figure 7" not in first  # is of several rates


@pytest.mark.slow
def test_the_figure_is_redrawn_when_its_own_code_changes(extended, finished):
    path = extended / "workflow" / "dropleak" / "figures" / "labels.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("labels found", "share of labels"), encoding="utf-8")
    changed = planned("--configfile", "mine.yaml", cwd=extended)
    path.write_text(before, encoding="utf-8")
    assert {rule for rule in changed if rule.startswith(("draw_", "attack"))} == {"draw_labels"}
    assert "`snakemake figure13 --cores all`" in PAGE
    assert planned("figure13", "--cores", "all", "--configfile", "mine.yaml", cwd=extended) == {}


def test_a_function_and_an_entry_are_a_new_data_set(monkeypatch):
    patches = ModuleType("dropleak.data.patches")
    exec(BLOCKS["workflow/dropleak/data/patches.py"], vars(patches))
    monkeypatch.setitem(sys.modules, patches.__name__, patches)
    monkeypatch.setattr(dropleak.data, "patches", patches, raising=False)
    extend(monkeypatch, datasets, "DATASETS")
    monkeypatch.setattr(sources, "DATASETS", datasets.DATASETS)
    parts = sources.image_tables("patches", "unused", None)
    planned_for = datasets.DATASETS["patches"]
    assert {name: len(part) for name, part in parts.items()} == {
        "train": planned_for.train,
        "test": planned_for.test,
    }
    metadata = parquet.metadata(parts["test"])
    assert metadata["shape"] == [planned_for.channels, planned_for.size, planned_for.size]
    pixels = parquet.decode_pixels(parts["test"]["pixels"], metadata["shape"])
    temple, flower = load_sample_images().images
    assert np.array_equal(pixels[1], temple[:32, 160:192].transpose(2, 0, 1))
    assert np.array_equal(pixels[-1], flower[384:416, 480:512].transpose(2, 0, 1))
    assert parts["test"]["label"].to_pylist() == [0] * 52 + [1] * 52
    small = sources.image_tables("patches", "unused", 16)["train"]
    assert parquet.metadata(small)["shape"] == [3, 16, 16]


@pytest.fixture
def wide(monkeypatch):
    """The page's network, made of the page's layer."""
    layer = extend(monkeypatch, layers).Softplus
    monkeypatch.setattr(layers, "Softplus", layer, raising=False)
    extend(monkeypatch, zoo, "NETWORKS")
    return zoo.NETWORKS["wide"]


def test_a_class_is_a_new_layer(wide):
    x = torch.linspace(-30, 30, 61, dtype=torch.float64)
    softplus = next(layer for layer in wide.build((1, 32, 32), 10).layers if layer.gain > 1)
    expected = torch.nn.functional.softplus(x, threshold=100)
    torch.testing.assert_close(softplus.apply({}, x), expected)
    assert not softplus.can_be_zero(True)


@pytest.mark.parametrize("dropout", zoo.DROPOUT_SITES)
def test_passes_of_layer_and_network_agree_with_autograd(digits, wide, dropout):
    network = wide.build((1, 32, 32), 10, dropout)
    update, private, keys = clients(digits, [4, 17], 0.3, network=network)
    attacker = Attacker(masks="known", line_search="strong-wolfe")
    assert "Softplus is not compiled" in choose(network, attacker, update.like).reason
    objective = objective_for(update, attacker, keys, private.oracle_masks())
    x, counts = start_row(objective, keys), torch.zeros(2, dtype=torch.int64)
    expected = by_autograd(objective, x, private.masks)
    torch.testing.assert_close(objective(x, counts), expected, rtol=1e-9, atol=1e-11)
    seen = []
    result = reconstruct(
        update,
        attacker,
        keys,
        20,
        lambda *progress: seen.append(progress[2]),
        private.oracle_masks(),
    )
    assert (seen[-1] < seen[0] / 2).all()
    assert torch.equal(result.labels, private.labels)


def test_a_class_and_an_entry_are_a_new_defence(digits, monkeypatch):
    clamping = ModuleType("dropleak.engine.defences.clamping")
    monkeypatch.setitem(sys.modules, clamping.__name__, clamping)
    monkeypatch.setattr(defences, "clamping", clamping, raising=False)
    exec(BLOCKS["workflow/dropleak/engine/defences/clamping.py"], vars(clamping))
    extend(monkeypatch, defences, "DEFENCES")
    made = defences.make({"clamping": {"bound": 0.1}})
    assert defences.label({"clamping": {"bound": 0.1}}) == "clamping-0.1"
    update, private, _ = clients(digits, [4, 17], 0.0)
    defended, _ = compute_update(
        update.network, private.images, private.labels, KEYS, 0.0, defence=made
    )
    largest = [gradient.abs().max() for gradient in defended.gradients.values()]
    assert max(largest) == 0.1
    attacker = Attacker(masks="read", adapts=True)
    objective = objective_for(defended, attacker, rng.attacker_keys(KEYS))
    x, counts = private.images.flatten(1), torch.zeros(2, dtype=torch.int64)
    assert objective(x, counts)[0].max() < 1e-20


def test_a_function_is_a_new_distance(monkeypatch):
    extend(monkeypatch, distances, "DISTANCES")
    torch.manual_seed(0)
    dummy = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    shared = torch.randn(3, 7, dtype=torch.float64)
    value, slope = distances.DISTANCES["absolute"].compute(dummy, shared)
    torch.testing.assert_close(value, torch.cdist(dummy[:, None], shared[:, None], p=1).flatten())
    assert torch.equal(slope, torch.autograd.grad(value.sum(), dummy)[0])


def test_functions_are_a_new_figure(tmp_path):
    module = {}
    exec(BLOCKS["workflow/dropleak/figures/labels.py"], module)
    columns = {"dropout_rate": [0.5, 0.0] * 2, "label_share": [0.25, 1.0, 0.5, 0.75]}
    columns |= {"client": ["lenet"] * 4, "attacker": ["idlg", "idlg", "dlg", "dlg"]}
    summary = pa.table(columns)
    figure = module["labels_by_rate"](summary, "lenet", ["idlg", "dlg"])
    (axis,) = figure.axes
    shown = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert shown == {"idlg": [[0.0, 1.0], [0.5, 0.25]], "dlg": [[0.0, 0.75], [0.5, 0.5]]}
    style.save(figure, tmp_path / "figure.pdf", tmp_path / "figure.png")
    assert not plt.fignum_exists(figure.number)
    numbers = module["in_numbers"](summary, "lenet", ["idlg", "dlg"])
    assert "found in 25% by ``idlg`` and 50% by ``dlg``" in numbers

"""A user's network is what its files hold, wherever they are."""

import os
import re
import shutil
import tempfile

import pytest

from dropleak.engine.models.zoo import NETWORKS
from dropleak.errors import InputError
from dropleak.jobs.trial import trial as jobs_trial
from dropleak.planning import configfile, networks, trial
from dropleak.planning.config import clients
from dropleak.planning.layout import Layout
from dropleak.planning.schema import settings_of, with_defaults
from dropleak.planning.validation import complete

FILE = """
from torch import nn
import parts

def build(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(1024, classes))
"""


@pytest.fixture
def files(tmp_path):
    """A folder with a network in two files, and weights."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "mine.py").write_text(FILE, encoding="utf-8")
    (folder / "parts.py").write_text("WIDTH = 3\n", encoding="utf-8")
    (folder / "mine.safetensors").write_bytes(b"weights")
    return folder


def configured(*folders, **settings):
    preset = {"network": "mine.py:build", "weights": "mine.safetensors"} | settings
    config = {"experiment": "test", "clients": ["mine"], "presets": {"clients": {"mine": preset}}}
    return complete(config, folders)


def paths(config):
    layout = Layout(config)
    return [folder.path for folder in layout]


def test_paths_are_relative_to_the_configuration_then_to_the_working_directory(
    files, tmp_path, monkeypatch
):
    expected = f"{files}/mine.py:build", f"{files}/mine.safetensors"
    monkeypatch.chdir(files)
    monkeypatch.setenv("FILES", str(files))
    for config in (
        configured(tmp_path, files),
        configured(),
        configured(tmp_path, network="files/mine.py:build"),
        configured(tmp_path, network="$FILES/mine.py:build"),
        configured(tmp_path, network=f"{files}/mine.py:build"),
    ):
        mine = clients(config)["mine"]
        assert (mine["network"], mine["weights"]) == expected
    assert clients(complete(config))["mine"] == mine


def test_commands_outside_snakemake_look_there_too(files):
    (files / "c.yaml").write_text(
        "experiment: test\npresets: {clients: {mine: {network: 'mine.py:build'}}}\n",
        encoding="utf-8",
    )
    mine = clients(configfile.load([files / "c.yaml"]))["mine"]
    assert mine["network"] == f"{files}/mine.py:build"


def test_moving_files_changes_nothing(files, tmp_path):
    before = paths(configured(files))
    files.rename(tmp_path / "moved")
    os.utime(tmp_path / "moved" / "mine.safetensors", (0, 0))
    assert paths(configured(tmp_path / "moved")) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.py", FILE.replace("1024", "1025")),
        ("parts.py", "WIDTH = 4\n"),
        ("mine.safetensors", "others!"),
    ],
)
def test_changing_one_makes_new_results(files, name, text):
    images, *before = paths(configured(files))
    (files / name).write_text(text, encoding="utf-8")
    same, *after = paths(configured(files))
    assert same == images
    assert not {*before} & {*after}


def test_comments_and_files_that_are_not_imported_change_nothing(files):
    before = paths(configured(files))
    (files / "mine.py").write_text(f"# a comment\n{FILE}", encoding="utf-8")
    (files / "other.py").write_text("1 / 0", encoding="utf-8")
    assert paths(configured(files)) == before


def test_a_package_beside_it_counts_with_its_own_imports(files):
    (files / "mine.py").write_text("from parts2.blocks import x\n", encoding="utf-8")
    (files / "parts2").mkdir()
    for name, text in {"__init__": "", "blocks": "from .deep import x", "deep": "x = 1"}.items():
        (files / "parts2" / f"{name}.py").write_text(text, encoding="utf-8")
    before = paths(configured(files))
    (files / "parts2" / "deep.py").write_text("x = 2", encoding="utf-8")
    assert paths(configured(files)) != before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": "mine.py"}, 'network: "mine.py" is not one of lenet, '),
        ({"network": "mine.py:"}, "a network of your own is file.py:function"),
        ({"network": "nothing.py:build"}, 'network: "nothing.py:build" is not a file in '),
        ({"weights": "nothing.pt"}, 'weights: "nothing.pt" is not a file in '),
        ({"weights": "a" * 10**4}, 'aaa"... cannot be used (File name too long)'),
        ({"weights": "$NOWHERE/x.pt"}, "names the variable NOWHERE, which is not set"),
        ({"dropout": "both"}, "dropout: both is for networks made of layers"),
        ({"network": "vit", "dropout": "convolutions", "weights": None}, "so write classifier"),
        ({"network": "lenet"}, "weights: is for torch modules; every client draws"),
        ({"weights": "trained"}, "epochs: is missing; weights: trained needs their number"),
        ({"epochs": 3}, "epochs: 3 is for weights: trained"),
        (
            {"weights": "trained", "epochs": 21},
            "clients: mine is attacked after 21 epochs; utility",
        ),
        (
            {"network": "lenet", "weights": None, "batch_norm": "batch"},
            "batch_norm: is for torch modules; lenet has no batch norm",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(files, settings, words):
    with pytest.raises(InputError, match=re.escape(words)):
        configured(files, **settings)


def test_a_file_that_is_not_python_is_refused(files):
    (files / "parts.py").write_text("def x(:\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"parts.py:1: cannot be read as Python \(invalid syntax"):
        configured(files)


def test_different_networks_must_have_different_labels(files, tmp_path):
    shutil.copytree(files, tmp_path / "other")
    presets = {
        "one": {"network": f"{files}/mine.py:build"},
        "two": {"network": f"{tmp_path}/other/mine.py:build"},
        "three": {"network": f"{files}/mine.py:build", "batch_norm": "batch"},
    }
    config = {"experiment": "x", "clients": [*presets], "presets": {"clients": presets}}
    labels = {network for network, *_ in Layout(complete(config)).trainings}
    assert labels == {"mine.build", "mine.build+batch-statistics"}
    (tmp_path / "other" / "parts.py").write_text("WIDTH = 4\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"one and two have different networks, .* mine.build;"):
        complete(config)


def test_clients_share_a_training_whatever_the_epoch(files):
    (files / "trained").write_bytes(b"weights")
    weights = {"first": "trained", "second": "trained", "none": None, "file": "./trained"}
    presets = {
        name: {"network": "mine.py:build", "weights": value} for name, value in weights.items()
    }
    presets["first"]["epochs"], presets["second"]["epochs"] = 0, 5
    config = {"experiment": "x", "clients": [*presets], "presets": {"clients": presets}}
    layout = Layout(complete(config, [files]))
    assert {network for network, *_ in layout.trainings} == {"mine.build", "mine.build+trained"}
    first, second = layout.weights["first"], layout.weights["second"]
    assert first == second
    assert first.parent == "results/x/weights/mine.build/classifier/none"
    assert layout.trainings["mine.build", "classifier", "none"].settings["weights_after"] == [0, 5]


def test_a_job_notices_files_that_have_changed(files):
    client = clients(configured(files))["mine"]
    planned = networks.without_paths(client)
    assert networks.files(client, planned) == {k: client[k] for k in ("network", "weights")}
    (files / "parts.py").write_text("WIDTH = 4\n", encoding="utf-8")
    with pytest.raises(InputError, match="has changed since the run began"):
        networks.files(client, planned)


@pytest.mark.parametrize(
    ("settings", "shape", "words"),
    [
        ({"network": "vit"}, (1, 30, 30), "30 x 30 is no multiple: set data.size to one"),
        ({"network": "convnet"}, (1, 8, 8), "8 x 8 are too few: set data.size to 9 or more"),
        ({"network": "mlp", "batch_norm": "batch"}, (1, 8, 8), "it has no batch norm"),
    ],
)
def test_a_trial_of_a_built_in_module_says_what_it_cannot_take(settings, shape, words):
    arguments = {"shape": shape, "classes": 10, "seed": 0, "precision": "float32"}
    problem = jobs_trial({"client": settings} | arguments)["problem"]
    assert problem.startswith(f"network {settings['network']}: ")
    assert words in problem


def test_planning_tries_built_in_modules_and_nothing_else(monkeypatch):
    tried = []
    monkeypatch.setattr(trial, "tried_size", lambda client, *rest: tried.append(client["network"]))
    names = [*NETWORKS]
    config = complete(
        {"experiment": "x", "presets": {"clients": {n: {"network": n} for n in names}}}
    )
    presets = clients(config)
    trial.sizes([presets[name] for name in names], config, tries=True)
    assert tried == ["mlp", "vit", "convnet", "resnet18"]
    trial.sizes([presets[name] for name in names], config, tries=False)
    assert len(tried) == 4


def test_a_function_that_ends_its_process_is_named(files):
    text = "import os\n\ndef build(shape, classes):\n    os._exit(3)\n"
    (files / "mine.py").write_text(text, encoding="utf-8")
    client = clients(configured(files, weights=None))["mine"]
    with pytest.raises(InputError, match=r"mine.py:build: trying it failed \(exit 3\)"):
        trial.tried_size(client, (1, 8, 8), 10, 0, "float32")


def test_without_a_cache_trials_are_remembered_among_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(trial, "_try", lambda arguments: trial.Size(2.0, 3))
    client = with_defaults({"network": "mlp"}, settings_of("clients"))
    arguments = client, (1, 8, 8), 10, 0, "float32"
    assert trial.tried_size(*arguments).parameters == 3
    monkeypatch.setattr(trial, "_try", None)
    assert trial.tried_size(*arguments).parameters == 3


def test_a_trial_is_remembered_until_something_changes(files, tmp_path, monkeypatch):
    printing = "import atexit, os; print(1); os.write(1, b'2'); atexit.register(print, 3)\n"
    (files / "mine.py").write_text(printing + FILE, encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    client = clients(configured(files, weights=None))["mine"]
    size = trial.tried_size(client, (1, 32, 32), 10, 0, "float32")
    assert size.parameters == 10250
    monkeypatch.setattr(trial, "_try", None)
    assert trial.tried_size(client, (1, 32, 32), 10, 0, "float32") == size
    config = configured(files, weights=None)
    assert trial.sizes([clients(config)["mine"]], config, tries=True) == [size]
    with pytest.raises(TypeError):
        trial.tried_size(client, (1, 16, 16), 10, 0, "float32")

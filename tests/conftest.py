"""Fixtures that several tests share."""

import os
import resource
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from experiment import LENET, TEN_CLASSES, WEIGHING, repeated, run
from joined import joined
from places import PHOTOGRAPHS, ROOT

from dropleak.analysis.summary import summarise
from dropleak.analysis.tradeoff import compute_tradeoff
from dropleak.data.sources import image_tables
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.training import Training
from dropleak.jobs.training import train_seeds
from dropleak.tables import parquet
from dropleak.tables.schemas import MEAN_IMAGE, UTILITY

# Processes that tests start find this clone's library, as if it were installed.
os.environ["PYTHONPATH"] = str(ROOT / "workflow")

# As in jobs: more threads are slower on small problems, above all where cores are busy.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


LEFT_OUT = pytest.StashKey[Counter]()
"""Slow tests that were left out, by file."""


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A worker of xdist tells the main process, which collects no tests."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] |= Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_deselected(items):
    for item in items:
        if item.get_closest_marker("slow"):
            item.config.stash[LEFT_OUT][str(item.path.relative_to(ROOT))] += 1


def pytest_terminal_summary(terminalreporter):
    """Say which slow tests were left out."""
    files = terminalreporter.config.stash[LEFT_OUT]
    if files:
        terminalreporter.section("left out: make test-all runs them")
    for file, count in files.items():
        terminalreporter.line(f"{file}: {count}")


@pytest.fixture(scope="session")
def digits() -> dict[str, pa.Table]:
    """The embedded image tables."""
    return image_tables("digits", "unused", None)


@pytest.fixture(scope="session")
def attacks(digits):
    """Two attacks at two rates."""
    done = [-1]
    parts = [run(digits, [4, 17], rate=rate, done=done) for rate in (0.0, 0.5)]
    assert done == [-1, *2 * list(range(0, 301, 20))]
    return pa.concat_tables(parts)


@pytest.fixture(scope="session")
def two_attackers(attacks, digits):
    """Two attackers at two rates."""
    reader = {"names": ("lenet", "mask-reading"), "attacker": Attacker(masks="read")}
    parts = [run(digits, [4, 17], rate=rate, **reader) for rate in (0.0, 0.5)]
    return pa.concat_tables([attacks, *parts])


@pytest.fixture(scope="session")
def stored(two_attackers, tmp_path_factory):
    """The same as a stored table."""
    return joined(tmp_path_factory.mktemp("stored"), two_attackers)


@pytest.fixture(scope="session")
def utility(digits):
    settings = Training(1, 256, "adam", 0.003, "xavier")
    parts = digits["train"].slice(0, 256), digits["test"]
    options = {"training": settings, "device": "cpu", "progress": lambda: None}
    table, _ = train_seeds(*parts, client=LENET, rate=0.3, seeds=range(5, 7), **options)
    return table


@pytest.fixture(scope="session")
def tradeoff(two_attackers):
    """Of ten times as many images, as two show nothing."""
    attacks = repeated(two_attackers, 10)
    summary = summarise(attacks, 0.1)
    runs = {"dropout_rate": [0.0, 0.0, 0.5, 0.5, 0.9], "test_accuracy": [0.9, 0.8, 0.83, 0.81, 0.3]}
    columns = {
        **runs,
        "network": ["lenet"] * 5,
        "dropout": ["classifier"] * 5,
        "defence": ["none"] * 5,
        "seed": [0, 1, 0, 1, 0],
        "epoch": [3] * 5,
        "train_loss": [1.0] * 5,
        "seconds": [1.0] * 5,
        "host": ["here"] * 5,
        "device": ["cpu"] * 5,
    }
    utility = parquet.build(UTILITY, columns, dataset="digits")
    images = attacks["image"].unique()
    mean_image = parquet.build(MEAN_IMAGE, {"image": images, "rmse": [0.1, 0.3] * 10})
    return compute_tradeoff(attacks, summary, utility, mean_image, TEN_CLASSES, **WEIGHING)


@pytest.fixture
def photographs() -> Path:
    """A folder of real photographs beside the checkout; skips the test if it is missing."""
    if not PHOTOGRAPHS.is_dir():
        pytest.skip("no photographs beside this checkout")
    return PHOTOGRAPHS


@pytest.fixture(autouse=True)
def closed_figures():
    """Close the figures that a test has drawn, which pyplot would keep."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def full_disk():
    """A context in which no file can grow beyond 100 bytes, which fails as on a full disk."""

    @contextmanager
    def full():
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return full()

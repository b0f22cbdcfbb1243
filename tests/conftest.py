"""What several tests use."""

import os
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from places import PHOTOGRAPHS, ROOT

from dropleak.data.sources import image_tables

# Processes that tests start find this clone's library, as if it were installed.
os.environ["PYTHONPATH"] = str(ROOT / "workflow")

# As in jobs: on small problems more threads take longer, above all where cores are busy.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_terminal_summary(terminalreporter):
    """Say which slow tests were left out."""
    deselected = terminalreporter.stats.get("deselected", [])
    slow = [item for item in deselected if item.get_closest_marker("slow")]
    files = Counter(item.path.relative_to(ROOT) for item in slow)
    if files:
        terminalreporter.section("left out: make test-all runs them")
    for file, count in files.items():
        terminalreporter.line(f"{file}: {count}")


@pytest.fixture(scope="session")
def digits() -> dict[str, pa.Table]:
    """The embedded image tables."""
    return image_tables("digits", "unused", None)


@pytest.fixture
def photographs() -> Path:
    """A folder of real photographs that lies beside the checkout, if it does."""
    if not PHOTOGRAPHS.is_dir():
        pytest.skip("no photographs beside this checkout")
    return PHOTOGRAPHS


@pytest.fixture(autouse=True)
def closed_figures():
    """Figures that a test has drawn are closed: pyplot keeps them otherwise."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")

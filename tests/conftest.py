"""What several tests use."""

import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from places import PHOTOGRAPHS, ROOT

from dropleak.data.sources import image_tables

# Processes that tests start find this clone's library, as if it were installed.
os.environ["PYTHONPATH"] = str(ROOT / "workflow")


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

"""What several tests use."""

from pathlib import Path

import pyarrow as pa
import pytest

from dropleak.data import image_tables
from places import PHOTOGRAPHS


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

"""A real Slurm cluster, and clones to run on it."""

import os

import cluster
import pytest
from user import Clone


@pytest.fixture(scope="session")
def slurm():
    """A cluster with GPUs and accounting; without one tests fail if SLURM_TESTS=required."""
    if reason := cluster.why_not():
        if os.environ.get("SLURM_TESTS") == "required":
            pytest.fail(f"no Slurm cluster: {reason}")
        pytest.skip(f"no Slurm cluster: {reason}")
    cluster.up()
    yield
    cluster.down()


@pytest.fixture
def clone(tmp_path):
    """Make a fresh clone with a configuration."""
    clones = []

    def make(settings: dict) -> Clone:
        clones.append(Clone(tmp_path / "clone", settings))
        return clones[-1]

    yield make
    for clone in clones:
        clone.stop()

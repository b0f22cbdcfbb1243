"""A real Slurm cluster, and clones to run on it."""

import os

import cluster
import pytest
from user import Clone


@pytest.fixture(scope="session")
def slurm():
    """A cluster with GPUs and accounting; SLURM_TESTS=required makes its lack a failure."""
    if reason := cluster.why_not():
        if os.environ.get("SLURM_TESTS") == "required":
            pytest.fail(f"no Slurm cluster: {reason}")
        pytest.skip(f"no Slurm cluster: {reason}")
    cluster.up()
    yield
    cluster.down()


@pytest.fixture
def clone(tmp_path):
    """Makes a fresh clone with a configuration."""
    made = []

    def make(settings: dict) -> Clone:
        made.append(Clone(tmp_path / "clone", settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()

"""What holds for all unit tests."""

import sys

import pytest


@pytest.fixture(autouse=True)
def closed_figures():
    """Figures that a test has drawn are closed: pyplot keeps them otherwise."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")

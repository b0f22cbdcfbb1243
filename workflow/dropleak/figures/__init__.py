"""The figures: functions from tables to a matplotlib figure; no file names, no torch."""

import os
from contextlib import chdir
from pathlib import Path

# When it is imported, matplotlib reads a user's settings: of the working directory first, then from
# where variables say. Figures do not depend on them, nor fail when they are broken.
os.environ["MATPLOTLIBRC"] = os.devnull
os.environ.pop("MPLBACKEND", None)
with chdir(Path(__file__).parent):
    import matplotlib

matplotlib.use("Agg")

from dropleak.figures.accuracy import accuracy_by_rate
from dropleak.figures.attackers import attackers_by_rate, privacy_and_utility
from dropleak.figures.features import features
from dropleak.figures.network import networks
from dropleak.figures.rmse import rmse_by_iteration, rmse_by_rate
from dropleak.figures.sample import attackers_sample, sample
from dropleak.figures.style import save

__all__ = [
    "accuracy_by_rate",
    "attackers_by_rate",
    "attackers_sample",
    "features",
    "networks",
    "privacy_and_utility",
    "rmse_by_iteration",
    "rmse_by_rate",
    "sample",
    "save",
]

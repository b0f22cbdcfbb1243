"""The figures: functions from tables to a matplotlib figure; no file names, no torch.

They are registered in `dropleak/report/figures.py`, which needs no matplotlib.
"""

import os
from contextlib import chdir
from pathlib import Path

# On import, matplotlib reads a user's settings from the working directory or where environment
# variables point. Figures must not depend on them, nor fail if they are broken.
os.environ["MATPLOTLIBRC"] = os.devnull
os.environ.pop("MPLBACKEND", None)
with chdir(Path(__file__).parent):
    import matplotlib

matplotlib.use("Agg")

"""The figures: functions from tables to a matplotlib figure; no file names, no torch.

Which there are is in `dropleak/report/figures.py`, which needs no matplotlib.
"""

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

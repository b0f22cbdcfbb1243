"""Figures do not depend on a user's settings of matplotlib, nor on how means are rounded."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dropleak.figures import style
from dropleak.figures.tradeoff import points

DRAW = """
from dropleak.figures import style
figure, axis = style.new(1.5)
axis.plot([0.0, 0.5], [0.1, 0.2], marker="o", label="idlg")
axis.set(xlabel="dropout rate", ylabel="RMSE", title="$p$")
figure.legend(loc="outside upper center")
style.save(figure, "figure.pdf", "figure.png")
"""

SETTINGS = """\
text.usetex: True
savefig.bbox: tight
savefig.transparent: True
figure.dpi: 50
font.family: serif
font.sans-serif: Courier
axes.prop_cycle: cycler(color=["red"])
axes.formatter.limits: 0, 0
lines.antialiased: False
path.sketch: 1, 100, 2
pdf.compression: 0
backend: nonsense
unknown.key: 1
"""


def drawn(folder, **variables):
    """The checksums of a figure that a job draws in a folder."""
    subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=folder,
        env=os.environ | variables,
        check=True,
    )
    names = ("figure.pdf", "figure.png")
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The checksums without any settings."""
    return drawn(tmp_path_factory.mktemp("without"))


def test_a_users_settings_have_no_effect(tmp_path, expected):
    (tmp_path / "matplotlib").mkdir()
    for folder in (tmp_path, tmp_path / "matplotlib"):
        (folder / "matplotlibrc").write_text(SETTINGS, encoding="utf-8")
    assert drawn(tmp_path, XDG_CONFIG_HOME=str(tmp_path), MPLBACKEND="nonsense") == expected


def test_broken_settings_have_no_effect(tmp_path, expected):
    (tmp_path / "matplotlibrc").write_bytes("# größer\n".encode("latin-1"))
    (tmp_path / "mine").write_text(SETTINGS, encoding="utf-8")
    variables = {"MATPLOTLIBRC": "mine", "MPLCONFIGDIR": "/proc/nowhere"}
    assert drawn(tmp_path, **variables) == expected


@pytest.mark.parametrize("towards", [0, 1])
def test_means_that_rounding_puts_beyond_equal_values_are_drawn(towards):
    """Networks at chance often have the same accuracy for every seed."""
    mean, look = np.nextafter(0.1, towards), {"color": "black", "marker": "o"}
    names = ("rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high")
    ends = dict.fromkeys((*names[1:], "test_accuracy_low", "test_accuracy_high"), 0.1)
    rows = pd.DataFrame([{names[0]: mean, "test_accuracy": mean} | ends])
    _, axis = style.new(2)
    style.intervals(axis, [0], rows, names, **look)
    points(axis, rows, pd.Series([False]), "idlg", look)
    assert min(length.min() for length in style.bars(rows, names)) == 0


def test_an_interval_that_is_not_known_is_not_drawn():
    rows = pd.DataFrame({"mean": [0.1, 0.2], "low": [np.nan, 0.1], "high": [np.nan, 0.4]})
    below, above = style.bars(rows, ("mean", "low", "high"))
    assert below.tolist() == pytest.approx([np.nan, 0.1], nan_ok=True)
    assert above.tolist() == pytest.approx([np.nan, 0.2], nan_ok=True)

"""Figures do not depend on a user's settings of matplotlib."""

import hashlib
import os
import subprocess
import sys

import pytest

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

"""Figure 11: every defence by what it protects and keeps."""

from itertools import combinations

import pytest
from drawn import figures
from experiment import texts
from matplotlib.text import Text
from protection import DOUBT, attack, client, compared

from dropleak.report import captions

DROPOUT = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.fixture(scope="module")
def table():
    """Some twenty points, many of them close together."""
    clients = {"plain": client(rates=DROPOUT)}
    attacks = [attack("plain", rate, "idlg", 0.02 + 0.02 * rate) for rate in DROPOUT]
    accuracies = {("plain", rate): [0.44 - 0.05 * rate, 0.45 - 0.06 * rate] for rate in DROPOUT}
    strengths = {
        ("pruning", "share"): (0.5, 0.9, 0.99),
        ("gaussian-noise", "standard_deviation"): (1e-4, 1e-3, 1e-2, 1e-1),
        ("quantisation", "bits"): (8, 4),
        ("soteria", "share"): (0.8,),
    }
    for (kind, setting), values in strengths.items():
        for index, value in enumerate(values):
            name = f"{kind}-{index}"
            clients[name] = client(defence={kind: {setting: value}})
            error = 0.03 + 0.16 * index + 0.3 * (kind == "soteria")
            attacks.append(attack(name, 0.0, "idlg", error, DOUBT if kind == "soteria" else None))
            accuracies[name, 0.0] = [0.44 - 0.02 * index**2, 0.43 - 0.02 * index**2]
    clients["both"] = client(defence={"sign": {}}, rates=[0.3])
    attacks.append(attack("both", 0.3, "reader", 0.6))
    accuracies["both", 0.3] = [0.38, 0.4]
    return compared(clients, attacks, accuracies)


def test_every_point_has_a_name_and_no_two_overlap(table):
    figure = figures.defences(table, "plain")
    (axis,) = figure.axes
    names = [text.get_text() for text in axis.texts]
    strengths = ["0.5", "0.9", "0.99", "0.0001", "0.001", "0.01", "0.1", "8", "4", "0.8"]
    assert sorted(names) == sorted([*map(str, DROPOUT), *strengths, "at rate 0.3"])
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in axis.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    shown = texts(figure)
    for kind in (
        "dropout",
        "pruning",
        "gaussian-noise",
        "quantisation",
        "soteria",
        "sign",
        "front",
    ):
        assert kind in shown


def test_the_line_connects_the_front(table):
    (axis,) = figures.defences(table, "plain").axes
    best = table.to_pandas().query("front").sort_values("test_accuracy")
    (line,) = (line for line in axis.lines if line.get_label() == "front")
    assert line.get_xdata().tolist() == best["test_accuracy"].tolist()
    assert line.get_ydata().tolist() == best["rmse_clipped_mean"].tolist()
    assert "soteria" not in best["kind"].tolist()


def test_the_figure_says_what_is_missing(table):
    assert any("utility.rates" in text for text in texts(figures.defences(table, "other")))


def test_the_caption_names_the_front_and_what_is_inconclusive(table):
    text = captions.defences(table, "plain")
    error = "0.600 (0.590 to 0.610) by ``reader`` and an accuracy of 39.0%"
    assert f"``sign`` at dropout rate 0.3 with an RMSE of {error}" in text
    assert f"Inconclusive at ``soteria-0.8``: {DOUBT}." in text
    assert captions.defences(table, "other") == "The front: none is known."

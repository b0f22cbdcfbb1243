"""Figures show the numbers of the tables."""

import textwrap
from dataclasses import asdict
from itertools import combinations, product

import modules
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from drawn import figures
from experiment import LABELS, LENET, TEN_CLASSES, TWO_RATES, failing, of_client, texts, weighed
from joined import joined
from matplotlib import pyplot
from matplotlib.text import Text
from scipy.stats import binom
from torch import nn

from dropleak.analysis.accuracy import last_epoch
from dropleak.analysis.chance import Chance
from dropleak.analysis.privacy_budget import epsilon
from dropleak.analysis.summary import summarise
from dropleak.engine.client.client import Client
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet
from dropleak.formatting import number
from dropleak.jobs.images import tensors
from dropleak.jobs.method_tables import clients_table, features_table, network_table
from dropleak.report import captions
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS, DEFENCES, SUMMARY, TRADEOFF, UTILITY


@pytest.fixture(autouse=True)
def legends_fit():
    """Whatever a test draws, its legends are not cut off."""
    yield
    for figure in map(pyplot.figure, pyplot.get_fignums()):
        figure.draw_without_rendering()
        for legend in figure.legends:
            box = legend.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1


@pytest.fixture(scope="module")
def updates_of_several(attacks, tmp_path_factory):
    """Two updates each of one, two and four images: attacks at two rates, and their summary."""
    columns = {name: attacks[name][:1].to_pylist() for name in ATTACKS.names}
    row, rows = pd.DataFrame(columns), []
    for client, n in (("one", 1), ("two", 2), ("four", 4)):
        for attacker, rate, image in product(("plain", "separation"), (0.0, 0.5), range(2 * n)):
            looks = attacker == "separation" and rate > 0
            exact = (client, image) != ("four", 7) if looks else None
            error = 0.1 * n + 0.01 * image + rate * (attacker == "plain")
            changed = {"client": client, "attacker": attacker, "dropout_rate": rate}
            changed |= {"image": image, "update": image - image % n, "mask_exact": exact}
            rows.append(row.assign(label_inferred=row["label"], rmse_clipped=error, **changed))
    table = parquet.build(ATTACKS, pd.concat(rows).astype({"mask_exact": object}).to_dict("list"))
    return joined(tmp_path_factory.mktemp("several"), table), summarise(table, 0.1)


def pixels(digits, index):
    return parquet.decode_pixels(digits["test"].take([index])["pixels"], (32, 32))[0]


NAMES = ["idlg", "mask-reading"]
RATES = [0.0, 0.5]
COURSES = [{"start": 0, "later": 20}]


def intervals_of_accuracies():
    """A table of defences whose accuracies have the same interval at two rates."""
    columns = {
        field.name: [None if field.nullable else "" if field.type == pa.string() else 0] * 2
        for field in DEFENCES
    }
    columns |= {name: [False] * 2 for name in ("at_chance", "front")}
    columns |= {"client": ["lenet"] * 2, "dropout_rate": [0.0, 0.5]}
    columns |= {"test_accuracy_low": [0.8] * 2, "test_accuracy_high": [0.95] * 2}
    return parquet.build(DEFENCES, columns)


INTERVALS = intervals_of_accuracies()


def test_figure_1_has_the_layers_of_the_model():
    shown = texts(figures.network(network_table(lenet((3, 32, 32), 10))))
    assert shown.count("Sigmoid") == 3
    assert shown.count("Dropout") == 1
    assert shown.count("3×32×32") == 1
    assert shown.count("768") == 2


def test_figure_1_of_a_deep_network_shows_what_is_near_dropout_and_counts_the_rest():
    layers = [nn.Linear(8, 8, bias=False) for _ in range(40)]
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(1024, 8), *layers, nn.Dropout(), nn.Linear(8, 10)
    )
    table = network_table(ModuleNetwork(module, (1, 32, 32), 10))
    rows = [text for text in texts(figures.network(table)) if text[:1].isalpha() or "…" in text]
    assert rows == [
        *("Input", "Flatten 0", "Linear 1", "… 38 layers with 2,432 parameters …"),
        *("Linear 40", "Linear 41", "Dropout 42", "Linear 43"),
    ]


def test_figure_1_shortens_long_names_of_layers():
    inner = nn.Sequential()
    inner.add_module("decoder_of_the_attention_over_all_of_the_features", nn.Linear(1024, 10))
    table = network_table(ModuleNetwork(nn.Sequential(nn.Flatten(), inner), (1, 32, 32), 10))
    assert "Linear 1.decoder_of_th…r_all_of_the_features" in texts(figures.network(table))


def test_figure_2_has_the_image_and_colours_what_the_mask_drops(digits):
    table = features_table(
        lenet((1, 32, 32), 10), digits["test"].take([3]), [0.0, 0.2, 0.5], seed=0
    )
    frame = table.to_pandas()
    dropped = 1 - frame.groupby("dropout_rate")["kept"].mean()
    assert dropped.tolist() == pytest.approx([0.0, 0.2, 0.5], abs=0.06)
    assert frame["value"].between(0, 1).all()
    image, *maps = figures.features(table, digits["test"]).axes
    assert (image.images[0].get_array() == pixels(digits, 3)).all()
    dropped = [axis.images[0].get_array().mask.sum() for axis in maps]
    assert dropped == (~frame["kept"]).groupby(frame["dropout_rate"]).sum().tolist()
    first = maps[0].images[0].get_array()[:8, :8]  # the first channel
    values = frame.query("dropout_rate == 0 and channel == 0")["value"].to_numpy().reshape(8, 8)
    low, high = frame["value"].min(), frame["value"].max()
    assert np.allclose(first, (values - low) / (high - low))


def test_figures_1_and_2_show_a_module_as_the_same_network_of_layers(digits):
    module = ModuleNetwork(modules.lenet(), (1, 32, 32), 10)
    table, expected = map(network_table, (module, lenet((1, 32, 32), 10)))
    assert table["shape"] == expected["shape"]
    assert table["parameters"] == expected["parameters"]
    assert texts(figures.network(table)).count("Dropout 7") == 1
    image, rates = digits["test"].take([3]), [0.0, 0.5]
    found = features_table(module, image, rates, seed=0)
    assert found["kept"] == features_table(lenet((1, 32, 32), 10), image, rates, seed=0)["kept"]
    (before,) = (
        call.input
        for call in module.calls(module.parameters, tensors(image)[0].float())
        if call.name == "8"
    )
    assert found["value"].to_numpy()[:768] == pytest.approx(before.flatten().numpy(), abs=1e-5)
    shown = figures.features(found, digits["test"]).axes[1].images[0].get_array()
    assert shown.shape == (24, 32)


@pytest.mark.parametrize("module", [modules.Unusual, modules.transformer, modules.ConvNet])
def test_the_rows_of_figure_1_have_all_parameters(module):
    network = ModuleNetwork(module(), (1, 32, 32), 10)
    count = sum(p.numel() for p in network.parameters.values())
    assert sum(network_table(network)["parameters"].to_pylist()) == count


def test_figure_2_says_why_it_shows_nothing(digits):
    module = nn.Sequential(nn.Dropout(), nn.Conv2d(1, 10, 32), nn.Flatten())
    network = ModuleNetwork(module, (1, 32, 32), 10)
    table = features_table(network, digits["test"].take([3]), [0.5], seed=0)
    (shown,) = filter(None, texts(figures.features(table, digits["test"])))
    assert " ".join(shown.split()) == "Not shown: the logits do not come from a linear layer."
    assert captions.features(table, digits["test"]) == (
        "They are not shown, as the logits do not come from a linear layer."
    )


def test_facts_of_networks():
    networks = {
        "a": lenet((1, 32, 32), 10),
        "b": ModuleNetwork(modules.ConvNet(), (1, 32, 32), 10, batch_norm="batch"),
    }
    clients = {"a": Client("lenet"), "b": Client("mine.py:build", images_per_update=2)}
    first, second = clients_table(clients, networks, {}).to_pylist()
    assert first == {
        "client": "a",
        "parameters": 15226,
        "dropout_layers": 1,
        "batch_norm": None,
        "epochs": None,
        "labels_from": "the classifier's row that sums lowest",
        "epsilon": None,
        "delta": None,
    }
    assert (second["dropout_layers"], second["batch_norm"]) == (3, "batch")
    assert second["labels_from"] == "the classifier's negative entries and its bias gradient"
    bare = {"c": ModuleNetwork(modules.mlp(), (1, 32, 32), 10)}
    pair = clients_table({"c": clients["b"]}, bare, {})
    assert pair["labels_from"].to_pylist() == [None]


def test_clients_with_clipped_and_noisy_gradients_have_the_privacy_budget_of_their_training():
    clients = {
        name: Client(defence=defence)
        for name, defence in [
            ("private", {"dp-sgd": {"norm": 1.0, "multiplier": 1.0}}),
            ("sign", {"sign": {}}),
            ("plain", {}),
        ]
    }
    training = {"images": 1000, "batch_size": 10, "epochs": 5}
    trainings = {"private": training, "sign": training}
    table = clients_table(clients, dict.fromkeys(clients, lenet((1, 32, 32), 10)), trainings)
    assert table["epsilon"].to_pylist() == [epsilon(1.0, 0.01, 500, 1e-3), None, None]
    assert table["delta"].to_pylist() == [1e-3, None, None]


def test_figure_3_shows_each_image_at_each_rate(attacks, stored, digits):
    figure = figures.sample(stored, digits["test"], "lenet", "idlg", [17, 4])
    shown = texts(figure)
    assert [text for text in shown if text in ("truth", "0.0", "0.5")] == ["truth", "0.0", "0.5"]
    assert {"dropout rate", "RMSE"} <= {*shown}
    assert (figure.axes[0].images[0].get_array() == pixels(digits, 17)).all()
    errors = attacks.to_pandas().set_index(["image", "dropout_rate"])["rmse_clipped"]
    row = [axis.get_xlabel() for axis in figure.axes[:3]]
    assert row == ["RMSE", *(number(errors[17, rate]) for rate in (0.0, 0.5))]


def test_figure_4_has_the_means_and_the_papers_values(attacks, stored):
    summary = summarise(attacks, 0.1)
    (axis,) = figures.rmse_by_rate(stored, summary, "lenet", "idlg").axes
    images, *_, published = (dots.get_offsets() for dots in axis.collections)
    errors = attacks.sort_by("dropout_rate")["rmse_clipped"].to_pylist()
    assert images[:, 1].tolist() == pytest.approx(errors)
    assert published[:, 1].tolist() == [0.533, 0.612]
    means = axis.containers[-1].lines[0].get_ydata()
    assert means.tolist() == pytest.approx(summary["rmse_clipped_mean"].to_pylist())
    (above,) = axis.child_axes
    shares = [label.get_text() for label in above.get_xticklabels()]
    assert shares == [f"{share:.0%}" for share in summary["success_share"].to_pylist()]
    assert axis.get_ylim()[0] < 0  # points at zero are whole


def test_figure_5_has_a_panel_with_the_quartiles_of_each_rate(attacks, stored):
    axes = figures.rmse_by_iteration(stored, "lenet", "idlg").axes
    courses = np.array(attacks["trajectory_rmse_clipped"].to_pylist()).reshape(2, 2, -1)
    for axis, rate, errors in zip(axes, (0.0, 0.5), courses, strict=True):
        median = np.median(errors, axis=0)
        *every, line = axis.lines
        assert line.get_xdata().tolist() == list(range(0, 301, 20))
        assert line.get_ydata() == pytest.approx(median)
        assert len(every) == 2  # the medians at all rates
        assert axis.get_title() == f"rate {rate}: {number(median[-1])}"
        edge = axis.collections[0].get_paths()[0].vertices[1:17]
        assert edge[:, 1] == pytest.approx(np.quantile(errors, 0.25, axis=0))


def test_figure_6_has_the_mean_and_the_range_over_seeds(utility):
    (axis,) = figures.accuracy_by_rate(utility, LABELS).axes
    accuracies = last_epoch(utility.to_pandas())["test_accuracy"]
    (drawn,) = axis.containers
    line, _, (bars,) = drawn.lines
    assert line.get_ydata() == pytest.approx([accuracies.mean()])
    (bar,) = bars.get_segments()
    assert bar[:, 1] == pytest.approx([accuracies.min(), accuracies.max()])


def test_figure_6_has_a_line_for_each_trained_network(utility):
    other = utility.to_pandas().assign(network="relu-convnet", test_accuracy=0.25)
    utility = pa.concat_tables([utility, parquet.build(UTILITY, other)])
    figure = figures.accuracy_by_rate(utility, LABELS)
    (axis,) = figure.axes
    shown = {box.get_label(): [*box.lines[0].get_ydata()] for box in axis.containers}
    assert shown["relu-convnet (classifier)"] == [0.25]
    assert "lenet (classifier)" in shown
    assert "relu-convnet (classifier)" in texts(figure)
    caption = captions.accuracy_by_rate(utility, LABELS)
    assert "Means of relu-convnet (classifier) are 25.0% at 0.3." in caption


def test_figure_6_has_chance_with_its_interval(utility):
    (axis,) = figures.accuracy_by_rate(utility, LABELS).axes
    assert axis.lines[-1].get_ydata() == [0.4, 0.4]
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    low, high = binom.ppf([0.025, 0.975], 50, 0.4) / 50
    assert (band.y0, band.y1) == pytest.approx((low, high))


def test_figure_7_has_a_line_for_each_attacker(two_attackers, tradeoff):
    summary = summarise(two_attackers, 0.1)
    names = ["mask-reading", "idlg"]
    (axis,) = figures.attackers_by_rate(summary, tradeoff, ["lenet"], names).axes
    lines = [container.lines[0].get_ydata().tolist() for container in axis.containers]
    frame = summary.to_pandas().set_index("attacker")["rmse_clipped_mean"]
    assert lines == [frame[name].tolist() for name in names]


def test_figure_7_has_a_panel_for_each_client(two_attackers, tradeoff):
    """All panels share an axis whose limits hold the errors of all clients."""
    clients = [f"lenet-{n}" for n in range(7)]
    frame = summarise(two_attackers, 0.1).to_pandas()
    errors = [name for name in SUMMARY.names if name.startswith("rmse_clipped")]
    parts = [
        frame.assign(client=name, **dict.fromkeys(errors, 0.1 * index))
        for index, name in enumerate(clients)
    ]
    summary = parquet.build(SUMMARY, pd.concat(parts, ignore_index=True))
    figure = figures.attackers_by_rate(summary, tradeoff, clients, ["idlg"])
    panels = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title() for axis in panels] == clients
    for index, axis in enumerate(panels):
        (line,) = (container.lines[0] for container in axis.containers)
        assert line.get_ydata() == pytest.approx([0.1 * index] * 2)
        low, high = axis.get_ylim()
        assert low < 0
        assert high > 0.6
    figure.canvas.draw()
    labelled = [any(label.get_visible() for label in axis.get_xticklabels()) for axis in panels]
    assert labelled == [False] * 5 + [True] * 2


def test_clients_can_have_attackers_of_their_own(two_attackers):
    """Figures of several clients have all lines that there are, in the same colours."""
    idlg = two_attackers.filter(pc.field("attacker") == "idlg")
    every = pa.concat_tables([of_client(two_attackers, "start"), of_client(idlg, "later")])
    summary = summarise(every, 0.1)
    weights = weighed(every, TWO_RATES, clients=dict.fromkeys(COURSES[0], asdict(LENET)))
    figure = figures.attackers_by_rate(summary, weights, [*COURSES[0]], NAMES)
    drawn = [[len(box.lines[0].get_xdata()) for box in axis.containers] for axis in figure.axes]
    assert drawn == [[2, 2], [2, 0]]
    assert "of ``later`` at rate 0.5" in captions.attackers_by_rate(
        summary, weights, [*COURSES[0]], NAMES
    )
    assert figures.leakage_by_epoch(summary, weights, COURSES, NAMES)
    text = captions.leakage_by_epoch(summary, weights, COURSES, NAMES)
    assert text.count("``mask-reading``") == text.count("``idlg``") == 2
    assert text.count(" after 0") == 4
    assert text.count(" after 20") == 2


def test_figure_8_marks_what_a_user_wants(tradeoff):
    axis = figures.privacy_and_utility(tradeoff, INTERVALS, "lenet", NAMES).axes[0]
    assert axis.get_title().endswith("no rate")
    region = axis.collections[-1].get_paths()[0].get_extents()
    assert region.x0 == pytest.approx(0.8)
    assert region.y0 == pytest.approx(0.2)
    assert axis.get_xlim()[0] < 0.8  # the axis has the accuracy that is needed
    only_idlg = tradeoff.slice(0, 2)
    axis = figures.privacy_and_utility(only_idlg, INTERVALS, "lenet", ["idlg"]).axes[0]
    assert axis.get_title().endswith("0.5")


def test_figure_8_has_points_with_both_intervals_and_no_lines(tradeoff):
    axis = figures.privacy_and_utility(tradeoff, INTERVALS, "lenet", NAMES).axes[0]
    frame = tradeoff.to_pandas().set_index("attacker").sort_index()
    for name, box in zip(NAMES, axis.containers, strict=True):
        rows = frame.loc[name]
        line, _, (across, up) = box.lines
        assert line is None
        for segment, accuracy in zip(across.get_segments(), rows["test_accuracy"], strict=True):
            assert segment[:, 0] == pytest.approx([0.8, 0.95])
            assert 0.8 <= accuracy <= 0.95
        ends = rows[["rmse_clipped_low", "rmse_clipped_high"]].to_numpy()
        assert [segment[:, 1] for segment in up.get_segments()] == pytest.approx(ends)


@pytest.mark.parametrize(
    ("accuracies", "labels"),
    [
        ([0.909, 0.7, 0.906, 0.905, 0.9, 0.48], {"0.0", "0.1", "0.2 to 0.4", "0.5"}),
        ([0.9, 0.8, 0.9, 0.8, 0.9, 0.6], {"0.0", "0.2, 0.4", "0.1, 0.3", "0.5"}),
        ([0.5] * 6, {"0.0", "0.1 to 0.5"}),
        ([0.9], {"0.0"}),
    ],
)
def test_rates_in_figure_8_stand_at_their_points(accuracies, labels):
    """The error at rate 0.0 is far from all others, so its name is too."""
    rows = len(accuracies)
    rates = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5][:rows]
    errors = [0.07, *[0.63] * (rows - 1)]
    columns = {
        "client": ["lenet"] * rows,
        "attacker": ["idlg"] * rows,
        "dropout_rate": rates,
        "test_accuracy": accuracies,
    }
    columns |= {name: errors for name in TRADEOFF.names if name.startswith(("rmse", "above"))}
    columns |= {name: [True] * rows for name in ("private", "accurate")}
    columns |= {"inconclusive": [None] * rows, "at_chance": [False] * rows}
    columns |= {"epochs": [None] * rows}
    by_client = {"lowest_accuracy": 0.4, "at_chance": [], "doubts": {"idlg": None}}
    metadata = {name: {"lenet": value} for name, value in by_client.items()}
    metadata |= {"chance": asdict(TEN_CLASSES), "mean_image_rmse": 0.25}
    table = parquet.build(TRADEOFF, columns, **metadata)
    figure = figures.privacy_and_utility(table, DEFENCES.empty_table(), "lenet", ["idlg"])
    (axis,) = figure.axes
    assert {text.get_text() for text in axis.texts} == labels
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in axis.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    for text, box in zip(axis.texts, boxes, strict=True):
        place = (accuracies[0], 0.07) if text.get_text() == "0.0" else (text.xy[0], 0.63)
        x, y = axis.transData.transform(place)
        assert box.padded(20).contains(x, y)


def test_figure_8_says_what_is_missing(tradeoff):
    figure = figures.privacy_and_utility(tradeoff.slice(0, 0), INTERVALS, "lenet", ["idlg"])
    assert any("utility.rates" in text for text in texts(figure))


def test_figure_8_names_inconclusive_attackers(two_attackers):
    names = ["idlg", "mask-reading"]
    weighed_attacks = weighed(failing(two_attackers), TWO_RATES)
    axis = figures.privacy_and_utility(weighed_attacks, INTERVALS, "lenet", names).axes[0]
    inconclusive = "idlg inconclusive: this attack fails without a defence too"
    assert axis.get_title().splitlines() == [
        "private from mask-reading and accurate: no rate",
        *textwrap.wrap(inconclusive, 55),
    ]
    idlg, reading = (dots.get_facecolor() for dots in axis.collections if dots.get_label() in names)
    assert (idlg == 1).all()
    assert not (reading == 1).all()
    only = weighed(failing(two_attackers).slice(0, 4), TWO_RATES)
    axis = figures.privacy_and_utility(only, INTERVALS, "lenet", ["idlg"]).axes[0]
    assert " ".join(axis.get_title().split()) == inconclusive


def test_the_title_of_figure_8_fits(two_attackers):
    attacks = two_attackers.filter(pc.field("dropout_rate") > 0)
    figure = figures.privacy_and_utility(weighed(attacks, TWO_RATES), INTERVALS, "lenet", NAMES)
    figure.canvas.draw()
    title = figure.axes[0].title
    assert "idlg, mask-reading inconclusive:" in title.get_text()
    box, canvas = title.get_window_extent(), figure.bbox
    assert canvas.x0 <= box.x0 < box.x1 <= canvas.x1
    assert canvas.y0 <= box.y0 < box.y1 <= canvas.y1


def test_figure_8_has_chance_where_accuracies_are_near(two_attackers):
    chance = Chance(0.5, 0.25, 0.75, 12)
    near = weighed(two_attackers, {0.0: 0.5, 0.5: 0.6}, chance=chance)
    axis = figures.privacy_and_utility(near, DEFENCES.empty_table(), "lenet", NAMES).axes[0]
    assert axis.get_title().endswith("accurate: no rate\naccuracy is at chance: 0.0, 0.5")
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((0.25, 0.75))
    left, right = axis.get_xlim()
    assert left <= 0.25
    assert right > 0.75
    region = axis.collections[-1].get_paths()[0].get_extents()
    assert region.x0 == pytest.approx(0.75)  # an accuracy within chance's interval is not wanted
    far = weighed(two_attackers, TWO_RATES)
    axis = figures.privacy_and_utility(far, INTERVALS, "lenet", ["idlg"]).axes[0]
    assert "chance, 0.10, is far below" in axis.get_xlabel()
    assert axis.get_xlim()[0] > 0.7


def test_figure_9_shows_each_attackers_reconstructions(two_attackers, stored, digits):
    names = ["idlg", "mask-reading"]
    figure = figures.attackers_sample(stored, digits["test"], "lenet", names, [17, 4])
    assert {"dropout rate", "truth", "0.0", "0.5"} <= {*texts(figure)}
    frame = two_attackers.to_pandas()
    means = frame.groupby(["attacker", "dropout_rate"])["rmse_clipped"].mean()
    rows = np.reshape(figure.axes, (2, 3))
    for (truth, *cells), name in zip(rows, names, strict=True):
        assert truth.get_ylabel().replace("\n", "") == name
        labels = [cell.get_xlabel() for cell in cells]
        assert labels == [number(means[name, rate]) for rate in (0.0, 0.5)]
        shown = truth.images[0].get_array()
        assert (
            shown == np.hstack([pixels(digits, 17), np.full((32, 1), 255), pixels(digits, 4)])
        ).all()


def test_figures_are_written_in_both_formats(tmp_path, utility):
    figures.save(figures.accuracy_by_rate(utility, LABELS), tmp_path / "a.pdf", tmp_path / "a.png")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2


def test_figure_12_has_the_share_of_separated_updates_and_the_errors(updates_of_several):
    stored, summary = updates_of_several
    names = ["plain", "separation"]
    figure = figures.separation(stored, summary, names)
    assert [axis.get_title() for axis in figure.axes] == ["two\n2 images", "four\n4 images", "", ""]
    *tops, first, second = figure.axes
    for axis, share in zip(tops, (1.0, 0.5), strict=True):
        (line,) = (box.lines[0] for box in axis.containers if len(box.lines[0].get_xdata()))
        assert line.get_xdata().tolist() == [pytest.approx(1, abs=0.1)]
        assert line.get_ydata().tolist() == [share]
    frame = summary.to_pandas().set_index(["client", "attacker"])["rmse_clipped_mean"]
    for axis, client in ((first, "two"), (second, "four")):
        shown = [box.lines[0].get_ydata().tolist() for box in axis.containers]
        assert shown == [frame.loc[client, name].tolist() for name in names]
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
    inside = figure.bbox.padded(1)
    assert all(inside.contains(x, y) for box in boxes for x, y in (box.min, box.max))


def test_the_caption_of_figure_12_has_the_shares(updates_of_several):
    assert captions.separation(*updates_of_several, ["plain", "separation"]) == (
        "``separation`` separates 100% of 2 updates of 2 and 50% of 2 updates of 4 images exactly."
    )
    text = captions.separation(*updates_of_several, ["plain"])
    assert text == "At no rate above 0.0 did an attacker look for masks."


@pytest.fixture(scope="module")
def course(two_attackers):
    """The summary of two clients in the course of a training, and their trade-off."""
    parts = [of_client(two_attackers, name) for name in COURSES[0]]
    return summarise(pa.concat_tables([two_attackers, *parts]), 0.1)


def test_figure_10_has_the_errors_and_successes_by_epoch(course, tradeoff):
    names = ["idlg", "mask-reading"]
    figure = figures.leakage_by_epoch(course, tradeoff, COURSES, names)
    assert [axis.get_title() for axis in figure.axes[:2]] == [f"dropout rate {r}" for r in RATES]
    frame = course.to_pandas().set_index(["dropout_rate", "attacker", "client"]).sort_index()
    for panel, axis in enumerate(figure.axes):
        measure = ("rmse_clipped_mean", "success_share")[panel // 2]
        for name, box in zip(names, axis.containers, strict=True):
            values = frame.loc[RATES[panel % 2], name][measure]
            assert box.lines[0].get_ydata().tolist() == [values["start"], values["later"]]
        if panel >= 2:
            assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "20"]
    two = figures.leakage_by_epoch(course, tradeoff, COURSES * 2, names)
    assert len(two.axes) == 8
    assert two.axes[4].get_title(loc="left").startswith("start to later")


def test_the_caption_of_figure_10_has_the_first_and_the_last_epoch(course, tradeoff):
    text = captions.leakage_by_epoch(course, tradeoff, COURSES, ["idlg"])
    row = course.to_pandas().query("client == 'start' and attacker == 'idlg'").iloc[-1]
    assert f"at rate 0.5 ``idlg`` has {row['rmse_clipped_mean']:.3f} (" in text
    assert text.count(" after 0 and ") == text.count(" after 20") == 2


def test_figure_10_has_the_rates_of_all_courses(course, tradeoff):
    clients = course["client"].to_pylist()
    swapped = [{"start": "first", "later": "second"}.get(name, name) for name in clients]
    one = course.filter(pc.field("dropout_rate") == 0.0)
    other = course.set_column(0, SUMMARY.field("client"), [swapped])
    summary = pa.concat_tables([one, other.filter(pc.field("dropout_rate") == 0.5)])
    courses = [*COURSES, {"first": 1, "second": 5}]
    figure = figures.leakage_by_epoch(summary, tradeoff, courses, ["idlg"])
    points = [len(box.lines[0].get_xdata()) for axis in figure.axes for box in axis.containers]
    assert points == [2, 0, 2, 0, 0, 2, 0, 2]
    assert texts(figure).count("not attacked") == 4
    text = captions.leakage_by_epoch(summary, tradeoff, courses, ["idlg"])
    assert "from ``start`` to ``later`` at rate 0.0 ``idlg`` has" in text
    assert "from ``first`` to ``second`` at rate 0.5 ``idlg`` has" in text

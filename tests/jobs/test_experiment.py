from collections import Counter
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from drawn import figures
from problems import GPU
from scipy.stats import binom

from dropleak.analysis import efficacy
from dropleak.analysis.chance import Chance
from dropleak.analysis.summary import as_text, compare, summarise
from dropleak.analysis.tradeoff import guess_errors, weigh
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruction import Status
from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training
from dropleak.engine.models.zoo import lenet
from dropleak.jobs.attack import attack_job
from dropleak.jobs.illustration import features_table, network_table
from dropleak.jobs.training import train_seeds
from dropleak.planning.config import attackers, complete
from dropleak.report import captions
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, GUESSES, TRADEOFF, UTILITY

PRESETS = attackers(complete({"experiment": "test"}))
LENET = Client("lenet", "classifier", 1)
IDLG = Attacker()


def run(digits, indices, *, client=LENET, attacker=IDLG, done=None, **settings):
    """Attacks on some digits, as a job would run them."""
    defaults = {"names": ("lenet", "idlg"), "rate": 0.0, "iterations": 300, "device": "cpu"}
    settings = defaults | settings
    return attack_job(
        digits["test"].take(indices),
        {
            "client": asdict(client),
            "attacker": asdict(attacker),
            "seed": 0,
            "iterations": settings.pop("iterations"),
            "precision": "float32",
        },
        path="unused",
        progress=([] if done is None else done).append,
        **settings,
    )


@pytest.fixture(scope="module")
def attacks(digits):
    """Two attacks at two rates."""
    done = [-1]
    parts = [run(digits, [4, 17], rate=rate, done=done) for rate in (0.0, 0.5)]
    assert done == [-1, *2 * list(range(0, 301, 20))]
    return pa.concat_tables(parts)


@pytest.fixture(scope="module")
def two_attackers(attacks, digits):
    """Two attackers at two rates."""
    reader = {"names": ("lenet", "mask-reading"), "attacker": Attacker(masks="read")}
    parts = [run(digits, [4, 17], rate=rate, **reader) for rate in (0.0, 0.5)]
    return pa.concat_tables([attacks, *parts])


@pytest.fixture(scope="module")
def stored(two_attackers, tmp_path_factory):
    """The same in a file."""
    path = tmp_path_factory.mktemp("stored") / "attacks.parquet"
    parquet.write(two_attackers, path)
    return StoredTable(path, ATTACKS)


@pytest.fixture(scope="module")
def utility(digits):
    settings = Training(1, 256, "adam", 0.003, "xavier")
    parts = digits["train"].slice(0, 256), digits["test"]
    options = {"training": settings, "device": "cpu", "progress": lambda: None}
    return train_seeds(*parts, client=LENET, rate=0.3, seeds=range(5, 7), **options)


def test_an_attack_is_one_row_that_agrees_with_itself(attacks, digits):
    assert attacks.schema.equals(ATTACKS)
    frame = attacks.to_pandas()
    truth = digits["test"].take([4, 17, 4, 17])
    assert frame["image"].tolist() == [4, 17, 4, 17]
    assert frame["label"].tolist() == truth["label"].to_pylist()
    for row in frame.itertuples():
        assert row.trajectory_iteration.tolist() == list(range(0, 301, 20))
        assert row.trajectory_rmse[-1] == row.rmse
        assert row.trajectory_loss[-1] == row.loss
        assert row.rmse_clipped <= row.rmse
        assert row.trajectory_rmse_clipped[-1] == pytest.approx(row.rmse_clipped, rel=1e-12)
    (std,) = parquet.metadata(digits["test"])["training_std"]
    for end in ("", "_clipped"):
        plain, standardised = f"trajectory_rmse{end}", f"trajectory_rmse{end}_standardised"
        assert np.stack(frame[standardised]) == pytest.approx(np.stack(frame[plain]) / std)
    shown = parquet.decode_pixels(attacks["reconstruction"], (1, 32, 32)) / 255
    private = parquet.decode_pixels(truth["pixels"], (1, 32, 32)) / 255
    rmse = np.sqrt(((shown - private) ** 2).mean((1, 2, 3)))
    assert rmse == pytest.approx(frame["rmse_clipped"], abs=0.002)
    assert (frame["rmse"][:2] < 0.2).all()
    assert (frame["rmse"][2:] > 0.4).all()


def test_attackers_that_look_for_masks_are_judged(two_attackers):
    frame = two_attackers.to_pandas().set_index(["attacker", "rate"])
    reader, other = frame.loc["mask-reading"], frame.loc["idlg"]
    assert (reader["mask_claim"] == "exact").all()
    assert reader["mask_exact"].all()
    assert (reader["mask_agreement"] == 1).all()
    assert other[["mask_claim", "mask_exact", "mask_agreement"]].isna().all(axis=None)


def test_a_wrong_mask_is_seen_to_be_wrong(digits):
    network = Client("relu-convnet", "both", 1)
    table = run(digits, [4, 17], client=network, attacker=Attacker(masks="read"), rate=0.3)
    assert not any(table["mask_exact"].to_pylist())
    assert all(0.4 < share < 1 for share in table["mask_agreement"].to_pylist())
    assert "can be zero" in table["mask_claim"][0].as_py()


def test_only_the_oracle_gets_the_masks_and_the_table_says_so(digits):
    read = run(digits, [4], attacker=Attacker(masks="read"), rate=0.5, iterations=40)
    known = run(digits, [4], attacker=Attacker(masks="known"), rate=0.5, iterations=40)
    assert read["knowledge"].to_pylist() == ["update"]
    assert known["knowledge"].to_pylist() == ["update and masks"]
    assert known["rmse"] == read["rmse"]  # which is exact here


def test_images_of_an_update_are_matched_with_their_reconstructions(digits):
    """Labels tell the order of the reconstructions, which is not that of the images."""
    labels = digits["test"]["label"].to_pylist()
    indices = [labels.index(9), labels.index(1), labels.index(5), labels.index(3)]
    client = Client("lenet", "classifier", 2)
    table = run(digits, indices, client=client, iterations=1200)
    frame = table.to_pandas()
    assert frame["image"].tolist() == indices
    assert frame["update"].tolist() == [indices[0]] * 2 + [indices[2]] * 2
    assert frame["label_inferred"].tolist() == frame["label"].tolist() == [9, 1, 5, 3]
    shown = parquet.decode_pixels(table["reconstruction"], (1, 32, 32)) / 255
    truth = parquet.decode_pixels(digits["test"].take(indices)["pixels"], (1, 32, 32)) / 255
    own = np.sqrt(((shown - truth) ** 2).mean((1, 2, 3)))
    swapped = np.sqrt(((shown[[1, 0, 3, 2]] - truth) ** 2).mean((1, 2, 3)))
    assert own == pytest.approx(frame["rmse_clipped"], abs=0.003)
    assert own.sum() < swapped.sum()
    for row in frame.itertuples():
        assert row.trajectory_rmse[-1] == row.rmse


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("name", PRESETS)
def test_every_attacker_runs(digits, name, images, device):
    client = Client("lenet", "both", images)
    attacker = Attacker(**PRESETS[name])
    table = run(
        digits, [4, 17], client=client, attacker=attacker, rate=0.3, iterations=20, device=device
    )
    assert len(table) == 2
    assert np.isfinite(table["rmse_clipped"].to_numpy()).all()


def test_masks_of_an_update_are_judged_in_the_order_that_agrees_best(digits):
    client = Client("lenet", "classifier", 2)
    attacker = Attacker(masks="optimise", optimiser="adam", learning_rate=0.1)
    table = run(digits, [4, 17], client=client, attacker=attacker, rate=0.5, iterations=300)
    assert min(table["mask_agreement"].to_pylist()) > 0.6


def test_labels_of_an_update_are_judged_as_counts(digits):
    """Not by the reconstructions, whose order says nothing where they are noise."""
    client = Client("lenet", "classifier", 4)
    table = run(digits, [0, 1, 2, 3, 4, 5, 6, 7], client=client, rate=0.5, iterations=20)
    frame = table.to_pandas()
    common = sum(
        (Counter(update["label"]) & Counter(update["label_inferred"])).total()
        for _, update in frame.groupby("update")
    )
    assert (frame["label"] == frame["label_inferred"]).sum() == common >= 6


def test_the_start_that_is_kept_has_the_trajectory(digits):
    table = run(digits, [4, 17], attacker=Attacker(restarts=3), iterations=60)
    for row in table.to_pandas().itertuples():
        assert 0 <= row.restart < 3
        assert row.trajectory_loss[-1] == row.loss
        assert row.trajectory_rmse[-1] == row.rmse
        assert row.evaluations > 120


LABELS = pa.chunked_array([[0] * 20 + [1] * 15 + [2] * 15])


def test_training_gives_a_row_per_seed_and_epoch(utility):
    assert utility.schema.equals(UTILITY)
    assert utility["seed"].to_pylist() == [5, 6]
    assert utility["epoch"].to_pylist() == [1, 1]


def test_the_summary_counts_every_attack(attacks):
    summary = summarise(attacks, success_rmse=0.2, seed=0)
    frame = summary.to_pandas()
    statuses = frame[list(Status)]
    assert statuses.sum(axis=1).tolist() == frame["attacks"].tolist() == [2, 2]
    assert frame["success_share"].tolist() == [1.0, 0.0]
    assert frame["label_share"].tolist() == [1.0, 1.0]
    clipped = attacks["rmse_clipped"].to_pylist()[:2]
    assert frame["rmse_clipped_mean"][0] == pytest.approx(sum(clipped) / 2)
    low, high = frame["rmse_clipped_low"][0], frame["rmse_clipped_high"][0]
    assert min(clipped) <= low <= high <= max(clipped)
    assert "100%" in as_text(summary)
    for status in Status:
        assert status in as_text(summary)


def test_attackers_are_compared_image_by_image(two_attackers):
    table = compare(two_attackers, "idlg", seed=0)
    rows = table.to_pandas()
    assert rows["attacker"].tolist() == ["mask-reading", "mask-reading"]
    assert rows["rate"].tolist() == [0.0, 0.5]
    assert rows["difference"][0] == pytest.approx(0)  # the same attack
    frame = two_attackers.to_pandas().query("rate == 0.5").set_index("attacker")["rmse_clipped"]
    expected = (frame["mask-reading"].to_numpy() - frame["idlg"].to_numpy()).mean()
    assert rows["difference"][1] == pytest.approx(expected)
    assert rows["difference_low"][1] <= expected <= rows["difference_high"][1] < 0
    assert rows["better_share"][1] == 1
    assert len(compare(two_attackers.slice(0, 4), "idlg", seed=0)) == 0


TEN_CLASSES = Chance(0.1, 0.07, 0.13, 500)
WEIGHING = {
    "clients": {"lenet": asdict(LENET)},
    "tolerated_loss": 0.05,
    "success_rmse": 0.2,
    "seed": 0,
}


@pytest.fixture(scope="module")
def tradeoff(two_attackers):
    summary = summarise(two_attackers, 0.1, seed=0)
    runs = {"rate": [0.0, 0.0, 0.5, 0.5, 0.9], "test_accuracy": [0.9, 0.8, 0.83, 0.81, 0.3]}
    columns = {
        **runs,
        "network": ["lenet"] * 5,
        "dropout": ["classifier"] * 5,
        "seed": [0, 1, 0, 1, 0],
        "epoch": [3] * 5,
        "train_loss": [1.0] * 5,
        "seconds": [1.0] * 5,
        "host": ["here"] * 5,
        "device": ["cpu"] * 5,
    }
    utility = parquet.build(UTILITY, columns, dataset="digits")
    guesses = parquet.build(GUESSES, {"image": two_attackers["image"][:2], "rmse": [0.1, 0.3]})
    return weigh(two_attackers, summary, utility, guesses, TEN_CLASSES, **WEIGHING)


def test_a_rate_is_private_if_the_attack_is_worse_than_a_guess(tradeoff):
    rows = tradeoff.to_pandas().set_index(["attacker", "rate"])
    assert len(rows) == 4  # nothing was attacked at 0.9
    assert rows["private"].to_dict() == {
        ("idlg", 0.0): False,
        ("idlg", 0.5): True,
        ("mask-reading", 0.0): False,
        ("mask-reading", 0.5): False,
    }
    assert rows["above_guess"].tolist() == pytest.approx(rows["rmse_clipped_mean"] - 0.2)
    assert (rows["above_guess_low"] <= rows["above_guess"]).all()
    assert (rows["above_guess"] <= rows["above_guess_high"]).all()
    assert rows["test_accuracy"].tolist() == pytest.approx([0.85, 0.82] * 2)
    assert rows["accurate"].all()
    assert parquet.metadata(tradeoff) == {
        "guess_rmse": 0.2,
        "lowest_accuracy": {"lenet": pytest.approx(0.8)},
        "chance": {"level": 0.1, "low": 0.07, "high": 0.13, "images": 500},
        "at_chance": {"lenet": []},
        "doubts": {"lenet": {"idlg": None, "mask-reading": None}},
    }


def test_the_guess_is_the_mean_training_image(digits):
    train = parquet.decode_pixels(digits["train"]["pixels"], (1, 32, 32)) / 255
    image = parquet.decode_pixels(digits["test"].take([7])["pixels"], (1, 32, 32)) / 255
    expected = np.sqrt(((train.mean(0) - image[0]) ** 2).mean())
    errors = guess_errors(digits["train"], digits["test"].take([3, 7])).to_pandas()
    assert errors["image"].tolist() == [3, 7]
    assert errors["rmse"][1] == pytest.approx(expected)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text"))]


def test_figure_1_has_the_layers_of_the_model():
    shown = texts(figures.networks(network_table(lenet((3, 32, 32), 10))))
    assert shown.count("Sigmoid") == 6
    assert shown.count("Dropout") == 1
    assert shown.count("3×32×32") == 2
    assert shown.count("768") == 3


def test_figure_2_greys_what_the_mask_drops(digits):
    table = features_table(
        lenet((1, 32, 32), 10), digits["test"].take([3]), [0.0, 0.2, 0.5], seed=0
    )
    frame = table.to_pandas()
    dropped = 1 - frame.groupby("rate")["kept"].mean()
    assert dropped.tolist() == pytest.approx([0.0, 0.2, 0.5], abs=0.06)
    assert frame["value"].between(0, 1).all()
    figure = figures.features(table)
    greyed = [axis.images[0].get_array().mask.sum() for axis in figure.axes[:3]]
    assert greyed == (~frame["kept"]).groupby(frame["rate"]).sum().tolist()


def test_figure_3_shows_each_image_at_each_rate(attacks, stored, digits):
    figure = figures.sample(stored, digits["test"], "lenet", "idlg", [17, 4])
    shown = texts(figure)
    assert [text for text in shown if text in ("truth", "0.0", "0.5")] == ["truth", "0.0", "0.5"]
    truth = figure.axes[0].images[0].get_array()
    pixels = parquet.decode_pixels(digits["test"].take([17])["pixels"], (32, 32))[0]
    assert (truth == pixels).all()
    assert f"{attacks['rmse'][1].as_py():.2f}" in shown


def test_figure_4_has_the_means_and_the_papers_values(attacks, stored):
    summary = summarise(attacks, 0.1, seed=0)
    (axis,) = figures.rmse_by_rate(stored, summary, "lenet", "idlg").axes
    published = axis.collections[-1].get_offsets()[:, 1]
    assert published.tolist() == [0.533, 0.612]
    means = axis.containers[-1].lines[0].get_ydata()
    assert means.tolist() == pytest.approx(summary["rmse_clipped_mean"].to_pylist())


def test_figure_5_has_the_quartiles_of_each_rate(attacks, stored):
    (axis,) = figures.rmse_by_iteration(stored, "lenet", "idlg").axes
    trajectories = np.array(attacks["trajectory_rmse"].to_pylist()[:2])
    line = axis.lines[0]
    assert line.get_xdata().tolist() == list(range(0, 301, 20))
    assert line.get_ydata() == pytest.approx(np.median(trajectories, axis=0))
    edge = axis.collections[0].get_paths()[0].vertices[1:17]
    assert edge[:, 1] == pytest.approx(np.quantile(trajectories, 0.25, axis=0))


def test_figure_6_has_the_mean_over_seeds(utility):
    (axis,) = figures.accuracy_by_rate(utility, LABELS).axes
    mean = np.mean(utility["test_accuracy"].to_pylist())
    assert axis.lines[1].get_ydata() == pytest.approx([mean])


def test_figure_6_has_chance_with_its_interval(utility):
    (axis,) = figures.accuracy_by_rate(utility, LABELS).axes
    assert axis.lines[0].get_ydata() == [0.4, 0.4]
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    low, high = binom.ppf([0.025, 0.975], 50, 0.4) / 50
    assert (band.y0, band.y1) == pytest.approx((low, high))


def test_figure_7_has_a_line_for_each_attacker(two_attackers, tradeoff):
    summary = summarise(two_attackers, 0.1, seed=0)
    names = ["mask-reading", "idlg"]
    (axis,) = figures.attackers_by_rate(summary, tradeoff, ["lenet"], names).axes
    lines = [container.lines[0].get_ydata().tolist() for container in axis.containers]
    frame = summary.to_pandas().set_index("attacker")["rmse_clipped_mean"]
    assert lines == [frame[name].tolist() for name in names]


def test_figure_8_marks_what_a_user_wants(tradeoff):
    figure = figures.privacy_and_utility(tradeoff, "lenet", ["idlg", "mask-reading"])
    assert figure.axes[0].get_title().endswith("no rate")
    region = figure.axes[0].collections[-1].get_paths()[0].get_extents()
    assert region.x0 == pytest.approx(0.8)
    assert region.y0 == pytest.approx(0.2)
    only_idlg = tradeoff.slice(0, 2)
    assert (
        figures.privacy_and_utility(only_idlg, "lenet", ["idlg"])
        .axes[0]
        .get_title()
        .endswith("0.5")
    )


@pytest.mark.parametrize(
    ("accuracies", "labels"),
    [
        ([0.909, 0.918, 0.906, 0.897, 0.7, 0.48], ["0.5", "0.4", "0.3, 0.2, 0.0, 0.1"]),
        ([0.4203, 0.4382, 0.4421, 0.44, 0.4305, 0.4239], ["0.0", "0.5", "0.4", "0.1, 0.3", "0.2"]),
        ([0.5] * 6, ["0.0, 0.1, 0.2, 0.3, 0.4, 0.5"]),
    ],
)
def test_rates_in_figure_8_do_not_overprint(accuracies, labels):
    rates = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    errors = [0.07, *[0.63] * 5]
    columns = {
        "client": ["lenet"] * 6,
        "attacker": ["idlg"] * 6,
        "rate": rates,
        "test_accuracy": accuracies,
    }
    columns |= {name: errors for name in TRADEOFF.names if name.startswith(("rmse", "above"))}
    columns |= {name: [True] * 6 for name in ("private", "accurate")}
    columns |= {"inconclusive": [None] * 6, "at_chance": [False] * 6}
    known = {"lowest_accuracy": 0.4, "at_chance": [], "doubts": {"idlg": None}}
    known = {name: {"lenet": value} for name, value in known.items()}
    known |= {"chance": asdict(TEN_CLASSES), "guess_rmse": 0.25}
    table = parquet.build(TRADEOFF, columns, **known)
    figure = figures.privacy_and_utility(table, "lenet", ["idlg"])
    figure.canvas.draw()
    named = [text for text in figure.axes[0].texts if text.get_text()]
    assert [text.get_text() for text in named] == labels
    boxes = [text.get_window_extent() for text in named]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_figure_8_says_what_is_missing(tradeoff):
    figure = figures.privacy_and_utility(tradeoff.slice(0, 0), "lenet", ["idlg"])
    assert any("utility.rates" in text for text in texts(figure))


def weighed(attacks, accuracies, **options):
    """The trade-off of attacks, with these accuracies by rate."""
    columns = {name: [0] * len(accuracies) for name in UTILITY.names}
    columns |= {"rate": accuracies.keys(), "test_accuracy": accuracies.values()}
    columns |= {name: ["here"] * len(accuracies) for name in ("host", "device")}
    columns |= {"network": ["lenet"] * len(accuracies), "dropout": ["classifier"] * len(accuracies)}
    table = parquet.build(UTILITY, {name: list(value) for name, value in columns.items()})
    images = attacks["image"].unique()
    guesses = parquet.build(GUESSES, {"image": images, "rmse": [0.2] * len(images)})
    summary, chance = summarise(attacks, 0.2, seed=0), options.pop("chance", TEN_CLASSES)
    return weigh(attacks, summary, table, guesses, chance, **(WEIGHING | options))


def test_the_trade_off_of_a_single_image_has_no_intervals(two_attackers, tmp_path):
    single = two_attackers.filter(pc.equal(two_attackers["image"], two_attackers["image"][0]))
    assert "nan" not in as_text(summarise(single, 0.2, seed=0))
    tradeoff = weighed(single, TWO_RATES)
    parquet.write(tradeoff, tmp_path / "tradeoff.parquet")
    rows = parquet.read(tmp_path / "tradeoff.parquet", TRADEOFF).to_pandas()
    assert rows[["rmse_clipped_low", "above_guess_low", "above_guess_high"]].isna().all(axis=None)
    assert rows["inconclusive"].notna().all()


def failing(attacks):
    """The same attacks, but that nothing comes of those of `idlg`."""
    frame = attacks.to_pandas()
    own = frame["attacker"] == "idlg"
    frame.loc[own, "rmse_clipped"] = frame.loc[own, "rmse"] = 0.5 + frame["rate"] / 10
    columns = {name: attacks[name] for name in ATTACKS.names}
    columns |= {name: frame[name].to_numpy() for name in ("rmse", "rmse_clipped")}
    return parquet.build(ATTACKS, columns)


TWO_RATES = {0.0: 0.9, 0.5: 0.88}


def test_an_attack_that_fails_without_dropout_shows_no_privacy_at_any_rate(two_attackers):
    tradeoff = weighed(failing(two_attackers), TWO_RATES)
    rows = tradeoff.to_pandas().set_index(["attacker", "rate"])
    assert rows.loc["idlg", "private"].isna().all()
    assert (rows.loc["idlg", "inconclusive"] == efficacy.FAILS).all()
    assert (rows.loc["idlg", "above_guess_low"] > 0).all()  # which is why it would be private
    assert rows.loc["mask-reading", "private"].eq(False).all()
    assert rows.loc["mask-reading", "inconclusive"].isna().all()
    assert parquet.metadata(tradeoff)["doubts"] == {
        "lenet": {"idlg": efficacy.FAILS, "mask-reading": None}
    }


def test_privacy_is_inconclusive_if_0_was_not_attacked_unless_it_is_broken(two_attackers):
    under = two_attackers.filter(pc.field("rate") > 0)
    rows = weighed(under, TWO_RATES).to_pandas().set_index("attacker")
    assert rows["private"].to_dict() == {"idlg": None, "mask-reading": False}
    assert rows.loc["idlg", "inconclusive"] == efficacy.NOT_ATTACKED
    assert pd.isna(rows.loc["mask-reading", "inconclusive"])


def test_a_network_at_chance_is_not_accurate(two_attackers):
    chance = Chance(0.5, 0.25, 0.75, 12)
    tradeoff = weighed(two_attackers, {0.0: 0.75, 0.5: 0.74, 0.9: 0.8}, chance=chance)
    rows = tradeoff.to_pandas()
    assert rows["at_chance"].all()
    assert not rows["accurate"].any()
    assert parquet.metadata(tradeoff)["at_chance"] == {"lenet": [0.0, 0.5]}


def test_figure_8_says_of_whom_nothing_is_known(two_attackers):
    names = ["idlg", "mask-reading"]
    both = figures.privacy_and_utility(
        weighed(failing(two_attackers), TWO_RATES), "lenet", names
    ).axes[0]
    assert both.get_title().splitlines() == [
        "private from mask-reading and accurate: no rate",
        "idlg inconclusive: this attack fails without dropout too",
    ]
    faces = [container.lines[0].get_markerfacecolor() for container in both.containers]
    assert faces[0] == "none" != faces[1]
    idlg = failing(two_attackers).slice(0, 4)
    alone = figures.privacy_and_utility(weighed(idlg, TWO_RATES), "lenet", ["idlg"]).axes[0]
    assert alone.get_title() == "idlg inconclusive: this attack fails without dropout too"


def test_the_title_of_figure_8_fits(two_attackers):
    under = two_attackers.filter(pc.field("rate") > 0)
    figure = figures.privacy_and_utility(
        weighed(under, TWO_RATES), "lenet", ["idlg", "mask-reading"]
    )
    figure.canvas.draw()
    title = figure.axes[0].title
    assert "idlg, mask-reading inconclusive:" in title.get_text()
    box, whole = title.get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0 < box.x1 <= whole.x1
    assert whole.y0 <= box.y0 < box.y1 <= whole.y1


def test_figure_8_has_chance_where_accuracies_are_near(two_attackers):
    chance = Chance(0.5, 0.25, 0.75, 12)
    near = weighed(two_attackers, {0.0: 0.5, 0.5: 0.6}, chance=chance)
    axis = figures.privacy_and_utility(near, "lenet", ["idlg", "mask-reading"]).axes[0]
    assert axis.get_title().endswith("accurate: no rate\naccuracy is at chance: 0.0, 0.5")
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((0.25, 0.75))
    left, right = axis.get_xlim()
    assert left <= 0.25
    assert right > 0.75
    region = axis.collections[-1].get_paths()[0].get_extents()
    assert region.x0 == pytest.approx(0.75)  # an accuracy within chance's interval is not wanted
    far = figures.privacy_and_utility(weighed(two_attackers, TWO_RATES), "lenet", ["idlg"]).axes[0]
    assert "chance, 0.10, is far to the left" in far.get_xlabel()
    assert far.get_xlim()[0] > 0.8


def test_captions_say_what_means_nothing(two_attackers, utility):
    chance, names = Chance(0.5, 0.25, 0.75, 12), ["idlg", "mask-reading"]
    tradeoff = weighed(failing(two_attackers), {0.0: 0.5, 0.5: 0.5}, chance=chance)
    summary = summarise(failing(two_attackers), 0.2, seed=0)
    for text in (
        captions.privacy_and_utility(tradeoff, "lenet", names),
        captions.attackers_by_rate(summary, tradeoff, ["lenet"], names),
    ):
        assert "Inconclusive for ``idlg``: this attack fails without dropout too." in text
        assert "Inconclusive for ``mask-reading``" not in text
    text = captions.privacy_and_utility(tradeoff, "lenet", names)
    assert "networks trained with rates 0.0 and 0.5 are no better" in text
    assert "accurate: none from ``mask-reading``." in text
    text = captions.privacy_and_utility(tradeoff, "lenet", ["idlg"])
    assert "Rates that are private and accurate: none is known." in text
    one_class = pa.chunked_array([[0] * 10])
    assert "trained with rate 0.3 are no better" in captions.accuracy_by_rate(utility, one_class)


def test_figure_9_shows_what_each_attacker_made_of_each_image(two_attackers, stored, digits):
    names = ["idlg", "mask-reading"]
    figure = figures.attackers_sample(stored, digits["test"], "lenet", names, 0.5, [17, 4])
    shown = texts(figure)
    assert [text for text in shown if text in ("truth", *names)] == ["truth", *names]
    frame = two_attackers.to_pandas().query("rate == 0.5 and image == 4").set_index("attacker")
    assert f"{frame['rmse']['mask-reading']:.2f}" in shown


def test_figures_are_written_in_both_formats(tmp_path, utility):
    figures.save(figures.accuracy_by_rate(utility, LABELS), tmp_path / "a.pdf", tmp_path / "a.png")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_caption_names_the_rates_that_are_shown(digits):
    rates = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    table = features_table(lenet((1, 32, 32), 10), digits["test"].take([3]), rates, seed=0)
    shown = [axis.get_title() for axis in figures.features(table).axes[:3]]
    text = captions.features(table)
    assert [f"rate {rate}" for rate in rates if f"% at {rate}" in text] == shown


def test_captions_quote_the_tables(two_attackers, stored, utility, tradeoff, digits):
    summary = summarise(two_attackers, 0.1, seed=0)
    rows = summary.to_pandas().set_index(["attacker", "rate"])
    names, idlg = ["idlg", "mask-reading"], rows.loc[("idlg", 0.5)]
    mean = f"{idlg['rmse_clipped_mean']:.3f} ({idlg['rmse_clipped_low']:.3f} to "
    text = captions.rmse_by_rate(stored, summary, "lenet", "idlg")
    assert mean in text
    ends = rows.loc["idlg", ["diverged", "stalled", "vanished"]].sum()
    counts = "{diverged} diverged, {stalled} stalled and {vanished} vanished".format(**ends)
    assert f"Of 4 attacks {counts}." in text
    assert mean in captions.attackers_by_rate(summary, tradeoff, ["lenet"], names)
    assert "guess has 0.200" in captions.attackers_by_rate(summary, tradeoff, ["lenet"], names)
    assert f"{idlg['rmse_median']:.3g} at 0.5" in captions.rmse_by_iteration(
        stored, "lenet", "idlg"
    )
    frame = two_attackers.to_pandas().query("attacker == 'idlg' and rate == 0.5")
    span = f"{frame['rmse_clipped'].min():.3f} to {frame['rmse_clipped'].max():.3f}"
    images = digits["test"]
    assert f"{span} at 0.5" in captions.sample(stored, images, "lenet", "idlg", [4, 17])
    sample = captions.attackers_sample(stored, images, "lenet", names, 0.5, [4, 17])
    assert f"{span} for ``idlg``" in sample
    accuracy = np.mean(utility["test_accuracy"].to_pylist())
    assert f"{accuracy:.1%} at 0.3" in captions.accuracy_by_rate(utility, LABELS)


def test_the_captions_of_the_method_count(digits):
    network = lenet((1, 32, 32), 10)
    weights = sum(np.prod(shape) for shape in network.parameter_shapes().values())
    assert f"{weights:,} weights" in captions.networks(network_table(network))
    table = features_table(network, digits["test"].take([3]), [0.0, 0.5], seed=0)
    dropped = 1 - table.to_pandas().query("rate == 0.5")["kept"].mean()
    assert f"{dropped:.0%} at 0.5" in captions.features(table)


def test_figure_8s_caption_names_rates_that_a_user_wants(tradeoff):
    text = captions.privacy_and_utility(tradeoff, "lenet", ["idlg", "mask-reading"])
    assert "0.5 from ``idlg``; none from ``mask-reading``" in text
    assert "none from ``idlg``" in captions.privacy_and_utility(
        tradeoff.slice(0, 0), "lenet", ["idlg"]
    )

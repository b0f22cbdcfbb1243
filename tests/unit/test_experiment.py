import numpy as np
import pyarrow as pa
import pytest

from dropleak import figures, tables
from dropleak.attack.attacker import Attacker
from dropleak.experiment import Client, attack_images, train_seeds
from dropleak.illustration import features_table, network_table
from dropleak.models import lenet
from dropleak.schemas import ATTACKS, UTILITY
from dropleak.summary import as_text, summarise
from dropleak.training import Training

LENET = Client("lenet", "classifier", 1)


@pytest.fixture(scope="module")
def attacks(digits):
    """Two attacks at two rates, as the jobs would run them."""
    parts, done = [], []
    for rate in (0.0, 0.5):
        parts.append(
            attack_images(
                digits["test"].take([4, 17]),
                name="idlg",
                attacker=Attacker(masks="resample"),
                client=LENET,
                rate=rate,
                seed=0,
                iterations=300,
                precision="float32",
                device="cpu",
                progress=done.append,
            )
        )
    assert done == 2 * list(range(0, 301, 20))
    return pa.concat_tables(parts)


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
    shown = tables.decode_pixels(attacks["reconstruction"], (1, 32, 32)) / 255
    private = tables.decode_pixels(truth["pixels"], (1, 32, 32)) / 255
    rmse = np.sqrt(((shown - private) ** 2).mean((1, 2, 3)))
    assert rmse == pytest.approx(frame["rmse_clipped"], abs=0.002)
    assert (frame["rmse"][:2] < 0.2).all()
    assert (frame["rmse"][2:] > 0.4).all()


def test_training_gives_a_row_per_seed_and_epoch(utility):
    assert utility.schema.equals(UTILITY)
    assert utility["seed"].to_pylist() == [5, 6]
    assert utility["epoch"].to_pylist() == [1, 1]


def test_the_summary_counts_every_attack(attacks):
    summary = summarise(attacks, success_rmse=0.2, seed=0)
    frame = summary.to_pandas()
    statuses = frame[["converged", "stalled", "diverged", "exhausted"]]
    assert statuses.sum(axis=1).tolist() == frame["attacks"].tolist() == [2, 2]
    assert frame["success_share"].tolist() == [1.0, 0.0]
    assert frame["label_share"].tolist() == [1.0, 1.0]
    clipped = attacks["rmse_clipped"].to_pylist()[:2]
    assert frame["rmse_clipped_mean"][0] == pytest.approx(sum(clipped) / 2)
    low, high = frame["rmse_clipped_low"][0], frame["rmse_clipped_high"][0]
    assert min(clipped) <= low <= high <= max(clipped)
    assert "100%" in as_text(summary)


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


def test_figure_3_shows_each_image_at_each_rate(attacks, digits):
    figure = figures.sample(attacks, digits["test"], "idlg", [17, 4])
    shown = texts(figure)
    assert [text for text in shown if text in ("truth", "0.0", "0.5")] == ["truth", "0.0", "0.5"]
    truth = figure.axes[0].images[0].get_array()
    pixels = tables.decode_pixels(digits["test"].take([17])["pixels"], (32, 32))[0]
    assert (truth == pixels).all()
    assert f"{attacks['rmse'][1].as_py():.2f}" in shown


def test_figure_4_has_the_means_and_the_papers_values(attacks):
    summary = summarise(attacks, 0.1, seed=0)
    (axis,) = figures.rmse_by_rate(attacks, summary, "idlg").axes
    published = axis.collections[-1].get_offsets()[:, 1]
    assert published.tolist() == [0.533, 0.612]
    means = axis.containers[-1].lines[0].get_ydata()
    assert means.tolist() == pytest.approx(summary["rmse_clipped_mean"].to_pylist())


def test_figure_5_has_the_median_of_each_rate(attacks):
    (axis,) = figures.rmse_by_iteration(attacks, "idlg").axes
    trajectories = np.array(attacks["trajectory_rmse"].to_pylist()[:2])
    line = axis.lines[0]
    assert line.get_xdata().tolist() == list(range(0, 301, 20))
    assert line.get_ydata() == pytest.approx(np.median(trajectories, axis=0))


def test_figure_6_has_the_mean_over_seeds(utility):
    (axis,) = figures.accuracy_by_rate(utility).axes
    mean = np.mean(utility["test_accuracy"].to_pylist())
    assert axis.lines[0].get_ydata() == pytest.approx([mean])


def test_figures_are_written_in_both_formats(tmp_path, utility):
    figures.save(figures.accuracy_by_rate(utility), tmp_path / "a.pdf", tmp_path / "a.png")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2

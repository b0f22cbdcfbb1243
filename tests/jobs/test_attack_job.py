"""An attack job's rows."""

from collections import Counter

import numpy as np
import pytest
from experiment import run
from problems import GPU

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.client import Client
from dropleak.planning.schema import load_presets
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS

PRESETS = load_presets("attackers")


def test_an_attack_is_one_consistent_row(attacks, digits):
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
    assert (frame["candidates"] == 360).all()
    assert (frame["identification_rank"][:2] == 1).all()
    assert (frame["identification_rank"][2:] > 1).all()


def test_images_of_an_update_are_ranked_by_their_own_reconstructions(digits):
    """The same ranks follow from the stored reconstructions, but for their rounding to 8 bits."""
    table = run(digits, [4, 17, 8, 9], client=Client(images_per_update=2), iterations=20)
    pixels = parquet.decode_pixels(digits["test"]["pixels"], (1, 32, 32)) / 255
    shown = parquet.decode_pixels(table["reconstruction"], (1, 32, 32)) / 255
    distances = np.sqrt(((pixels[:, None] - shown) ** 2).sum((2, 3, 4)))
    own = distances[[4, 17, 8, 9], range(4)]
    expected = (distances <= own).sum(axis=0)
    assert table["identification_rank"].to_pylist() == pytest.approx(expected, abs=2)
    assert expected.max() > 10


def test_inferred_masks_are_scored(two_attackers):
    frame = two_attackers.to_pandas().set_index(["attacker", "dropout_rate"])
    reader, other = frame.loc["mask-reading"], frame.loc["idlg"]
    assert (reader["mask_claim"] == "exact").all()
    assert reader["mask_exact"].all()
    assert (reader["mask_agreement"] == 1).all()
    assert other[["mask_claim", "mask_exact", "mask_agreement"]].isna().all(axis=None)


def test_a_wrong_mask_is_scored_as_wrong(digits):
    network = Client("relu-convnet", "both", 1)
    table = run(digits, [4, 17], client=network, attacker=Attacker(masks="read"), rate=0.3)
    assert not any(table["mask_exact"].to_pylist())
    assert all(0.4 < share < 1 for share in table["mask_agreement"].to_pylist())
    assert "can be zero" in table["mask_claim"][0].as_py()


def test_only_the_oracle_gets_the_masks_and_the_table_says_so(digits):
    reader = run(digits, [4], attacker=Attacker(masks="read"), rate=0.5, iterations=40)
    oracle = run(digits, [4], attacker=Attacker(masks="known"), rate=0.5, iterations=40)
    assert reader["knowledge"].to_pylist() == ["update"]
    assert oracle["knowledge"].to_pylist() == ["update and masks"]
    assert oracle["rmse"] == reader["rmse"]  # the mask that was read is exact


def test_images_of_an_update_are_matched_with_their_reconstructions(digits):
    """Reconstructions are in the order of inferred labels, not in that of the images."""
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
    matched = np.sqrt(((shown - truth) ** 2).mean((1, 2, 3)))
    swapped = np.sqrt(((shown[[1, 0, 3, 2]] - truth) ** 2).mean((1, 2, 3)))
    assert matched == pytest.approx(frame["rmse_clipped"], abs=0.003)
    assert matched.sum() < swapped.sum()
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


def test_masks_of_an_update_are_scored_in_the_order_that_agrees_best(digits):
    client = Client("lenet", "classifier", 2)
    attacker = Attacker(masks="optimise", optimiser="adam", learning_rate=0.1)
    table = run(digits, [4, 17], client=client, attacker=attacker, rate=0.5, iterations=300)
    assert min(table["mask_agreement"].to_pylist()) > 0.6


def test_labels_of_an_update_are_scored_as_counts(digits):
    """The order of reconstructions does not matter, because it says nothing if they are noise."""
    client = Client("lenet", "classifier", 4)
    table = run(digits, [0, 1, 2, 3, 4, 5, 6, 7], client=client, rate=0.5, iterations=20)
    frame = table.to_pandas()
    common = sum(
        (Counter(update["label"]) & Counter(update["label_inferred"])).total()
        for _, update in frame.groupby("update")
    )
    assert (frame["label"] == frame["label_inferred"]).sum() == common >= 6


def test_the_trajectory_belongs_to_the_start_that_is_kept(digits):
    table = run(digits, [4, 17], attacker=Attacker(restarts=3), iterations=60)
    for row in table.to_pandas().itertuples():
        assert 0 <= row.restart < 3
        assert row.trajectory_loss[-1] == row.loss
        assert row.trajectory_rmse[-1] == row.rmse
        assert row.evaluations > 120


def test_clients_of_a_trained_network_have_its_weights(digits):
    """Without learning they are the initial ones, which for modules all clients have anyway."""
    client = Client("mlp", weights="trained", epochs=1)
    network = client.build((1, 32, 32), 10)
    weights = {name: p.numpy() for name, p in network.parameters.items()}
    attack = {"attacker": Attacker(masks="ignore"), "iterations": 20}
    trained = run(digits, [4, 17], client=client, weights=weights, **attack)
    drawn = run(digits, [4, 17], client=Client("mlp"), **attack)
    assert trained["rmse"].to_pylist() == drawn["rmse"].to_pylist()
    larger = {name: 2 * array for name, array in weights.items()}
    other = run(digits, [4, 17], client=client, weights=larger, **attack)
    assert trained["loss"].to_pylist() != other["loss"].to_pylist()

"""Privacy against accuracy."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from experiment import TEN_CLASSES, TWO_RATES, WEIGHING, failing, of_client, weighed

from dropleak.analysis import efficacy
from dropleak.analysis.chance import Chance
from dropleak.analysis.summary import as_text, summarise
from dropleak.analysis.tradeoff import compute_tradeoff, mean_image_errors
from dropleak.report import captions
from dropleak.tables import parquet
from dropleak.tables.schemas import DEFENCES, MEAN_IMAGE, TRADEOFF, UTILITY


def test_a_rate_is_private_if_the_attack_is_worse_than_a_guess(tradeoff):
    rows = tradeoff.to_pandas().set_index(["attacker", "dropout_rate"])
    assert len(rows) == 4  # no attacks at 0.9
    assert rows["private"].to_dict() == {
        ("idlg", 0.0): False,
        ("idlg", 0.5): True,
        ("mask-reading", 0.0): False,
        ("mask-reading", 0.5): False,
    }
    assert rows["above_mean_image"].tolist() == pytest.approx(rows["rmse_clipped_mean"] - 0.2)
    assert (rows["above_mean_image_low"] <= rows["above_mean_image"]).all()
    assert (rows["above_mean_image"] <= rows["above_mean_image_high"]).all()
    assert rows["test_accuracy"].tolist() == pytest.approx([0.85, 0.82] * 2)
    assert rows["accurate"].all()
    assert parquet.metadata(tradeoff) == {
        "mean_image_rmse": 0.2,
        "lowest_accuracy": {"lenet": pytest.approx(0.8)},
        "chance": {"level": 0.1, "low": 0.07, "high": 0.13, "images": 500},
        "at_chance": {"lenet": []},
        "doubts": {"lenet": {"idlg": None, "mask-reading": None}},
    }


def test_the_guess_is_the_mean_training_image(digits):
    train = parquet.decode_pixels(digits["train"]["pixels"], (1, 32, 32)) / 255
    image = parquet.decode_pixels(digits["test"].take([7])["pixels"], (1, 32, 32)) / 255
    expected = np.sqrt(((train.mean(0) - image[0]) ** 2).mean())
    errors = mean_image_errors(digits["train"], digits["test"].take([3, 7])).to_pandas()
    assert errors["image"].tolist() == [3, 7]
    assert errors["rmse"][1] == pytest.approx(expected)


def test_the_trade_off_of_a_single_image_has_no_intervals(two_attackers, tmp_path):
    single = two_attackers.filter(pc.equal(two_attackers["image"], two_attackers["image"][0]))
    assert "nan" not in as_text(summarise(single, 0.2))
    tradeoff = weighed(single, TWO_RATES)
    parquet.write(tradeoff, tmp_path / "tradeoff.parquet")
    rows = parquet.read(tmp_path / "tradeoff.parquet", TRADEOFF).to_pandas()
    assert (
        rows[["rmse_clipped_low", "above_mean_image_low", "above_mean_image_high"]]
        .isna()
        .all(axis=None)
    )
    assert rows["inconclusive"].notna().all()


def test_an_attack_that_fails_without_dropout_shows_no_privacy_at_any_rate(two_attackers):
    tradeoff = weighed(failing(two_attackers), TWO_RATES)
    rows = tradeoff.to_pandas().set_index(["attacker", "dropout_rate"])
    assert rows.loc["idlg", "private"].isna().all()
    assert (rows.loc["idlg", "inconclusive"] == efficacy.FAILS).all()
    assert (rows.loc["idlg", "above_mean_image_low"] > 0).all()  # which is why it would be private
    assert rows.loc["mask-reading", "private"].eq(False).all()
    assert rows.loc["mask-reading", "inconclusive"].isna().all()
    assert parquet.metadata(tradeoff)["doubts"] == {
        "lenet": {"idlg": efficacy.FAILS, "mask-reading": None}
    }


def test_privacy_is_inconclusive_if_0_was_not_attacked_unless_it_is_broken(two_attackers):
    attacks = two_attackers.filter(pc.field("dropout_rate") > 0)
    rows = weighed(attacks, TWO_RATES).to_pandas().set_index("attacker")
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


def test_rates_that_were_attacked_but_not_trained_with_give_no_rows(two_attackers, tmp_path):
    tradeoff = weighed(two_attackers, {0.8: 0.5, 0.9: 0.4})
    parquet.write(tradeoff, tmp_path / "tradeoff.parquet")
    assert len(parquet.read(tmp_path / "tradeoff.parquet", TRADEOFF)) == 0
    assert parquet.metadata(tradeoff)["lowest_accuracy"] == {"lenet": pytest.approx(0.45)}


def test_a_client_is_weighed_against_the_accuracy_of_its_own_network(two_attackers):
    """The second client's network was not trained with rate 0.5."""
    attacks = pa.concat_tables([two_attackers, of_client(failing(two_attackers), "other")])
    summary = summarise(attacks, 0.2)
    runs = {"network": ["lenet", "lenet", "wide"], "dropout_rate": [0.0, 0.5, 0.0]}
    runs |= {"test_accuracy": [0.9, 0.8, 0.1], "dropout": ["both"] * 3, "defence": ["none"] * 3}
    runs |= {name: [0] * 3 for name in ("seed", "epoch", "train_loss", "seconds")}
    utility = parquet.build(UTILITY, runs | {name: ["here"] * 3 for name in ("host", "device")})
    mean_image = parquet.build(MEAN_IMAGE, {"image": attacks["image"][:2], "rmse": [0.2, 0.2]})
    clients = {
        name: {
            "network": network,
            "dropout": "both",
            "defence": {},
            "epochs": None,
            "images_per_update": n,
        }
        for name, network, n in (("lenet", "lenet", 1), ("other", "wide", 2))
    }
    table = compute_tradeoff(
        attacks, summary, utility, mean_image, TEN_CLASSES, **(WEIGHING | {"clients": clients})
    )
    rows = table.to_pandas().set_index(["client", "attacker", "dropout_rate"])["test_accuracy"]
    assert rows.to_dict() == {
        ("lenet", "idlg", 0.0): 0.9,
        ("lenet", "idlg", 0.5): 0.8,
        ("lenet", "mask-reading", 0.0): 0.9,
        ("lenet", "mask-reading", 0.5): 0.8,
        ("other", "idlg", 0.0): 0.1,
        ("other", "mask-reading", 0.0): 0.1,
    }
    metadata = parquet.metadata(table)
    assert metadata["at_chance"] == {"lenet": [], "other": [0.0]}
    assert metadata["doubts"]["lenet"]["idlg"] is None
    assert metadata["doubts"]["other"] == {"idlg": efficacy.FAILS, "mask-reading": None}


def test_a_trained_client_is_weighed_against_its_accuracy_after_its_own_epoch(two_attackers):
    names = {"lenet": None, "start": 0, "later": 2}
    attacks = pa.concat_tables([of_client(two_attackers, name) for name in names])
    accuracies = {(0, 0.0): 0.1, (0, 0.5): 0.2, (2, 0.0): 0.7, (2, 0.5): 0.6, (3, 0.0): 0.9}
    runs = {name: [0] * 5 for name in ("seed", "train_loss", "seconds")}
    runs |= {name: ["here"] * 5 for name in ("host", "device")}
    runs |= {"network": ["lenet"] * 5, "dropout": ["classifier"] * 5, "defence": ["none"] * 5}
    runs["epoch"], runs["dropout_rate"] = map(list, zip(*accuracies, strict=True))
    utility = parquet.build(UTILITY, runs | {"test_accuracy": [*accuracies.values()]})
    mean_image = parquet.build(MEAN_IMAGE, {"image": attacks["image"][:2], "rmse": [0.2, 0.2]})
    same = WEIGHING["clients"]["lenet"]
    clients = {name: same | {"epochs": epochs} for name, epochs in names.items()}
    table = compute_tradeoff(
        attacks,
        summarise(attacks, 0.2),
        utility,
        mean_image,
        TEN_CLASSES,
        **(WEIGHING | {"clients": clients}),
    )
    found = {(row["client"], row["dropout_rate"]): row for row in table.to_pylist()}
    assert {key: row["test_accuracy"] for key, row in found.items()} == {
        **{("lenet", 0.0): 0.9, ("start", 0.0): 0.1, ("start", 0.5): 0.2},
        **{("later", 0.0): 0.7, ("later", 0.5): 0.6},
    }
    assert all(row["epochs"] == names[client] for (client, _), row in found.items())
    assert "attacked before the experiment's training, after" in captions.privacy_and_utility(
        table, DEFENCES.empty_table(), "lenet", ["idlg"]
    )
    text = captions.privacy_and_utility(table, DEFENCES.empty_table(), "later", ["idlg"])
    assert "of the same network, after 2 epochs of training." in text


def test_a_defended_client_is_judged_by_what_is_known_without_its_defence(two_attackers):
    """Its own attacks and accuracy at rate 0.0 do not show what its defence is worth."""
    sign = WEIGHING["clients"]["lenet"] | {"defence": {"sign": {}}}
    attacks = pa.concat_tables([two_attackers, of_client(failing(two_attackers), "signs")])
    accuracies = {"none": {0.0: 0.9, 0.5: 0.88}, "sign": {0.0: 0.7, 0.5: 0.87}}
    clients = WEIGHING["clients"] | {"signs": sign}
    table = weighed(attacks, accuracies, clients=clients)
    rows = table.to_pandas().set_index(["client", "attacker", "dropout_rate"])
    assert rows.loc[("signs", "idlg", 0.0), "private"]
    assert not rows.loc[("signs", "idlg", 0.0), "accurate"]
    assert rows.loc[("signs", "idlg", 0.5), "accurate"]
    metadata = parquet.metadata(table)
    assert metadata["lowest_accuracy"]["signs"] == metadata["lowest_accuracy"]["lenet"]
    alone = weighed(of_client(two_attackers, "signs"), accuracies, clients={"signs": sign})
    assert parquet.metadata(alone)["doubts"]["signs"]["idlg"] == efficacy.NOT_ATTACKED

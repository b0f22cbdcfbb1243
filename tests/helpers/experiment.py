"""A small experiment on digits: its jobs and tables."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak.analysis.chance import Chance
from dropleak.analysis.summary import summarise
from dropleak.analysis.tradeoff import compute_tradeoff
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.client import Client
from dropleak.jobs.attack import attack_job
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS, MEAN_IMAGE, UTILITY

LENET = Client("lenet", "classifier", 1)
IDLG = Attacker()
TEN_CLASSES = Chance(0.1, 0.07, 0.13, 500)
WEIGHING = {
    "clients": {"lenet": asdict(LENET)},
    "tolerated_loss": 0.05,
    "success_rmse": 0.2,
}
TWO_RATES = {0.0: 0.9, 0.5: 0.88}
LABELS = pa.chunked_array([[0] * 20 + [1] * 15 + [2] * 15])


def run(digits, indices, *, client=LENET, attacker=IDLG, done=None, **settings):
    """Attacks on some digits, as a job runs them."""
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
        candidates=lambda: [digits["test"]],
        progress=([] if done is None else done).append,
        **settings,
    )


def weighed(attacks, accuracies, **options):
    """The trade-off of attacks, with these accuracies by rate, or by defence and rate."""
    if "none" not in accuracies:
        accuracies = {"none": accuracies}
    runs = (
        pd.DataFrame(accuracies)
        .rename_axis("dropout_rate")
        .melt(var_name="defence", value_name="test_accuracy", ignore_index=False)
    )
    same = {"network": "lenet", "dropout": "classifier", "host": "here", "device": "here"}
    same |= dict.fromkeys(("seed", "epoch", "train_loss", "seconds"), 0)
    table = parquet.build(UTILITY, runs.reset_index().assign(**same))
    images = attacks["image"].unique()
    mean_image = parquet.build(MEAN_IMAGE, {"image": images, "rmse": [0.2] * len(images)})
    summary, chance = summarise(attacks, 0.2), options.pop("chance", TEN_CLASSES)
    return compute_tradeoff(attacks, summary, table, mean_image, chance, **(WEIGHING | options))


def failing(attacks):
    """The same attacks, except that those of `idlg` fail."""
    frame = attacks.to_pandas()
    idlg = frame["attacker"] == "idlg"
    frame.loc[idlg, "rmse_clipped"] = frame.loc[idlg, "rmse"] = 0.5 + frame["dropout_rate"] / 10
    columns = {name: attacks[name] for name in ATTACKS.names}
    columns |= {name: frame[name].to_numpy() for name in ("rmse", "rmse_clipped")}
    return parquet.build(ATTACKS, columns)


def repeated(attacks, times):
    """The same attacks on so many times as many images."""
    parts = []
    for shift in range(0, 1000 * times, 1000):
        part = attacks
        for name in ("image", "update"):
            index = ATTACKS.get_field_index(name)
            moved = [np.asarray(attacks[name]) + np.int32(shift)]
            part = part.set_column(index, ATTACKS.field(name), moved)
        parts.append(part)
    return pa.concat_tables(parts)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text"))]


def of_client(attacks, client):
    """The same attacks, on a client with another name."""
    index = ATTACKS.get_field_index("client")
    return attacks.set_column(index, ATTACKS.field(index), [[client] * len(attacks)])

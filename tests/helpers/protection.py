"""Tables of an experiment with defences, from the numbers that matter."""

from dataclasses import asdict

import pandas as pd
import pyarrow as pa
from experiment import TEN_CLASSES

from dropleak.analysis import efficacy
from dropleak.analysis.defences import compare_defences
from dropleak.engine import defences
from dropleak.engine.client.client import Client
from dropleak.tables import parquet
from dropleak.tables.schemas import CLIENTS, SUMMARY, TRADEOFF, UTILITY

NOISE = {"gaussian-noise": {"standard_deviation": 0.01}}
SIGN = {"sign": {}}
SETTINGS = {"standard_deviation": 0.1, "norm": 1, "multiplier": 0.5, "share": 0.5, "bits": 4}
EXAMPLES = {
    name: {name: {key: SETTINGS[key] for key in entry.settings}}
    for name, entry in defences.DEFENCES.items()
}
"""Every defence, with some settings."""
DOUBT = efficacy.FAILS


def client(**settings):
    return asdict(Client()) | {"rates": [0.0], "attackers": ["a"]} | settings


def attack(client, rate, attacker, error, doubt=None, inapplicable=0):
    """A row of the trade-off with what the summary has of it besides."""
    broken = error < 0.2
    return {
        "client": client,
        "attacker": attacker,
        "dropout_rate": rate,
        "rmse_clipped_mean": error,
        "rmse_clipped_low": error - 0.01,
        "rmse_clipped_high": error + 0.01,
        "inconclusive": None if broken else doubt,
        "private": None if doubt and not broken else not broken,
        "attacks": 30,
        "inapplicable": inapplicable,
        "success_share": 1 - error,
        "identified_share": 1 - error,
    }


def compared(clients, attacks, accuracies, attackers=("idlg", "reader"), budgets=None):
    """The table of defences.

    Args:
        clients: settings by name.
        attacks: from `attack`.
        accuracies: of the seeds, by client and rate.
    """
    frame = pd.DataFrame(attacks)
    means = {key: sum(values) / len(values) for key, values in accuracies.items()}
    keys = zip(frame["client"], frame["dropout_rate"], strict=True)
    frame = frame.assign(test_accuracy=[means[key] for key in keys], at_chance=False, accurate=True)
    summary, tradeoff = (
        {name: frame[name] if name in frame else [0] * len(frame) for name in names}
        for names in (SUMMARY.names, TRADEOFF.names)
    )
    runs = [
        {
            "network": clients[name]["network"],
            "dropout": clients[name]["dropout"],
            "defence": defences.label(clients[name]["defence"]),
            "dropout_rate": rate,
            "seed": seed,
            "test_accuracy": value,
            **dict.fromkeys(("epoch", "train_loss", "seconds"), 1),
            **dict.fromkeys(("host", "device"), "here"),
        }
        for (name, rate), values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    facts = [
        dict(zip(("epsilon", "delta"), (budgets or {}).get(name, (None, None)), strict=True))
        | {"client": name, "parameters": 1, "dropout_layers": 1}
        for name in clients
    ]
    metadata = {"chance": asdict(TEN_CLASSES), "mean_image_rmse": 0.2}
    return compare_defences(
        parquet.build(SUMMARY, summary),
        parquet.build(TRADEOFF, tradeoff, **metadata),
        parquet.build(UTILITY, pd.DataFrame(runs)),
        clients=clients,
        attackers=attackers,
        budgets=pa.Table.from_pylist(facts, CLIENTS),
    )

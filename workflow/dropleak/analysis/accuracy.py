"""Selections from the trainings, which clients with the same network share."""

from collections.abc import Mapping

import pandas as pd

from dropleak.engine import defences


def of_client(utility: pd.DataFrame, client: Mapping) -> pd.DataFrame:
    """The trainings of a client's network.

    Args:
        utility: with the columns network, dropout and defence.
        client: its settings.
    """
    same = (utility["network"] == client["network"]) & (utility["dropout"] == client["dropout"])
    return utility[same & (utility["defence"] == defences.label(client["defence"]))]


def by_seed(utility: pd.DataFrame, client: Mapping) -> pd.DataFrame:
    """Test accuracies of a client's network: a row per seed, a column per rate."""
    final = last_epoch(of_client(utility, client))
    return final.pivot_table("test_accuracy", "seed", "dropout_rate")


def last_epoch(utility: pd.DataFrame) -> pd.DataFrame:
    """The trainings after their last epoch."""
    return utility[utility["epoch"] == utility["epoch"].max()]

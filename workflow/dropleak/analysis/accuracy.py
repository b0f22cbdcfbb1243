"""Selections from the trainings, which clients with the same network share."""

from collections.abc import Mapping

import pandas as pd

from dropleak.engine import defences


def of_client(utility: pd.DataFrame, client: Mapping) -> pd.DataFrame:
    """The trainings of a client's network; of a trained client, up to its own epoch.

    So the last epoch is that of the network that is attacked, unless that is before the training.

    Args:
        utility: with the columns network, dropout, defence and epoch.
        client: its settings.
    """
    same = (utility["network"] == client["network"]) & (utility["dropout"] == client["dropout"])
    same &= utility["defence"] == defences.label(client["defence"])
    if client["epochs"] is not None:
        same &= utility["epoch"] <= client["epochs"]
    return utility[same]


def by_seed(trainings: pd.DataFrame) -> pd.DataFrame:
    """Test accuracies after the last epoch of one network's trainings, see `of_client`.

    A row per seed, a column per rate.
    """
    return last_epoch(trainings).pivot_table("test_accuracy", "seed", "dropout_rate")


def by_training(utility: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs of every network, site of dropout and defence, by what figures call them."""
    kinds = utility.groupby(["network", "dropout", "defence"], sort=False)
    return {
        f"{network} ({dropout}{f', {defence}' if defence != 'none' else ''})": runs
        for (network, dropout, defence), runs in kinds
    }


def last_epoch(utility: pd.DataFrame) -> pd.DataFrame:
    """The trainings after their last epoch."""
    return utility[utility["epoch"] == utility["epoch"].max()]

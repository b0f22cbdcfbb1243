"""Selections from the trainings, which clients with the same network share."""

from collections.abc import Mapping

import pandas as pd


def of_client(utility: pd.DataFrame, client: Mapping) -> pd.DataFrame:
    """The trainings of a client's network; of a trained client, up to its own epoch.

    So the last epoch is that of the network that is attacked, unless this is untrained.

    Args:
        utility: with the columns network, dropout and epoch.
        client: its settings.
    """
    same = (utility["network"] == client["network"]) & (utility["dropout"] == client["dropout"])
    if client["epochs"] is not None:
        same &= utility["epoch"] <= client["epochs"]
    return utility[same]


def last_epoch(utility: pd.DataFrame) -> pd.DataFrame:
    """The trainings after their last epoch."""
    return utility[utility["epoch"] == utility["epoch"].max()]

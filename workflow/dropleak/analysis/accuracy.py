"""What the trainings say of a client: those of its network, which other clients may share."""

from collections.abc import Mapping

import pandas as pd


def of_client(utility: pd.DataFrame, client: Mapping) -> pd.DataFrame:
    """The trainings of a client's network.

    Args:
        utility: with the columns network and dropout.
        client: its settings.
    """
    same = (utility["network"] == client["network"]) & (utility["dropout"] == client["dropout"])
    return utility[same]


def at_the_end(utility: pd.DataFrame) -> pd.DataFrame:
    """Trainings after their last epoch."""
    return utility[utility["epoch"] == utility["epoch"].max()]

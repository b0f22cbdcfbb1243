"""How often attackers separate the images of an update."""

import pandas as pd


def exact(attacks: pd.DataFrame) -> pd.Series:
    """Whether all masks and labels of an update are right, for rates above 0.0.

    Args:
        attacks: of one attacker on one client, with the columns dropout_rate, update, label,
            label_inferred and mask_exact.

    Returns:
        bool, by dropout_rate and update.
    """
    dropping = attacks[attacks["dropout_rate"] > 0]
    right = dropping["mask_exact"].eq(True) & (dropping["label"] == dropping["label_inferred"])
    return right.groupby([dropping["dropout_rate"], dropping["update"]]).all()

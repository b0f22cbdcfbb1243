"""How often attackers separate the images of an update."""

import pandas as pd

from dropleak.analysis import statistics

COLUMNS = [
    *("client", "attacker", "dropout_rate", "image", "update", "label", "label_inferred"),
    "mask_exact",
]
"""The columns of the attacks that are needed."""


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


def images_per_update(attacks: pd.DataFrame) -> int:
    """Number of images in an update of a client, from its attacks."""
    return attacks["image"].nunique() // attacks["update"].nunique()


def several(attacks: pd.DataFrame) -> pd.Series:
    """The same by client, of clients with several, in ascending order."""
    images = {client: images_per_update(rows) for client, rows in attacks.groupby("client")}
    counts = pd.Series(images, dtype=int)
    return counts[counts > 1].sort_values(kind="stable")


def shares(attacks: pd.DataFrame) -> pd.DataFrame:
    """The share of updates of several images in which all masks and labels are right.

    Args:
        attacks: with the columns `COLUMNS`.

    Returns:
        client, attacker, dropout_rate, images (in an update), updates, share, low and high, its
        exact interval. Attackers that look for no masks have no rows, nor has rate 0.0.
    """
    images, rows = several(attacks), []
    chosen = attacks[attacks["client"].isin(images.index)].dropna(subset="mask_exact")
    for (client, attacker), group in chosen.groupby(["client", "attacker"]):
        for rate, right in exact(group).groupby("dropout_rate"):
            low, high = statistics.exact_share_interval(int(right.sum()), len(right))
            rows.append(
                (client, attacker, rate, images[client], len(right), right.mean(), low, high)
            )
    names = ["client", "attacker", "dropout_rate", "images", "updates", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)

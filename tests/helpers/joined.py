"""Joined tables of attacks."""

from dropleak.tables import joining, parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS

KEY = ["client", "attacker", "dropout_rate", "image"]


def joined(folder, *tables):
    """The attacks of some jobs, as `join_attacks` makes them."""
    sources = [folder / "jobs" / f"{number}.parquet" for number in range(len(tables))]
    for source, table in zip(sources, tables, strict=True):
        parquet.write(table, source)
    index = folder / "attacks.parquet" / "_metadata"
    joining.link(sources, index, ATTACKS, KEY, [len(table) for table in tables])
    return StoredTable(index, ATTACKS)

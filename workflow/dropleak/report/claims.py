"""The claims as the report shows them: under the paper's protocol, beyond it, and our own.

The table of claims has a row for every claim, so that runs can be compared. The report leaves out
those that an experiment cannot measure, and the paper's numbers unless its data set was attacked.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from dropleak.analysis.claims.verdicts import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from dropleak.formatting import series
from dropleak.planning.networks import HOW_ATTACKED
from dropleak.planning.schema import settings_of, with_defaults

VERDICTS = (SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE)

_NUMBERS = ("rmse-at-", "some-interpretation", "dip", "turning-point")
"""How names begin of claims about the paper's own values and the course of its curve."""


@dataclass(frozen=True)
class Section:
    """Claims that belong together."""

    title: str
    about: str
    """What they are tested on."""
    rows: list[dict]
    """Of the table of claims."""

    @property
    def by_verdict(self) -> dict[str, list[dict]]:
        """The rows with each verdict."""
        return {
            verdict: [row for row in self.rows if row["verdict"] == verdict] for verdict in VERDICTS
        }


def sections(
    claims: pa.Table,
    clients: Mapping[str, dict],
    attackers: Collection[str],
    *,
    dataset: str,
    papers_images: bool,
) -> list[Section]:
    """The claims that an experiment speaks to; sections without any are left out.

    Args:
        claims: with the columns `schemas.CLAIMS`.
        clients: their settings, by name.
        attackers: names of those that follow the paper's protocol.
        dataset: what the images are called.
        papers_images: whether they are of the paper's data set.
    """
    papers = [name for name, client in clients.items() if _is_the_papers(client)]
    rows = [row for row in claims.to_pylist() if row["n"]]
    protocol: list[dict] = []
    elsewhere: list[dict] = []
    ours: list[dict] = []
    for row in rows:
        same = row["client"] in papers and row["attacker"] in (None, *attackers)
        if row["place"] is None:
            ours.append(row)
        elif row["claim"].startswith(_NUMBERS):
            protocol += [row] * (same and papers_images)
        else:
            (protocol if same else elsewhere).append(row)
    images = dataset if papers_images else f"{dataset} in place of its CIFAR-10"
    found = [
        Section("Claims of the paper", f"Its protocol: {_who(protocol)}, on {images}.", protocol),
        Section(
            "Beyond the paper's protocol", f"The same questions: {_who(elsewhere)}.", elsewhere
        ),
        Section("Claims of ours", f"Not in the paper: {_who(ours)}.", ours),
    ]
    return [section for section in found if section.rows]


def _is_the_papers(client: dict) -> bool:
    """Whether a client is attacked as in the paper: its network, dropout and update."""
    paper = with_defaults({}, settings_of("clients"))
    return all(client[key] == value for key, value in paper.items() if key not in HOW_ATTACKED)


def _who(rows: list[dict]) -> str:
    """The clients and attackers of claims."""
    clients = dict.fromkeys(row["client"] for row in rows)
    attackers = dict.fromkeys(row["attacker"] for row in rows if row["attacker"])
    return " with ".join(series(names) for names in (clients, attackers) if names)


def left_out(claims: pa.Table) -> int:
    """How many claims the experiment could not measure."""
    return claims["n"].to_pylist().count(0)

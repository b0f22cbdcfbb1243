"""Inconclusive attacks in sentences: which, on which clients, and why (see `efficacy`)."""

from collections.abc import Collection, Mapping, Sequence

from dropleak.analysis.efficacy import FAILS, INAPPLICABLE, NOT_ATTACKED, UNSURE
from dropleak.formatting import series

_OF_SEVERAL = {
    FAILS: "these attacks fail without a defence too",
    UNSURE: "too few images to know whether these attacks succeed without a defence",
    NOT_ATTACKED: "these attacks were not run without a defence; whether they succeed is unknown",
    INAPPLICABLE: "these attackers are not made for such clients",
}

Doubts = Mapping[str, Mapping[str, str | None]]
"""Doubts by client and attacker; None where there is none."""

Attacks = dict[tuple[str, ...], list[str]]
"""Groups of attackers, each with the clients that it is about."""


def grouped(doubts: Doubts) -> dict[str, Attacks]:
    """The attacks in doubt, by reason."""
    by_reason: dict[str, Attacks] = {}
    for client, reasons in doubts.items():
        for reason in dict.fromkeys(filter(None, reasons.values())):
            attackers = tuple(name for name, given in reasons.items() if given == reason)
            by_reason.setdefault(reason, {}).setdefault(attackers, []).append(client)
    return by_reason


def explain(reason: str, attacks: Attacks) -> str:
    """A reason, in the singular or plural as the number of attacks demands."""
    count = sum(len(attackers) * len(clients) for attackers, clients in attacks.items())
    return reason if count == 1 else _OF_SEVERAL[reason]


def named(attacks: Attacks, clients: Collection[str], mark: str = "{}") -> str:
    """The attackers in a sentence, with the clients if an experiment has several.

    Args:
        attacks: to be named.
        clients: of the experiment.
        mark: a format for each name.
    """
    return "; ".join(
        series(map(mark.format, attackers)) + which_of("on", attacked, clients, mark)
        for attackers, attacked in attacks.items()
    )


def which_of(
    preposition: str, named: Sequence[str], clients: Collection[str], mark: str = "{}"
) -> str:
    """Some of the clients as the next words of a sentence; empty if there is only one client."""
    if len(clients) == 1:
        return ""
    every = len(named) == len(clients)
    return f" {preposition} {'every client' if every else series(map(mark.format, named))}"

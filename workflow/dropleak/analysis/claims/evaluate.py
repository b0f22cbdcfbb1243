"""The paper's claims and ours, each with the evidence of a run: a row per claim.

Claims about the attack are tested on the first client and the first attacker, which represent the
paper's. Claims that dropout protects are tested on every client, and also with every attacker that
accounts for masks; those that were not measured have rows for the first client alone. The balance
of privacy and accuracy is judged on trained clients where a network has any, as there both are of
the same network. Claims of ours have rows only where updates of several images, or clients with a
defence, were attacked.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product

import pyarrow as pa

from dropleak import paper
from dropleak.analysis import statistics
from dropleak.analysis.claims import evidence, verdicts
from dropleak.analysis.claims.evidence import Run
from dropleak.analysis.claims.rivals import Rivalry, rivalries
from dropleak.analysis.claims.verdicts import Evidence, Rule
from dropleak.tables import parquet
from dropleak.tables.schemas import CLAIMS


@dataclass(frozen=True)
class Claim:
    """A claim in our words, with the evidence of a run."""

    name: str
    statement: str
    place: str | None
    """Section of the paper; None if the claim is ours."""
    rule: Rule
    evidence: Evidence | None
    published: float | None = None
    attacker: str | None = None
    meaningless: str | None = None
    """Why the evidence decides nothing, whatever it is."""
    unproven: str | None = None
    """Why the evidence cannot speak for the claim, though it may speak against it."""
    unmeasured: str | None = None
    """Why there is no evidence, if more is to be said than that there is none."""

    def decide(self, p_adjusted: float | None) -> tuple[str, str | None]:
        """The verdict, and the reason if it is inconclusive for another reason than the rule."""
        if self.evidence is None:
            return verdicts.INCONCLUSIVE, self.unmeasured
        verdict = self.rule.decide(self.evidence, p_adjusted)
        contradicted = verdict == verdicts.NOT_SUPPORTED
        reason = self.meaningless or (None if contradicted else self.unproven)
        return verdicts.INCONCLUSIVE if reason else verdict, reason


def evaluate_claims(
    runs: Mapping[str, Run],
    paper_attacker: str,
    accounting: list[str],
    separating: list[str],
    defences: pa.Table,
) -> pa.Table:
    """Every claim with its evidence and verdict.

    Args:
        runs: measurements by client; the first represents the paper's.
        paper_attacker: the attacker that represents the paper's.
        accounting: attackers that account for masks, and are not given them.
        separating: those of them that separate the images of an update.
        defences: with the columns `schemas.DEFENCES`.

    Returns:
        a table with the columns `schemas.CLAIMS`.
    """
    first, run = next(iter(runs.items()))
    claims = [(first, claim) for claim in _about_the_attack(run, paper_attacker)]
    claims += [(first, claim) for claim in _about_accuracy(run)]
    judged = _judged_by_balance(runs)
    balance = {client: _accuracy_of_balance(run) for client, run in judged.items()}
    claims += [
        (client, claim)
        for client, claim in balance.items()
        if client == first or (judged[client].trained and claim.evidence)
    ]
    for client, run, attacker in _attacked(runs, dict.fromkeys([paper_attacker, *accounting])):
        protection = [*_about_protection(run, attacker)]
        if client in judged:
            protection.append(_privacy_of_balance(run, attacker))
        claims += [(client, claim) for claim in protection if claim.evidence or client == first]
    for client, run, attacker in _attacked(runs, separating):
        claims += [(client, claim) for claim in _about_separation(run, attacker) if claim.evidence]
    for rivalry in rivalries(defences.to_pandas(), runs[first].tolerated_loss):
        claims.append((rivalry.dropout.client, _about_a_rival(runs, rivalry)))
    p_values = {id(claim): claim.evidence.p_value for _, claim in claims if claim.evidence}
    tested = {key: p_value for key, p_value in p_values.items() if p_value is not None}
    p_adjusted = dict(zip(tested, statistics.adjust([*tested.values()]), strict=True))
    rows = [_row(client, claim, p_adjusted.get(id(claim))) for client, claim in claims]
    return parquet.build(CLAIMS, {name: [row[name] for row in rows] for name in CLAIMS.names})


def _attacked(runs: Mapping[str, Run], attackers: Iterable[str]) -> Iterator[tuple[str, Run, str]]:
    """Every client with its measurements and those of the attackers that attacked it."""
    for (client, run), attacker in product(runs.items(), attackers):
        if not run.of(attacker).empty:
            yield client, run, attacker


def _judged_by_balance(runs: Mapping[str, Run]) -> dict[str, Run]:
    """All but untrained clients whose networks were also attacked when trained."""
    trained = {run.network for run in runs.values() if run.trained}
    return {
        client: run for client, run in runs.items() if run.trained or run.network not in trained
    }


_NOTHING = dict.fromkeys(Evidence.__dataclass_fields__) | {
    "measure": "not measured in this run",
    "n": 0,
}


def _row(client: str, claim: Claim, p_adjusted: float | None) -> dict:
    measured = claim.evidence
    verdict, reason = claim.decide(p_adjusted)
    return (asdict(measured) if measured else _NOTHING) | {
        "claim": claim.name,
        "statement": claim.statement,
        "place": claim.place,
        "published": claim.published,
        "client": client,
        "attacker": claim.attacker,
        "p_adjusted": p_adjusted,
        "verdict": verdict,
        "reason": reason,
        "rule": claim.rule.explain(measured.unit if measured else None),
    }


def _about_the_attack(run: Run, attacker: str) -> Iterator[Claim]:
    """Claims about the error at each rate, and the paper's numbers."""
    doubt = run.doubt(attacker)
    yield Claim(
        "error-rises",
        "The error rises with the rate, from 0.0 to 0.5.",
        "4.2, Figures 4 and 5",
        verdicts.above_zero(verdicts.TREND_MARGIN),
        evidence.trend(run, attacker),
        attacker=attacker,
        meaningless=doubt,
    )
    yield Claim(
        "error-rises-above-0",
        "More dropout means more error also among rates above 0.0.",
        "4.2, Figure 5",
        verdicts.above_zero(verdicts.TREND_MARGIN),
        evidence.trend(run, attacker, with_zero=False),
        attacker=attacker,
        meaningless=doubt,
    )
    yield Claim(
        "dip",
        "The error at 0.4 is below those at 0.3 and at 0.5.",
        "4.2",
        verdicts.above_zero(verdicts.RMSE_MARGIN),
        evidence.dip(run, attacker),
        published=round(min(paper.RMSE[0.3], paper.RMSE[0.5]) - paper.RMSE[0.4], 3),
        attacker=attacker,
        meaningless=doubt,
    )
    yield Claim(
        "turning-point",
        "At 0.3 the error takes another course.",
        "4.2",
        verdicts.at_place(0.3),
        evidence.turning_point(run, attacker),
        published=0.3,
        attacker=attacker,
        meaningless=doubt,
    )
    for rate, published in paper.RMSE.items():
        yield Claim(
            f"rmse-at-{rate}",
            f"The RMSE at rate {rate} is {published}.",
            "4.2",
            verdicts.equals(published),
            evidence.mean_error(run, attacker, rate),
            published=published,
            attacker=attacker,
        )
    yield Claim(
        "some-interpretation",
        "In some interpretation of the protocol the four published values come out.",
        "4.2",
        verdicts.below(verdicts.RMSE_MARGIN),
        evidence.nearest_interpretation(run),
    )
    yield Claim(
        "labels",
        "The label is found with certainty at every rate.",
        "5.3",
        verdicts.ALWAYS,
        evidence.labels(run, attacker),
        attacker=attacker,
    )


def _about_accuracy(run: Run) -> Iterator[Claim]:
    """Claims about the accuracy that dropout costs."""
    trained = run.accuracies().columns
    doubt = run.doubt_about_accuracy([min(trained)])
    yield Claim(
        "accuracy-falls",
        "Test accuracy falls as the rate grows from 0.0 to 0.9.",
        "5.1, Figure 6",
        verdicts.above_zero(verdicts.TREND_MARGIN),
        evidence.accuracy_trend(run),
        meaningless=doubt,
    )
    for rate in (0.3, 0.4, 0.5):
        yield Claim(
            f"accuracy-lost-at-{rate}",
            f"Dropout at {rate} costs test accuracy.",
            "5.1, Figure 6",
            verdicts.above_zero(verdicts.ACCURACY_MARGIN),
            evidence.accuracy_lost(run, rate),
            meaningless=doubt,
        )


def _about_protection(run: Run, attacker: str) -> Iterator[Claim]:
    """Claims that dropout protects from an attacker."""
    doubt = run.doubt(attacker)
    yield Claim(
        "error-at-half",
        "The error at rate 0.5 is larger than without dropout.",
        "4.2, Figure 4",
        verdicts.above_zero(verdicts.RMSE_MARGIN),
        evidence.difference(run, attacker),
        published=round(paper.RMSE[0.5] - paper.RMSE[0.0], 3),
        attacker=attacker,
        meaningless=doubt,
    )
    yield Claim(
        "no-small-error",
        "At rate 0.5 no attack ends with a small RMSE.",
        "abstract",
        verdicts.NEVER,
        evidence.successes(run, attacker),
        attacker=attacker,
        unproven=doubt or run.doubt_about_small(attacker),
    )


def _accuracy_of_balance(run: Run) -> Claim:
    trained = run.accuracies().columns
    return Claim(
        "balance-accuracy",
        "Rates from 0.3 to 0.5 are a balance: the model stays accurate.",
        "5.1",
        verdicts.below(run.tolerated_loss),
        evidence.most_accuracy_lost(run),
        meaningless=run.doubt_about_accuracy([min(trained)]),
        unproven=run.doubt_about_accuracy(evidence.recommended(trained)),
    )


def _privacy_of_balance(run: Run, attacker: str) -> Claim:
    whose = "" if run.trained else " before the experiment's training"
    return Claim(
        "balance-privacy",
        f"Rates from 0.3 to 0.5 are a balance: images stay private{whose}.",
        "5.1",
        verdicts.POSITIVE,
        evidence.above_mean_image(run, attacker),
        attacker=attacker,
        unproven=run.doubt(attacker),
    )


def _about_separation(run: Run, attacker: str) -> Iterator[Claim]:
    """Claims of ours that dropout gives updates of several images away."""
    n = run.images_per_update
    if n == 1:
        return
    yield Claim(
        "masks-leak",
        f"With dropout, most updates of {n} images leak the mask and label of each, without error.",
        None,
        verdicts.MOST,
        evidence.separated(run, attacker),
        attacker=attacker,
    )
    yield Claim(
        "better-with-dropout",
        f"With dropout, updates of {n} images are reconstructed better than without.",
        None,
        verdicts.above_zero(verdicts.RMSE_MARGIN),
        evidence.gain(run, attacker),
        attacker=attacker,
        meaningless=run.doubt(attacker) if run.fails_under_dropout(attacker) else None,
    )


def _about_a_rival(runs: Mapping[str, Run], rivalry: Rivalry) -> Claim:
    """A claim of ours about another defence that keeps as much accuracy as dropout."""
    dropout, rival = rivalry.dropout, rivalry.rival
    return Claim(
        f"{rivalry.kind}-protects-more",
        f"At the accuracy that dropout keeps, {rivalry.kind} protects more.",
        None,
        verdicts.above_zero(verdicts.RMSE_MARGIN),
        evidence.protects_more(runs, dropout, rival) if rival else None,
        attacker=rival.attacker if rival else None,
        meaningless=(rival and rival.inconclusive) or dropout.inconclusive,
        unmeasured=None
        if rival
        else f"no client with {rivalry.kind} keeps the accuracy of dropout at rate {dropout.rate}",
    )

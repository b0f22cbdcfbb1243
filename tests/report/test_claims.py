"""Which claims the report shows, and under which heading."""

import pytest

from dropleak.analysis.claims.verdicts import INCONCLUSIVE, SUPPORTED
from dropleak.planning.schema import settings_of, with_defaults
from dropleak.report import claims
from dropleak.tables import parquet
from dropleak.tables.schemas import CLAIMS

PAPERS = with_defaults({}, settings_of("clients"))
CLIENTS = {"lenet": PAPERS | {"rates": [0.0]}, "trained": PAPERS | {"weights": "trained"}}


def row(claim, client="lenet", attacker="idlg", place="4.2", n=30, verdict=SUPPORTED):
    empty = {field.name: None if field.nullable else "" for field in CLAIMS}
    given = {"claim": claim, "client": client, "attacker": attacker, "place": place, "n": n}
    return empty | given | {"verdict": verdict}


def built(rows):
    return parquet.build(CLAIMS, {name: [r[name] for r in rows] for name in CLAIMS.names})


def sections(*rows, papers_images=False):
    found = claims.sections(
        built(rows), CLIENTS, ["idlg"], dataset="the folder pets", papers_images=papers_images
    )
    return {
        section.title.removeprefix("Claims of "): [r["claim"] for r in section.rows]
        for section in found
    }


def test_only_the_papers_client_and_attackers_are_its_protocol():
    assert sections(
        row("a"),
        row("b", attacker=None),
        row("c", attacker="mask-reading"),
        row("d", client="trained"),
        row("e", place=None),
    ) == {
        "the paper": ["a", "b"],
        "Beyond the paper's protocol": ["c", "d"],
        "ours": ["e"],
    }


def test_what_was_not_measured_is_not_shown():
    assert sections(row("a", n=0)) == {}


@pytest.mark.parametrize("claim", ["rmse-at-0.3", "some-interpretation", "dip", "turning-point"])
def test_the_papers_numbers_are_judged_on_its_images_alone(claim):
    assert sections(row(claim)) == {}
    (shown,) = sections(row(claim), papers_images=True).values()
    assert shown == [claim]
    assert sections(row(claim, client="trained"), papers_images=True) == {}


def test_a_section_says_where_the_protocol_was_run_and_groups_by_verdict():
    rows = [row("a", verdict=INCONCLUSIVE), row("b")]
    table = built(rows)
    (section,) = claims.sections(table, CLIENTS, ["idlg"], dataset="pets", papers_images=False)
    assert section.about == "Its protocol: lenet with idlg, on pets in place of its CIFAR-10."
    shown = {verdict: len(rows) for verdict, rows in section.by_verdict.items()}
    assert shown == {"supported": 1, "not supported": 0, "inconclusive": 1}


def test_a_section_may_be_about_no_attacker():
    rows = [row("accuracy-falls", attacker=None)]
    table = built(rows)
    (section,) = claims.sections(table, CLIENTS, [], dataset="pets", papers_images=True)
    assert section.about == "Its protocol: lenet, on pets."


def test_it_counts_what_was_left_out():
    rows = [row("a", n=0), row("b")]
    table = built(rows)
    assert claims.left_out(table) == 1

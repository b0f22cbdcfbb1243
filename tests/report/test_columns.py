"""The tables of the report join and format columns of the Parquet tables."""

import pytest

from dropleak.report.columns import TABLES
from dropleak.tables.schemas import SCHEMAS


@pytest.mark.parametrize("name", TABLES)
def test_cells_come_from_columns_of_the_table(name):
    for column in TABLES[name]:
        assert set(column.names) <= {*SCHEMAS[name].names}
        assert column.meaning(SCHEMAS[name])


def test_a_share_has_its_interval_in_per_cent():
    cells = {column.header: column for column in TABLES["summary"]}
    row = {"success_share": 0.891, "success_low": 0.843, "success_high": 0.924}
    assert cells["Recovered (95% interval)"].text(row) == "89% (84% to 92%)"
    assert cells["Masks found exactly"].text({"mask_exact_share": None}) == "–"


def test_privacy_that_is_not_known_has_its_reason():
    cells = {column.header: column for column in TABLES["tradeoff"]}
    assert (
        cells["Private"].text({"private": None, "inconclusive": "it fails"})
        == "not known: it fails"
    )
    assert cells["Private"].text({"private": False, "inconclusive": None}) == "no"

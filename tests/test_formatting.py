import numpy as np
import pytest

from dropleak.formatting import count, interval, number, series, share, yes_or_no


def test_lists_are_joined_as_in_a_sentence():
    assert series([0.1]) == "0.1"
    assert series([0.1, 0.2]) == "0.1 and 0.2"
    assert series(["a", "b", "c"]) == "a, b and c"


def test_units_are_singular_or_plural():
    assert [count(n, "image") for n in (1, 2, 1000)] == ["1 image", "2 images", "1,000 images"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.12345, "0.123"), (0, "0.000"), (-2.5, "-2.500"), (-5.27e-5, "-5e-05")),
        *((1e8, "1.00e+08"), (np.nan, "–")),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_number_without_an_interval_stands_alone():
    assert interval(0.5, 0.4, 0.6) == "0.500 (0.400 to 0.600)"
    assert interval(0.5, np.nan, np.nan) == "0.500"


def test_a_share_is_in_per_cent():
    assert share(0.891, 0.843, 0.924) == "89% (84% to 92%)"
    assert share(0.891, np.nan, np.nan, digits=1) == "89.1%"
    assert share(None) == share(np.nan) == "–"


def test_a_fact_that_is_not_known_has_its_reason():
    assert [yes_or_no(value) for value in (True, False, None)] == ["yes", "no", "–"]
    assert yes_or_no(None, "too few images") == "not known: too few images"

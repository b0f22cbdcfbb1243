"""Whether an attack is known to succeed without a defence."""

import numpy as np
import pandas as pd
import pytest

from dropleak.analysis import efficacy
from dropleak.analysis.efficacy import (
    FAILS,
    INAPPLICABLE,
    NEVER_SMALL,
    NOT_ATTACKED,
    UNSURE,
    doubt_about_small,
)

GUESS = 0.25


def attacks(errors, rate=0.0, together=1):
    """Attacks with these errors, on images where a guess is off by 0.25."""
    errors = np.asarray(errors, dtype=float)
    image = np.arange(len(errors))
    return pd.DataFrame(
        {
            "dropout_rate": rate,
            "update": image - image % together,
            "status": "exhausted",
            "rmse": errors,
            "above_mean_image": np.nan_to_num(errors, nan=1.0).clip(0, 1) - GUESS,
        }
    )


def doubt(frame, success_rmse):
    """Doubt about attacks on a client without a defence but dropout."""
    return efficacy.doubt(frame, frame, success_rmse)


def spread(mean, images, width=0.02):
    return mean + np.linspace(-width, width, images)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param(spread(0.02, 100), None, id="finds every image"),
        pytest.param([0.01] * 60 + [0.5] * 40, None, id="finds 60% as DLG does"),
        pytest.param([0.01] * 20 + [0.6] * 80, None, id="finds 20% and is far off elsewhere"),
        pytest.param(spread(0.23, 100), None, id="finds something of each"),
        pytest.param(spread(0.02, 2), None, id="finds both of two"),
        pytest.param(spread(0.5, 100), FAILS, id="finds nothing"),
        pytest.param(spread(0.5, 2), UNSURE, id="finds none of two"),
        pytest.param([0.5], UNSURE, id="misses a single one"),
        pytest.param(spread(0.5, 3), FAILS, id="finds none of three"),
        pytest.param([0.25] * 100, FAILS, id="gives the guess"),
        pytest.param([np.inf, np.nan, 1e8, *[3.0] * 9], FAILS, id="overflows"),
        pytest.param(spread(0.02, 1), UNSURE, id="finds a single one"),
        pytest.param(spread(0.23, 12), UNSURE, id="something of each of few"),
        pytest.param(spread(0.245, 30, 0.2), UNSURE, id="hardly better than the guess"),
        pytest.param([0.02, *[0.5] * 11], UNSURE, id="finds one of twelve"),
    ],
)
def test_an_attack_succeeds_only_if_that_is_known(errors, expected):
    assert doubt(attacks(errors), success_rmse=0.1) == expected


def test_what_happens_under_dropout_does_not_count():
    with_dropout = attacks(spread(0.02, 100), rate=0.5)
    assert doubt(with_dropout, 0.1) == NOT_ATTACKED
    assert doubt(pd.concat([with_dropout, attacks(spread(0.5, 100))]), 0.1) == FAILS
    reverse = pd.concat([attacks(spread(0.5, 100), rate=0.1), attacks(spread(0.02, 100))])
    assert doubt(reverse, 0.1) is None


def test_an_attack_worse_than_a_guess_fails_even_with_a_lax_threshold():
    assert doubt(attacks(spread(0.5, 100)), success_rmse=1.0) == FAILS


def test_images_of_an_update_count_once():
    errors = spread(0.23, 80)
    assert doubt(attacks(errors), 0.1) is None
    assert doubt(attacks(errors, together=8), 0.1) == UNSURE  # 10 updates
    one_of_four = np.where(np.arange(80) % 4, 0.5, 0.02)
    assert doubt(attacks(one_of_four, together=4), 0.1) is None


@pytest.mark.parametrize(
    ("errors", "expected"),
    [(spread(0.05, 100), None), (spread(0.2, 100), NEVER_SMALL), ([0.05], NEVER_SMALL)],
)
def test_small_errors_must_be_frequent_without_dropout(errors, expected):
    assert doubt_about_small(attacks(errors), success_rmse=0.1) == expected
    assert doubt_about_small(attacks(errors, rate=0.1), success_rmse=0.1) == NOT_ATTACKED


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_an_attacker_that_is_not_made_for_a_client_says_so(rate):
    grey = attacks(spread(0.2, 20), rate).assign(status="inapplicable")
    assert doubt(grey, 0.1) == INAPPLICABLE


@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize(
    ("without", "expected"),
    [
        (attacks(spread(0.02, 100)), None),
        (attacks(spread(0.5, 100)), FAILS),
        (attacks(spread(0.02, 1)), UNSURE),
        (attacks(spread(0.02, 100), rate=0.5), NOT_ATTACKED),
        (attacks([]), NOT_ATTACKED),
    ],
)
def test_of_a_defended_client_only_success_on_the_same_without_its_defence_counts(
    rate, without, expected
):
    for error in (0.02, 0.5):
        defended = attacks(spread(error, 100), rate)
        assert efficacy.doubt(defended, without, 0.1) == expected
    not_made_for_it = defended.assign(status="inapplicable")
    assert efficacy.doubt(not_made_for_it, without, 0.1) == INAPPLICABLE

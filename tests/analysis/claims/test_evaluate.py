"""Verdicts on synthetic data in which every claim is known to be true, false or undecidable."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dropleak.analysis import efficacy, statistics
from dropleak.analysis.chance import Chance
from dropleak.analysis.claims import interpretations
from dropleak.analysis.claims.evaluate import evaluate_claims
from dropleak.analysis.claims.evidence import Run
from dropleak.analysis.claims.verdicts import Evidence, above_zero, at_place, below, equals
from dropleak.tables.schemas import CLAIMS, DEFENCES

RATES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
AS_PUBLISHED = [0.533, 0.555, 0.577, 0.598, 0.584, 0.612]


def attacks(
    means, noise=0.02, images=300, attacker="idlg", wrong_labels=0, wrong_masks=0, together=1
):
    """Attacks whose errors have these means by rate; an image is equally hard at every rate."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.05, (images // together, 1)).repeat(together, axis=0)
    errors = np.array(means) + hard + rng.normal(0, noise, (images, len(means)))
    image = np.arange(images)
    return pd.DataFrame(
        {
            "attacker": attacker,
            "dropout_rate": np.tile(RATES[: len(means)], images),
            "image": np.repeat(image, len(means)),
            "update": np.repeat(image - image % together, len(means)),
            "status": "exhausted",
            "rmse": errors.ravel(),
            "rmse_clipped": errors.ravel(),
            "label": 1,
            "label_inferred": np.where(np.repeat(image, len(means)) < wrong_labels, 0, 1),
            "mask_exact": np.repeat(image, len(means)) >= wrong_masks,
        }
    )


def utility(by_rate, seeds=5, noise=0.002):
    rng = np.random.default_rng(1)
    rows = [
        {
            "dropout_rate": rate,
            "seed": seed,
            "epoch": 1,
            "test_accuracy": mean + rng.normal(0, noise),
        }
        for rate, mean in by_rate.items()
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


FALLING = {rate / 10: 0.6 - 0.03 * rate for rate in range(10)}


TEN_CLASSES = Chance(0.1, 0.08, 0.12, 1000)
GUESS = 0.57
"""An error between that without dropout and those from 0.3 to 0.5."""


def claims_table(
    frame,
    accuracies=FALLING,
    accounting=(),
    separating=(),
    guess=GUESS,
    chance=TEN_CLASSES,
    kinds=None,
    defences=(),
    **options,
):
    """The claims table of a run with these attacks."""
    frame = frame.assign(above_mean_image=frame["rmse_clipped"] - guess)
    run = Run(
        frame,
        frame,
        utility(accuracies, **options),
        interpretations.compare([], "lenet", {}),
        chance,
        success_rmse=0.1,
        tolerated_loss=0.05,
    )
    runs = {"lenet": run}
    if "client" in frame:
        runs = {
            name: replace(run, attacks=rows, undefended=rows, **(kinds or {}).get(name, {}))
            for name, rows in frame.groupby("client")
        }
    defences = pd.DataFrame(list(defences), columns=DEFENCES.names).astype(object)
    table = evaluate_claims(
        runs, "idlg", list(accounting), list(separating), pa.Table.from_pandas(defences)
    )
    assert table.schema.equals(CLAIMS)
    return table.to_pandas()


def verdicts(*run, **options):
    return claims_table(*run, **options).set_index("claim")["verdict"]


def test_a_run_like_the_paper_supports_its_claims():
    decided = verdicts(attacks(AS_PUBLISHED, images=900))
    supported = ["error-rises", "error-rises-above-0", "dip", "turning-point", "error-at-half"]
    supported += [f"rmse-at-{rate}" for rate in (0.0, 0.3, 0.4, 0.5)]
    supported += ["labels", "balance-privacy", "accuracy-falls"]
    supported += [f"accuracy-lost-at-{rate}" for rate in (0.3, 0.4, 0.5)]
    assert (decided[supported] == "supported").all(), decided
    assert decided["balance-accuracy"] == "not supported"  # 0.15 is lost at 0.5
    assert decided["some-interpretation"] == "inconclusive"  # none was given
    assert decided["no-small-error"] == "inconclusive"  # there is none at 0.0 either


def test_attackers_are_judged_on_the_clients_that_they_attack():
    frame = attacks(AS_PUBLISHED, images=60)
    alone, other = (frame.assign(attacker=name) for name in ("idlg", "mask-reading"))
    both = pd.concat([alone.assign(client="lenet"), other.assign(client="second")])
    rows = claims_table(both, accounting=["mask-reading", "separation"])
    judged = rows.dropna(subset="attacker").groupby("attacker")["client"].unique()
    assert {name: [*names] for name, names in judged.items()} == {
        "idlg": ["lenet"],
        "mask-reading": ["second"],
    }


def test_a_flat_error_contradicts_every_claim_that_it_rises():
    decided = verdicts(attacks([0.56] * 6, images=600))
    for claim in ("error-rises", "error-rises-above-0", "dip", "error-at-half"):
        assert decided[claim] == "not supported", claim
    for rate in (0.0, 0.3, 0.4, 0.5):
        assert decided[f"rmse-at-{rate}"] == "not supported"
    assert decided["turning-point"] == "inconclusive"


def test_a_jump_is_a_rise_but_not_among_the_rates_above_0():
    decided = verdicts(attacks([0.1, *[0.56] * 5], images=600))
    assert decided["error-rises"] == "supported"
    assert decided["error-rises-above-0"] == "not supported"
    assert decided["turning-point"] == "not supported"  # it is at 0.1


def test_a_falling_error_and_a_rising_accuracy():
    rising = {rate: 1 - accuracy for rate, accuracy in FALLING.items()}
    decided = verdicts(attacks(AS_PUBLISHED[::-1]), rising, guess=0.7)
    for claim in ("error-rises", "error-at-half", "accuracy-falls", "accuracy-lost-at-0.3"):
        assert decided[claim] == "not supported", claim
    assert decided["balance-accuracy"] == "supported"


def test_few_images_decide_nothing():
    level = dict.fromkeys(FALLING, 0.5)
    decided = verdicts(attacks(AS_PUBLISHED, noise=0.1, images=12), level, seeds=2, noise=0.2)
    assert (decided == "inconclusive").all(), decided


def test_noise_hides_the_dip():
    assert verdicts(attacks(AS_PUBLISHED, noise=0.3, images=100))["dip"] == "inconclusive"


def test_images_of_an_update_count_once():
    """40 images in updates of four make 10 updates, too few, however clear they are."""
    single, grouped = attacks(AS_PUBLISHED, images=40), attacks(AS_PUBLISHED, images=40, together=4)
    assert verdicts(single)["error-at-half"] == "supported"
    assert verdicts(grouped)["error-at-half"] == "inconclusive"


def test_one_wrong_label_refutes_certainty_and_few_right_ones_do_not_prove_it():
    assert verdicts(attacks(AS_PUBLISHED, wrong_labels=1))["labels"] == "not supported"
    assert verdicts(attacks(AS_PUBLISHED, images=50))["labels"] == "inconclusive"


def test_an_attacker_that_accounts_for_masks_is_judged_on_its_own():
    idlg = attacks([0.1, *AS_PUBLISHED[1:]])
    frame = pd.concat([idlg, attacks([0.02] * 6, 0.001, attacker="reader")])
    frame["rmse"] = frame["rmse_clipped"] = frame["rmse_clipped"].abs()
    table = claims_table(frame, accounting=["reader"])
    decided = table.set_index(["claim", "attacker"])["verdict"]
    for claim in ("error-at-half", "no-small-error", "balance-privacy"):
        assert decided[claim, "idlg"] == "supported"
        assert decided[claim, "reader"] == "not supported"


def test_protection_is_judged_per_client_and_the_other_claims_on_the_first():
    safe, broken = attacks([0.1, *AS_PUBLISHED[1:]]), attacks([0.02] * 6, 0.001)
    frame = pd.concat([safe.assign(client="a"), broken.assign(client="b")])
    frame["rmse"] = frame["rmse_clipped"] = frame["rmse_clipped"].abs()
    table = claims_table(frame)
    decided = table.set_index(["claim", "client"])["verdict"]
    protection = ["error-at-half", "no-small-error", "balance-privacy"]
    for claim in protection:
        assert decided[claim, "a"] == "supported"
        assert decided[claim, "b"] == "not supported"
    assert set(table.loc[~table["claim"].isin(protection), "client"]) == {"a"}


ABOUT_PROTECTION = [
    *("error-rises", "error-rises-above-0", "dip", "turning-point"),
    *("error-at-half", "no-small-error", "balance-privacy"),
]


def test_an_attack_that_fails_without_dropout_shows_nothing_about_protection():
    """Its error rises, and is above the guess's at every rate, but it is noise throughout."""
    table = claims_table(attacks(AS_PUBLISHED, images=900), guess=0.25).set_index("claim")
    assert (table.loc[ABOUT_PROTECTION, "verdict"] == "inconclusive").all()
    assert (table.loc[ABOUT_PROTECTION, "reason"] == efficacy.FAILS).all()
    others = table.drop(ABOUT_PROTECTION)
    assert others["reason"].isna().all()
    assert (others.loc[["rmse-at-0.0", "rmse-at-0.5", "labels"], "verdict"] == "supported").all()
    flat = claims_table(attacks([0.56] * 6, images=600), guess=0.25).set_index("claim")
    assert (flat.loc[ABOUT_PROTECTION, "verdict"] == "inconclusive").all()


def test_one_attacker_may_fail_without_dropout_while_another_succeeds():
    working = attacks([0.1, *AS_PUBLISHED[1:]])
    table = claims_table(
        pd.concat([attacks([0.55, *AS_PUBLISHED[1:]]), working.assign(attacker="reader")]),
        accounting=["reader"],
        guess=0.3,
    ).set_index(["claim", "attacker"])
    for claim in ("error-at-half", "no-small-error", "balance-privacy"):
        assert table.loc[(claim, "idlg"), "verdict"] == "inconclusive"
        assert table.loc[(claim, "idlg"), "reason"] == efficacy.FAILS
        assert table.loc[(claim, "reader"), "verdict"] == "supported"
        assert pd.isna(table.loc[(claim, "reader"), "reason"])


def test_broken_privacy_is_broken_whatever_happens_without_dropout():
    frame = attacks([0.02] * 6, noise=0.001)
    frame["rmse"] = frame["rmse_clipped"] = frame["rmse_clipped"].abs() / 3
    table = claims_table(frame[frame["dropout_rate"] > 0]).set_index("claim")
    for claim in ("no-small-error", "balance-privacy"):
        assert table.loc[claim, "verdict"] == "not supported"
    assert table.loc["error-rises-above-0", "reason"] == efficacy.NOT_ATTACKED


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_privacy_at_a_rate_is_not_claimed_if_0_was_not_attacked(rate):
    frame = attacks(AS_PUBLISHED)
    table = claims_table(frame[frame["dropout_rate"] >= rate]).set_index("claim")
    for claim in ("no-small-error", "balance-privacy"):
        assert table.loc[claim, "verdict"] == "inconclusive"
        assert table.loc[claim, "reason"] == efficacy.NOT_ATTACKED


def test_accuracies_of_a_network_that_learnt_nothing_are_inconclusive():
    chance = Chance(0.5, 0.45, 0.55, 400)
    level = dict.fromkeys(FALLING, 0.52)
    table = claims_table(attacks(AS_PUBLISHED), level, chance=chance, noise=0).set_index("claim")
    claims = ["accuracy-falls", *(f"accuracy-lost-at-{rate}" for rate in (0.3, 0.4, 0.5))]
    claims += ["balance-accuracy"]
    assert (table.loc[claims, "verdict"] == "inconclusive").all()
    assert (table.loc[claims, "reason"] == "test accuracy is at chance at rate 0.0").all()


@pytest.mark.parametrize(
    ("without", "verdict", "reason"),
    [
        (0.57, "inconclusive", "test accuracy is at chance at rates 0.4 and 0.5"),
        (0.9, "not supported", None),
    ],
)
def test_a_network_that_dropout_takes_to_chance_is_not_a_balance(without, verdict, reason):
    """The loss may be tolerable where there was little to lose, but the model is not accurate."""
    accuracies = {0.0: without, 0.3: min(without, 0.56), 0.4: 0.53, 0.5: 0.53}
    chance = Chance(0.5, 0.45, 0.55, 400)
    table = claims_table(attacks(AS_PUBLISHED), accuracies, chance=chance, noise=0).set_index(
        "claim"
    )
    assert table.loc["balance-accuracy", "verdict"] == verdict
    assert table.loc["balance-accuracy", "reason"] == reason or reason is None
    assert table.loc["accuracy-lost-at-0.5", "verdict"] == "supported"


def test_errors_are_compared_with_the_guess_image_by_image():
    """Some images are hard to guess and hard to attack: only the difference counts."""
    frame = attacks(AS_PUBLISHED, images=40)
    hard = frame["image"] % 2 * 0.2
    frame["rmse_clipped"] += hard
    assert verdicts(frame, guess=0.55 + hard)["balance-privacy"] == "supported"
    assert verdicts(frame, guess=0.55 + hard.mean())["balance-privacy"] == "inconclusive"


def test_a_rule_says_what_it_counts():
    frame = attacks(AS_PUBLISHED, images=80, together=4)
    rules = claims_table(frame).set_index("claim")["rule"]
    assert rules["dip"].endswith("; inconclusive below 20 updates")
    for claim in (
        "accuracy-falls",
        "accuracy-lost-at-0.3",
        "balance-accuracy",
        "some-interpretation",
    ):
        assert "inconclusive below" not in rules[claim]


def test_intervals_of_few_seeds_stay_within_minus_1_and_1():
    accuracies = {rate: 0.5 - rate / 2 for rate in FALLING}
    table = claims_table(attacks(AS_PUBLISHED, images=20), accuracies, seeds=2, noise=1)
    few = table[table["unit"] == "seeds"]
    assert len(few) == 5
    assert few["low"].min() == -1
    assert few["high"].max() == 1


def test_claims_without_a_measurement_say_so():
    table = claims_table(attacks([0.5, 0.6]), {0.0: 0.5}).set_index("claim")
    missing = table.drop(["rmse-at-0.0", "labels"])
    assert (missing["measure"] == "not measured in this run").all()
    assert (missing["verdict"] == "inconclusive").all()
    assert table.loc["rmse-at-0.0", "n"] == 300


def test_p_values_are_adjusted_for_all_tests_of_the_table():
    table = claims_table(attacks(AS_PUBLISHED))
    tested = table.dropna(subset=["p_value"])
    factor = sum(1 / rank for rank in range(1, len(tested) + 1))
    assert len(tested) >= 8
    assert tested["p_adjusted"].max() == pytest.approx(
        min(1, tested["p_value"].max() * factor), rel=1e-6
    )
    assert (tested["p_adjusted"] >= tested["p_value"]).all()


def test_intervals_of_the_published_values_hold_together():
    """Each is wider than 95%, so that all four hold in 95 of 100 runs."""
    frame = attacks(AS_PUBLISHED)
    at_half = frame.loc[frame["dropout_rate"] == 0.5, "rmse_clipped"].to_numpy()
    row = claims_table(frame).set_index("claim").loc["rmse-at-0.5"]
    assert (row["low"], row["high"]) == statistics.mean_interval(at_half, 1 - 0.05 / 4)
    assert row["test"] == "Student's interval, 95% for all 4 published values together"


BETTER, WORSE = [0.3, *[0.1] * 5], [0.1, *[0.3] * 5]
FAILING = [0.6] * 6


@pytest.mark.parametrize(
    ("frame", "leak", "better"),
    [
        (attacks(BETTER, together=4), "supported", "supported"),
        (attacks(WORSE, together=4), "supported", "not supported"),
        (attacks([0.1] * 6, images=1200, together=4), "supported", "not supported"),
        (attacks(BETTER, together=4, wrong_masks=300), "not supported", "supported"),
        (attacks(BETTER, together=4, wrong_labels=300), "not supported", "supported"),
        (attacks(BETTER, together=4, wrong_masks=150), "inconclusive", "supported"),
        (attacks(BETTER, images=40, together=4), "inconclusive", "inconclusive"),
        (attacks(FAILING, images=1200, together=4), "supported", "inconclusive"),
        (attacks([0.7, *FAILING[1:]], together=4), "supported", "inconclusive"),
    ],
)
def test_what_dropout_gives_away_of_updates_of_several_images(frame, leak, better):
    table = claims_table(frame, separating=["idlg"]).set_index("claim")
    assert table.loc["masks-leak", "verdict"] == leak
    assert table.loc["better-with-dropout", "verdict"] == better
    assert "updates of 4 images" in table.loc["masks-leak", "statement"]


def test_an_update_whose_attacks_all_fail_shows_no_difference_between_rates():
    table = claims_table(attacks(FAILING, images=1200, together=4), separating=["idlg"])
    row = table.set_index("claim").loc["better-with-dropout"]
    assert row["reason"] == efficacy.FAILS


def test_the_share_of_separated_updates_is_that_at_the_worst_rate():
    frame = attacks(BETTER, together=4).astype({"mask_exact": object})
    frame.loc[(frame["dropout_rate"] == 0.2) & (frame["image"] == 41), "mask_exact"] = False
    frame.loc[(frame["dropout_rate"] == 0.2) & (frame["image"] == 99), "mask_exact"] = None
    frame.loc[frame["dropout_rate"] == 0.0, "mask_exact"] = False  # there are none
    row = claims_table(frame, separating=["idlg"]).set_index("claim").loc["masks-leak"]
    assert row["estimate"] == 73 / 75
    assert (row["low"], row["high"]) == statistics.exact_share_interval(73, 75, 1 - 0.05 / 5)
    assert row["measure"].endswith("at rate 0.2")


@pytest.mark.parametrize(
    ("frame", "claims"),
    [
        (attacks(BETTER), set()),  # one image is nothing to separate
        (attacks([0.3], together=4), set()),
        (attacks([0.3, 0.1], together=4).query("dropout_rate > 0"), {"masks-leak"}),
    ],
)
def test_what_was_not_attacked_has_no_claim_of_ours(frame, claims):
    table = claims_table(frame, separating=["idlg"])
    assert set(table.loc[table["place"].isna(), "claim"]) == claims
    assert claims_table(frame)["place"].notna().all()


@pytest.mark.parametrize(
    ("rule", "low", "high", "p", "expected"),
    [
        (above_zero(0.01), 0.001, 0.1, 0.01, "supported"),
        (above_zero(0.01), 0.001, 0.1, 0.06, "inconclusive"),
        (above_zero(0.01), -0.1, 0.009, 0.5, "not supported"),
        (above_zero(0.01), -0.1, 0.02, 0.5, "inconclusive"),
        (above_zero(0.01), np.nan, np.nan, 0.01, "inconclusive"),
        (equals(0.5), 0.495, 0.505, None, "supported"),
        (equals(0.5), 0.48, 0.52, None, "inconclusive"),
        (equals(0.5), 0.502, 0.52, None, "not supported"),
        (equals(0.5), np.nan, np.nan, None, "inconclusive"),
        (at_place(0.3), 0.3, 0.3, None, "supported"),
        (at_place(0.3), 0.2, 0.3, None, "inconclusive"),
        (at_place(0.3), 0.1, 0.2, None, "not supported"),
        (below(0.05), 0.01, 0.04, None, "supported"),
        (below(0.05), 0.01, 0.06, None, "inconclusive"),
        (below(0.05), 0.06, 0.07, None, "not supported"),
    ],
)
def test_each_rule(rule, low, high, p, expected):
    evidence = Evidence("", (low + high) / 2, low, high, 100, "images", "")
    assert rule.decide(evidence, p) == expected
    few = Evidence("", (low + high) / 2, low, high, 19, "images", "")
    assert rule.decide(few, p) == "inconclusive"


def test_the_balance_is_judged_on_trained_clients_where_there_are_some():
    names = ("plain", "trained", "other")
    frame = pd.concat(attacks(AS_PUBLISHED, images=20).assign(client=name) for name in names)
    before = claims_table(frame).query("claim == 'balance-privacy'")
    assert before["client"].tolist() == ["other", "plain", "trained"]
    assert before["statement"].str.endswith("before the experiment's training.").all()
    kinds = {
        "plain": {"network": ("lenet", "classifier")},
        "trained": {"network": ("lenet", "classifier"), "trained": True},
        "other": {"network": ("mlp", "classifier")},
    }
    table = claims_table(frame, kinds=kinds)
    private = table.query("claim == 'balance-privacy'").set_index("client")["statement"]
    assert private.str.endswith("stay private.").to_dict() == {"other": False, "trained": True}
    accurate = table.query("claim == 'balance-accuracy'")["client"]
    assert accurate.tolist() == ["other", "trained"]
    rest = table[~table["claim"].str.startswith("balance")]
    assert set(rest["client"]) == {*names}


def against_dropout(errors, accuracy=0.6, reason=None, images=100):
    """The row about a client with noise whose attacks have these errors by attacker."""
    plain = attacks([0.02, *[0.3] * 5], images=images).assign(client="plain")
    noisy = [
        attacks([error], images=images, attacker=name).assign(client="noisy")
        for name, error in errors.items()
    ]
    same = {"undefended": "plain", "attacker": "idlg", "inconclusive": None}
    rows = [
        same | {"client": "plain", "dropout_rate": rate, "test_accuracy": 0.6 - 0.05 * rate}
        for rate in (0.0, 0.5)
    ]
    rival = {"client": "noisy", "kind": "noise", "dropout_rate": 0.0, "test_accuracy": accuracy}
    strongest = {"attacker": min(errors, key=errors.get), "inconclusive": reason}
    rows.append(same | rival | strongest)
    table = claims_table(pd.concat([plain, *noisy]), defences=rows)
    return table.set_index("claim").loc["noise-protects-more"]


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.5, "supported"), (0.1, "not supported"), (0.303, "inconclusive")]
)
def test_another_defence_is_compared_image_by_image_at_the_accuracy_of_dropout(error, verdict):
    row = against_dropout({"idlg": 0.9, "reader": error})
    assert row["verdict"] == verdict
    assert row["estimate"] == pytest.approx(error - 0.3, abs=0.01)
    assert row["test"] == "paired t-test"
    assert (row["client"], row["attacker"]) == ("plain", "reader")
    assert "on noisy by reader and at dropout rate 0.5 by idlg" in row["measure"]


def test_another_defence_proves_nothing_if_attacks_fail_without_it_or_images_are_few():
    row = against_dropout({"idlg": 0.5}, reason=efficacy.FAILS)
    assert (row["verdict"], row["reason"]) == ("inconclusive", efficacy.FAILS)
    assert against_dropout({"idlg": 0.5}, images=12)["verdict"] == "inconclusive"


def test_a_rival_with_a_single_image_is_there_but_not_measured():
    row = against_dropout({"idlg": 0.5}, images=1)
    assert (row["verdict"], row["attacker"]) == ("inconclusive", "idlg")
    assert pd.isna(row["reason"])


def test_a_trend_is_judged_only_between_the_rates_that_it_speaks_of():
    claims = ["error-rises", "error-rises-above-0"]
    assert verdicts(attacks(AS_PUBLISHED[:4]))[claims].tolist() == ["inconclusive"] * 2
    without_0 = claims_table(attacks(AS_PUBLISHED).query("dropout_rate > 0")).set_index("claim")
    assert without_0.loc[claims, "n"].tolist() == [0, 300]
    for left_out in (0.0, 0.9):
        some = {rate: mean for rate, mean in FALLING.items() if rate != left_out}
        assert verdicts(attacks(AS_PUBLISHED), some)["accuracy-falls"] == "inconclusive"


def test_a_defence_that_keeps_less_accuracy_than_dropout_is_not_compared():
    row = against_dropout({"idlg": 0.5}, accuracy=0.5)
    assert row["verdict"] == "inconclusive"
    assert row["reason"] == "no client with noise keeps the accuracy of dropout at rate 0.5"


def test_only_the_first_client_has_rows_of_what_was_not_measured():
    """Which clients with a defence, attacked at rate 0.0 alone, would fill the table with."""
    both = [attacks(AS_PUBLISHED).assign(client="a"), attacks([0.5]).assign(client="b")]
    assert set(claims_table(pd.concat(both))["client"]) == {"a"}

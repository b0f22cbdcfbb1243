"""Captions quote the numbers of the tables."""

import numpy as np
import pyarrow as pa
from drawn import figures
from experiment import LABELS, failing, weighed

from dropleak import formatting
from dropleak.analysis.accuracy import last_epoch
from dropleak.analysis.chance import Chance
from dropleak.analysis.summary import STATUSES, summarise
from dropleak.engine.models.zoo import lenet
from dropleak.jobs.method_tables import features_table, network_table
from dropleak.report import captions
from dropleak.tables.schemas import DEFENCES

NO_INTERVALS = DEFENCES.empty_table()


def test_captions_say_what_is_inconclusive(two_attackers, utility):
    chance, names = Chance(0.5, 0.25, 0.75, 12), ["idlg", "mask-reading"]
    tradeoff = weighed(failing(two_attackers), {0.0: 0.5, 0.5: 0.5}, chance=chance)
    summary = summarise(failing(two_attackers), 0.2)
    for text in (
        captions.privacy_and_utility(tradeoff, NO_INTERVALS, "lenet", names),
        captions.attackers_by_rate(summary, tradeoff, ["lenet"], names),
    ):
        assert "Inconclusive for ``idlg``: this attack fails without a defence too." in text
        assert "Inconclusive for ``mask-reading``" not in text
    text = captions.privacy_and_utility(tradeoff, NO_INTERVALS, "lenet", names)
    assert "networks trained with rates 0.0 and 0.5 are no better" in text
    assert "accurate: none from ``mask-reading``." in text
    text = captions.privacy_and_utility(tradeoff, NO_INTERVALS, "lenet", ["idlg"])
    assert "Rates that are private and accurate: none is known." in text
    one_class = pa.chunked_array([[0] * 10])
    assert "trained with rate 0.3 are no better" in captions.accuracy_by_rate(utility, one_class)


def test_a_caption_names_the_rates_in_the_figure(digits):
    rates = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    table = features_table(lenet((1, 32, 32), 10), digits["test"].take([3]), rates, seed=0)
    shown = [axis.get_title() for axis in figures.features(table, digits["test"]).axes[1:]]
    text = captions.features(table, digits["test"])
    assert [f"features at rate {rate}" for rate in rates if f"% at {rate}" in text] == shown


def test_captions_quote_the_tables(two_attackers, stored, utility, tradeoff, digits):
    summary = summarise(two_attackers, 0.1)
    rows = summary.to_pandas().set_index(["attacker", "dropout_rate"])
    names, idlg = ["idlg", "mask-reading"], rows.loc[("idlg", 0.5)]
    mean = f"{idlg['rmse_clipped_mean']:.3f} ({idlg['rmse_clipped_low']:.3f} to "
    text = captions.rmse_by_rate(stored, summary, "lenet", "idlg")
    assert mean in text
    ends = rows.loc["idlg", [*STATUSES]].sum()
    counts = formatting.series(f"{count} {end}" for end, count in ends.items() if count)
    assert f"Of 4 attacks {counts}." in text
    assert mean in captions.attackers_by_rate(summary, tradeoff, ["lenet"], names)
    assert "mean image has 0.200" in captions.attackers_by_rate(summary, tradeoff, ["lenet"], names)
    frame = two_attackers.to_pandas().query("attacker == 'idlg' and dropout_rate == 0.5")
    median = formatting.number(frame["rmse_clipped"].median())
    assert f"{median} at 0.5" in captions.rmse_by_iteration(stored, "lenet", "idlg")
    low, high = map(formatting.number, (frame["rmse_clipped"].min(), frame["rmse_clipped"].max()))
    images = digits["test"]
    assert f"{low} to {high} at 0.5" in captions.sample(stored, images, "lenet", "idlg", [4, 17])
    sample = captions.attackers_sample(stored, images, "lenet", names, [4, 17])
    assert f"{formatting.number(frame['rmse_clipped'].mean())} at 0.5 for ``idlg``" in sample
    accuracy = last_epoch(utility.to_pandas())["test_accuracy"].mean()
    assert f"{accuracy:.1%} at 0.3" in captions.accuracy_by_rate(utility, LABELS)


def test_captions_of_the_method_count_weights_and_features(digits):
    network = lenet((1, 32, 32), 10)
    weights = sum(np.prod(shape) for shape in network.parameter_shapes().values())
    assert f"{weights:,} weights" in captions.network(network_table(network))
    table = features_table(network, digits["test"].take([3]), [0.0, 0.5], seed=0)
    dropped = 1 - table.to_pandas().query("dropout_rate == 0.5")["kept"].mean()
    assert f"{dropped:.0%} at 0.5" in captions.features(table, digits["test"])


def test_figure_8s_caption_names_private_and_accurate_rates(tradeoff):
    text = captions.privacy_and_utility(tradeoff, NO_INTERVALS, "lenet", ["idlg", "mask-reading"])
    assert "0.5 from ``idlg``; none from ``mask-reading``" in text
    assert "none from ``idlg``" in captions.privacy_and_utility(
        tradeoff.slice(0, 0), NO_INTERVALS, "lenet", ["idlg"]
    )

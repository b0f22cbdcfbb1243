"""A run's evidence about claims: estimates with intervals, and tests.

Every function returns None if the run lacks what it needs: a rate that the claim speaks of, or, for
means and tests of them, a second image or seed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from dropleak import formatting, paper
from dropleak.analysis import accuracy, efficacy, separation, statistics
from dropleak.analysis.chance import Chance
from dropleak.analysis.claims import verdicts
from dropleak.analysis.claims.rivals import Point
from dropleak.analysis.claims.verdicts import Evidence

COLUMNS = [
    *("client", "attacker", "dropout_rate", "image", "update", "status", "rmse", "rmse_clipped"),
    *("label", "label_inferred", "mask_exact"),
]
"""The columns of the attacks that are needed."""


@dataclass(frozen=True)
class Run:
    """An experiment's results for one client, and the settings to judge them by."""

    attacks: pd.DataFrame
    """With the columns `COLUMNS`, and `above_mean_image` (see `tradeoff`)."""
    undefended: pd.DataFrame
    """The attacks on the client without its defence: the same if it has none, empty if there are
    none."""
    utility: pd.DataFrame
    """The trainings of its network, with the columns `schemas.UTILITY`."""
    interpretations: pa.Table
    """With the columns `schemas.INTERPRETATIONS`."""
    chance: Chance
    success_rmse: float
    tolerated_loss: float
    network: tuple[str, str] = ("", "")
    """What is trained: the label of the network, and the site of dropout."""
    trained: bool = False
    """Whether attacks and accuracies are of the same network."""

    def of(self, attacker: str) -> pd.DataFrame:
        """The attacks of one attacker."""
        return self.attacks[self.attacks["attacker"] == attacker]

    def without_defence(self, attacker: str) -> pd.DataFrame:
        """The same on the client without its defence."""
        return self.undefended[self.undefended["attacker"] == attacker]

    def errors(
        self, attacker: str, rates: Iterable[float], column: str = "rmse_clipped"
    ) -> np.ndarray | None:
        """Mean RMSE after clipping, or another column: a row per update, a column per rate.

        Images of an update are attacked together, so only updates are independent.
        """
        if attacker not in self._means:
            return None
        table = self._means[attacker][column]
        enough = set(rates) <= set(table.columns) and len(table) > 1
        return table[list(rates)].to_numpy() if enough else None

    @cached_property
    def _means(self) -> dict[str, pd.DataFrame]:
        """For `errors`, by attacker."""
        columns = ["rmse_clipped", "above_mean_image"]
        return {
            str(attacker): attacks.pivot_table(columns, "update", "dropout_rate")
            for attacker, attacks in self.attacks.groupby("attacker")
        }

    def accuracies(self) -> pd.DataFrame:
        """Test accuracy after the last epoch: a row per seed, a column per rate."""
        return accuracy.by_seed(self.utility)

    def doubt(self, attacker: str) -> str | None:
        """Why an attacker shows nothing about protection, if it does not."""
        without = self.without_defence(attacker)
        return efficacy.doubt(self.of(attacker), without, self.success_rmse)

    def fails_under_dropout(self, attacker: str) -> bool:
        """Whether an attacker is not known to succeed at any rate above 0.0."""
        attacks = self.of(attacker)
        rates = attacks.loc[attacks["dropout_rate"] > 0, "dropout_rate"].unique()
        return all(
            efficacy.failure(attacks[attacks["dropout_rate"] == rate], self.success_rmse)
            for rate in rates
        )

    def doubt_about_small(self, attacker: str) -> str | None:
        """Why an attacker shows nothing about small errors, if it does not."""
        return efficacy.doubt_about_small(self.without_defence(attacker), self.success_rmse)

    def doubt_about_accuracy(self, rates: Iterable[float]) -> str | None:
        """Why accuracies show nothing, if networks trained with some of these rates are at chance.

        Rates without trainings do not count.
        """
        means = self.accuracies().mean()
        at_chance = [rate for rate in rates if rate in means and self.chance.explains(means[rate])]
        if not at_chance:
            return None
        return f"test accuracy is at chance at {formatting.rates(at_chance)}"

    @cached_property
    def images_per_update(self) -> int:
        """Images that share an update."""
        return separation.images_per_update(self.attacks)

    @property
    def unit(self) -> str:
        """The independent units: images, or updates of several."""
        return "images" if self.images_per_update == 1 else "updates"


def trend(run: Run, attacker: str, with_zero: bool = True) -> Evidence | None:
    """Whether the error rises with the rate, from 0.0 or the lowest rate above it to 0.5."""
    attacked = sorted(run.of(attacker)["dropout_rate"].unique())
    rates = [rate for rate in attacked if rate <= 0.5 and (with_zero or rate > 0)]
    errors = run.errors(attacker, rates)
    if errors is None or len(rates) < 3 or rates[-1] < 0.5 or (with_zero and rates[0] > 0):
        return None
    correlation = statistics.rank_trend(errors)
    return Evidence(
        "mean rank correlation of an image's error with the rate",
        correlation.mean(),
        *statistics.mean_interval(correlation, within=(-1, 1)),
        len(errors),
        run.unit,
        "Page's trend test",
        statistics.trend_test(errors),
    )


def difference(run: Run, attacker: str) -> Evidence | None:
    """How much the error at rate 0.5 exceeds that without dropout."""
    errors = run.errors(attacker, (0.0, 0.5))
    if errors is None:
        return None
    without, half = errors.T
    return _excess(run, "mean difference of the clipped RMSE", half, without)


def dip(run: Run, attacker: str) -> Evidence | None:
    """How far the error at 0.4 is below both its neighbours (an intersection-union test)."""
    errors = run.errors(attacker, (0.3, 0.4, 0.5))
    if errors is None:
        return None
    before, at, after = errors.T
    depths = (before - at, after - at)
    intervals = [statistics.mean_interval(depth, 1 - 0.05 / 2, (-1, 1)) for depth in depths]
    low, high = np.min(intervals, axis=0)
    return Evidence(
        "smaller of the mean differences of the clipped RMSE to that at 0.4",
        min(depth.mean() for depth in depths),
        low,
        high,
        len(errors),
        run.unit,
        "larger p-value of two paired t-tests; interval, 95% for both differences together",
        max(statistics.exceeds(depth) for depth in depths),
    )


def turning_point(run: Run, attacker: str) -> Evidence | None:
    """The rate at which the error's rise slows down most."""
    rates = [rate for rate in sorted(run.of(attacker)["dropout_rate"].unique()) if rate <= 0.5]
    errors = run.errors(attacker, rates)
    if errors is None or len(rates) < 5 or 0.3 not in rates[1:-1]:
        return None
    inner = np.array(rates[1:-1])
    changes = np.diff(np.diff(errors) / np.diff(rates))
    possible = inner[statistics.lowest(changes)]
    return Evidence(
        "rate at which the mean clipped RMSE slows down most in its rise",
        inner[changes.mean(axis=0).argmin()],
        possible[0],
        possible[-1],
        len(errors),
        run.unit,
        "the rates that it may be, with 95% confidence",
    )


def mean_error(run: Run, attacker: str, rate: float) -> Evidence | None:
    """The error at one of the rates with a published value."""
    errors = run.errors(attacker, [rate])
    if errors is None:
        return None
    values = len(paper.RMSE)
    return Evidence(
        "mean clipped RMSE",
        errors.mean(),
        *statistics.mean_interval(errors[:, 0], 1 - 0.05 / values, (0, 1)),
        len(errors),
        run.unit,
        f"Student's interval, 95% for all {values} published values together",
    )


def nearest_interpretation(run: Run) -> Evidence | None:
    """The distance from the published values to the closest interpretation.

    The interval is that of the smallest distance over all interpretations, whichever truly has it.
    """
    values = [name for name in run.interpretations.column_names if name.startswith("rmse_at_")]
    interpretations = run.interpretations.to_pandas()
    if interpretations.empty or interpretations[values].isna().any(axis=None):
        return None
    best = interpretations.iloc[0]
    return Evidence(
        f"distance of the nearest interpretation ({best['attacker']}, {best['rmse']}, "
        f"{best['pixels']}, {best['statistic']}, {best['iterations']} iterations)",
        best["distance"],
        interpretations["distance_low"].min(skipna=False),
        interpretations["distance_high"].min(skipna=False),
        best["images"],
        "images",
        f"interval, 95% for all {len(interpretations)} interpretations together",
    )


def labels(run: Run, attacker: str) -> Evidence | None:
    """How often labels are found, at the rate where that is least often."""
    attacks = run.of(attacker)
    right = attacks["label"] == attacks["label_inferred"]
    found = right.groupby([attacks["dropout_rate"], attacks["update"]]).all()
    by_rate = found.unstack("dropout_rate")
    worst, rates = by_rate[by_rate.mean().idxmin()], by_rate.shape[1]
    return Evidence(
        f"lowest share of {run.unit} with the right labels, of {rates} rates",
        worst.mean(),
        *statistics.exact_share_interval(int(worst.sum()), len(worst), 1 - 0.05 / rates),
        len(worst),
        run.unit,
        "exact binomial interval, 95% for all rates together",
    )


def successes(run: Run, attacker: str) -> Evidence | None:
    """How often an image is recovered although half of the features are dropped."""
    attacks = run.of(attacker)
    attacks = attacks[attacks["dropout_rate"] == 0.5]
    if attacks.empty:
        return None
    recovered = (attacks["rmse"] < run.success_rmse).groupby(attacks["update"]).any()
    return Evidence(
        f"share of {run.unit} with an RMSE below {run.success_rmse}",
        recovered.mean(),
        *statistics.exact_share_interval(int(recovered.sum()), len(recovered)),
        len(recovered),
        run.unit,
        "exact binomial test",
        statistics.rarer(int(recovered.sum()), len(recovered), verdicts.RARE),
    )


def separated(run: Run, attacker: str) -> Evidence | None:
    """How often all masks and labels of an update are right, at the rate where least often."""
    by_rate = separation.exact(run.of(attacker)).unstack("dropout_rate")
    if by_rate.empty:
        return None
    rates = by_rate.shape[1]
    worst = by_rate.mean().idxmin()
    exact = int(by_rate[worst].sum())
    return Evidence(
        f"share of updates with every mask and label right, least at rate {worst}",
        exact / len(by_rate),
        *statistics.exact_share_interval(exact, len(by_rate), 1 - 0.05 / rates),
        len(by_rate),
        run.unit,
        f"exact binomial interval, 95% for all {rates} rates together",
    )


def gain(run: Run, attacker: str) -> Evidence | None:
    """How much the mean error over rates above 0.0 is below that without dropout."""
    rates = sorted(run.of(attacker)["dropout_rate"].unique())
    errors = run.errors(attacker, rates)
    if errors is None or rates[0] != 0 or len(rates) < 2:
        return None
    without, under_dropout = errors[:, 0], errors[:, 1:].mean(axis=1)
    measure = (
        "mean difference of the clipped RMSE without dropout and its mean over rates "
        f"{formatting.series(rates[1:])}"
    )
    return _excess(run, measure, without, under_dropout)


def above_mean_image(run: Run, attacker: str) -> Evidence | None:
    """How much the error exceeds the mean image's, at the recommended rate where that is least."""
    rates = recommended(run.of(attacker)["dropout_rate"].unique())
    above = run.errors(attacker, rates, "above_mean_image")
    if above is None or not rates:
        return None
    worst = above.mean(axis=0).argmin()
    return Evidence(
        f"mean clipped RMSE above the mean training image's, least at rate {rates[worst]}",
        above[:, worst].mean(),
        *statistics.mean_interval(above[:, worst], 1 - 0.05 / len(rates), (-1, 1)),
        len(above),
        run.unit,
        "Student's interval, 95% for these rates together",
    )


def protects_more(runs: Mapping[str, Run], dropout: Point, rival: Point) -> Evidence | None:
    """How much the error on a rival exceeds that under dropout, each by its strongest attacker."""
    run = runs[dropout.client]
    less = run.errors(dropout.attacker, [dropout.rate])
    more = runs[rival.client].errors(rival.attacker, [rival.rate])
    if less is None or more is None:
        return None
    measure = (
        f"mean difference of the clipped RMSE on {rival.client} by {rival.attacker} and at dropout "
        f"rate {dropout.rate} by {dropout.attacker}"
    )
    return _excess(run, measure, more[:, 0], less[:, 0])


def _excess(run: Run, measure: str, more: np.ndarray, less: np.ndarray) -> Evidence:
    """How much some errors exceed others on the same units."""
    return Evidence(
        measure,
        (more - less).mean(),
        *statistics.mean_interval(more - less, within=(-1, 1)),
        len(more),
        run.unit,
        "paired t-test",
        statistics.exceeds(more - less),
    )


def recommended(rates: Iterable[float]) -> list[float]:
    """The rates that the paper recommends, among those given."""
    lowest, highest = paper.BALANCED
    return [rate for rate in sorted(rates) if lowest <= rate <= highest]


def accuracy_trend(run: Run) -> Evidence | None:
    """Whether test accuracy falls with the rate, from 0.0 to 0.9 or above."""
    accuracies = run.accuracies()
    rates = accuracies.columns
    if len(accuracies) < 2 or len(rates) < 3 or rates.min() > 0 or rates.max() < 0.9:
        return None
    losses = -accuracies.to_numpy()
    correlation = statistics.rank_trend(losses)
    return Evidence(
        "mean rank correlation of the accuracy lost with the rate",
        correlation.mean(),
        *statistics.mean_interval(correlation, within=(-1, 1)),
        len(losses),
        "seeds",
        "Page's trend test",
        statistics.trend_test(losses),
    )


def accuracy_lost(run: Run, rate: float) -> Evidence | None:
    """How much test accuracy dropout costs at one rate, on the same seeds."""
    lost = _lost(run, [rate])
    if lost is None:
        return None
    return Evidence(
        f"mean test accuracy lost at rate {rate}",
        lost.mean(),
        *statistics.mean_interval(lost[:, 0], within=(-1, 1)),
        len(lost),
        "seeds",
        "paired t-test",
        statistics.exceeds(lost[:, 0]),
    )


def most_accuracy_lost(run: Run) -> Evidence | None:
    """The accuracy lost at the recommended rate where it is most."""
    rates = recommended(run.accuracies())
    lost = _lost(run, rates)
    if lost is None or not rates:
        return None
    worst = lost.mean(axis=0).argmax()
    return Evidence(
        f"mean test accuracy lost, most at rate {rates[worst]}",
        lost[:, worst].mean(),
        *statistics.mean_interval(lost[:, worst], 1 - 0.05 / len(rates), (-1, 1)),
        len(lost),
        "seeds",
        "Student's interval, 95% for these rates together",
    )


def _lost(run: Run, rates: list[float]) -> np.ndarray | None:
    """Test accuracy lost compared with no dropout: a row per seed, a column per rate."""
    accuracies = run.accuracies()
    if len(accuracies) < 2 or not {0.0, *rates} <= set(accuracies):
        return None
    return accuracies[[0.0]].to_numpy() - accuracies[rates].to_numpy()

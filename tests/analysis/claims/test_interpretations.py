from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from dropleak import paper
from dropleak.analysis.claims import verdicts
from dropleak.analysis.claims.evidence import nearest_interpretation
from dropleak.analysis.claims.interpretations import compare
from dropleak.tables.schemas import ATTACKS, INTERPRETATIONS

STD = 0.25


def part(attacker, rate, clipped, raw, iterations=(5580, 5600, 5800)):
    """A job's attacks, with the given errors of its images at the last iterations."""
    images = len(clipped)

    def trajectory(last):
        return [[9.0, value + 0.1, value][-len(iterations) :] for value in last]

    columns = {
        "attacker": [attacker] * images,
        "dropout_rate": [rate] * images,
        "image": np.arange(images),
        "trajectory_iteration": [list(iterations)] * images,
        "trajectory_rmse": trajectory(raw),
        "trajectory_rmse_clipped": trajectory(clipped),
        "trajectory_rmse_standardised": trajectory(np.array(raw) / STD),
        "trajectory_rmse_clipped_standardised": trajectory(np.array(clipped) / STD),
    }
    return pa.table(columns, schema=pa.schema([ATTACKS.field(name) for name in columns]))


def run(offset, attacker="idlg", **options):
    """Jobs whose clipped errors have the published values as medians, and larger means."""
    spread = np.tile([-0.1, -0.01, 0.0, 0.01, 0.4], 5)
    return [
        part(attacker, rate, paper.RMSE[rate] + offset + spread, 1e6 + spread, **options)
        for rate in paper.RMSE
    ]


def test_every_combination_is_an_interpretation_and_the_nearest_comes_first():
    parts = [*run(0.0), *run(0.3, "idlg-ignore")]
    table = compare(parts, "lenet", {"idlg": "resample", "idlg-ignore": "ignore"})
    assert table.schema.equals(INTERPRETATIONS)
    frame = table.to_pandas()
    assert len(frame) == 2 * 2 * 2 * 2 * 2
    assert set(frame["client"]) == {"lenet"}
    assert frame["distance"].is_monotonic_increasing
    best = frame.iloc[0]
    assert best[["attacker", "masks", "rmse", "pixels", "statistic"]].tolist() == [
        *("idlg", "resample", "clipped", "[0, 1]", "median")
    ]
    assert best["iterations"] == 5800
    assert best["distance"] == pytest.approx(0)
    assert best[[f"rmse_at_{rate}" for rate in paper.RMSE]].tolist() == pytest.approx(
        list(paper.RMSE.values())
    )
    assert best["distance_high"] > 0


def test_distances_and_scales_are_as_defined():
    frame = compare(run(0.0), "lenet", {"idlg": "resample"}).to_pandas()
    rows = frame.set_index(["rmse", "pixels", "statistic", "iterations"])
    assert rows.loc[("clipped", "[0, 1]", "mean", 5800), "distance"] == pytest.approx(0.06)
    assert rows.loc[("clipped", "[0, 1]", "median", 5600), "distance"] == pytest.approx(0.1)
    standardised = rows.loc[("clipped", "standardised", "median", 5800)]
    assert standardised["rmse_at_0.5"] == pytest.approx(paper.RMSE[0.5] / STD)
    assert rows.loc[("raw", "[0, 1]", "mean", 5800), "rmse_at_0.0"] == pytest.approx(1e6, rel=1e-5)
    assert (frame["distance_low"] <= frame["distance"]).all()
    assert (frame["distance"] <= frame["distance_high"]).all()


def test_the_four_values_cannot_come_out_of_fewer():
    parts = [job for job in run(0.0) if job["dropout_rate"][0].as_py() != 0.3]
    table = compare(parts, "lenet", {"idlg": "resample"})
    assert table["distance"].to_pylist()[0] == pytest.approx(0)
    assert nearest_interpretation(SimpleNamespace(interpretations=table)) is None


def test_a_shorter_run_is_interpreted_at_its_end():
    frame = compare(run(0.0, iterations=(20, 40)), "lenet", {"idlg": "resample"}).to_pandas()
    assert set(frame["iterations"]) == {40}


def test_without_attacks_there_are_no_interpretations():
    table = compare([], "lenet", {"idlg": "resample"})
    assert table.schema.equals(INTERPRETATIONS)
    assert len(table) == 0


def verdict(offset, spread, images, seed=0):
    """Verdict if the interpretation by clipped means is `offset` from the published values.

    One attack in ten diverges without dropout, and every one with it.
    """
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, spread / 2, images)
    parts = []
    for rate, published in paper.RMSE.items():
        clipped = published + offset + hard + rng.normal(0, spread * 0.87, images)
        diverged = rng.uniform(size=images) < (0.1 if rate == 0 else 1)
        raw = np.where(diverged, np.exp(rng.normal(10, 5, images)), clipped)
        parts.append(part("idlg", rate, clipped, raw, iterations=(5800,)))
    interpretations = compare(parts, "lenet", {"idlg": "resample"})
    evidence = nearest_interpretation(SimpleNamespace(interpretations=interpretations))
    assert evidence.low <= evidence.estimate <= evidence.high
    return verdicts.below(verdicts.RMSE_MARGIN).decide(evidence, None)


@pytest.mark.parametrize(("images", "draws"), [(20, 10), (100, 3)])
def test_noise_does_not_reject_a_true_interpretation(images, draws):
    """Noise only adds to a distance: an interval around it would reject nearly all of these."""
    assert {verdict(0, 0.2, images, seed) for seed in range(draws)} == {"inconclusive"}


def test_a_true_interpretation_is_found_with_little_noise():
    assert verdict(0, 0.01, 60) == "supported"


def test_wrong_interpretations_are_rejected():
    """Even means over attacks that diverged, which say nothing at rate 0."""
    assert verdict(0.1, 0.03, 60) == "not supported"
    assert verdict(0.015, 0.03, 60) == "inconclusive"


def test_a_single_image_has_no_interval():
    frame = compare([part("idlg", 0.5, [0.6], [0.6])], "lenet", {"idlg": "resample"}).to_pandas()
    assert frame[["distance_low", "distance_high"]].isna().all(axis=None)

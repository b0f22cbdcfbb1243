"""Summary and comparison of attacks."""

import numpy as np
import pyarrow as pa
import pytest
from experiment import failing, of_client

from dropleak.analysis.statistics import share_interval
from dropleak.analysis.summary import as_text, compare, summarise
from dropleak.engine.attack.reconstruction import Status


def test_the_summary_counts_every_attack(attacks):
    summary = summarise(attacks, success_rmse=0.2)
    frame = summary.to_pandas()
    statuses = frame[list(Status)]
    assert statuses.sum(axis=1).tolist() == frame["attacks"].tolist() == [2, 2]
    assert frame["success_share"].tolist() == [1.0, 0.0]
    assert frame["label_share"].tolist() == [1.0, 1.0]
    assert frame["identified_share"].tolist() == [1.0, 0.0]
    assert frame["candidates"].tolist() == [360, 360]
    ranks = attacks["identification_rank"].to_pylist()
    assert frame["identification_rank_median"].tolist() == [1, sum(ranks[2:]) / 2]
    clipped = attacks["rmse_clipped"].to_pylist()[:2]
    assert frame["rmse_clipped_mean"][0] == pytest.approx(sum(clipped) / 2)
    low, high = frame["rmse_clipped_low"][0], frame["rmse_clipped_high"][0]
    assert 0 == low < max(clipped) < high <= 1  # from two images
    assert "100%" in as_text(summary)
    for status in Status:
        assert (status in as_text(summary)) == (statuses[status].sum() > 0)


def test_attackers_are_compared_image_by_image(two_attackers):
    table = compare(two_attackers, {"lenet": "idlg"})
    rows = table.to_pandas()
    assert rows["attacker"].tolist() == ["mask-reading", "mask-reading"]
    assert rows["dropout_rate"].tolist() == [0.0, 0.5]
    assert rows["difference"][0] == pytest.approx(0)  # the same attack
    frame = (
        two_attackers.to_pandas().query("dropout_rate == 0.5").set_index("attacker")["rmse_clipped"]
    )
    expected = (frame["mask-reading"].to_numpy() - frame["idlg"].to_numpy()).mean()
    assert rows["difference"][1] == pytest.approx(expected)
    assert rows["difference_low"][1] <= expected <= rows["difference_high"][1] < 0
    assert rows["better_share"][1] == 1
    assert len(compare(two_attackers.slice(0, 4), {"lenet": "idlg"})) == 0


def test_clients_are_summarised_and_compared_separately(two_attackers):
    parts = [two_attackers, of_client(failing(two_attackers), "other")]
    attacks = pa.concat_tables(parts)
    separate = [summarise(part, 0.2) for part in parts]
    assert summarise(attacks, 0.2).equals(pa.concat_tables(separate))
    baselines = {"lenet": "idlg", "other": "mask-reading"}  # each client has its own
    separate = [compare(part, baselines) for part in parts]
    assert compare(attacks, baselines).equals(pa.concat_tables(separate))
    assert separate[1]["attacker"].unique().to_pylist() == ["idlg"]
    assert "client" not in as_text(summarise(two_attackers, 0.2))
    assert "other" in as_text(summarise(attacks, 0.2))


def test_images_of_an_update_count_together(attacks):
    """Without dropout both images succeed, with it none does: as one update, a single trial."""
    together = attacks.set_column(
        attacks.column_names.index("update"), "update", pa.array([0] * 4, pa.int32())
    )
    alone, shared = (summarise(rows, 0.2).to_pandas() for rows in (attacks, together))
    for ends in (["success_low", "success_high"], ["identified_low", "identified_high"]):
        assert shared[ends[0]][0] == pytest.approx(share_interval(np.array([[True]]))[0])
        assert shared[ends[0]][0] < alone[ends[0]][0]
        assert shared[ends[1]][1] > alone[ends[1]][1]

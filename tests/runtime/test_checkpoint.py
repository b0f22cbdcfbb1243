"""When a checkpoint is written, and what happens if it cannot be."""

import re

import torch

from dropleak.runtime import checkpoint as checkpoints
from dropleak.runtime.checkpoint import Checkpoint


def test_writing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)

    def slow(tensors, path, metadata):
        nonlocal now
        now += 2.0
        path.write_bytes(b"state")

    monkeypatch.setattr(checkpoints, "save_file", slow)
    checkpoint = Checkpoint(tmp_path / "a", {})
    written = 0
    while now < 10_000:
        now += 5.0
        if checkpoint.due:
            checkpoint.write({}, "a lot")
            written += 1
    assert written > 10
    assert written * 2.0 / now < 0.0101


def test_a_job_continues_if_the_disk_is_full(tmp_path, capsys, full_disk):
    with full_disk:
        Checkpoint(tmp_path / "a", {}).write({"image": torch.zeros(100)}, "a lot")
    out = capsys.readouterr().out
    assert re.search(r"no checkpoint: .*/a cannot be written \(.*File too large", out)
    assert list(tmp_path.iterdir()) == []

"""Paths that several tests need."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT.parent / "shared" / "cifar10-subset"

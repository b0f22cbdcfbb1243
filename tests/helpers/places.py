"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT.parent / "shared" / "cifar10-subset"

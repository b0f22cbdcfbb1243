"""Makes `import dropleak` work from a copy of the repository that is not installed."""

import sys
from pathlib import Path

WORKFLOW = Path(__file__).parents[1] / "workflow"

sys.path.insert(0, str(WORKFLOW))

"""Run one of the workflow's scripts without Snakemake.

    python benchmarks/script.py NAME JOB

NAME is a file in workflow/scripts, JOB a JSON file with input, output, log and params as in
Snakemake, each a list or an object.
"""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

from library import WORKFLOW


class Named(dict):
    """Values by name, as attributes and by index, as in Snakemake."""

    def __init__(self, values: list | dict):
        super().__init__(values if isinstance(values, dict) else enumerate(values))
        vars(self).update((str(name), value) for name, value in self.items())

    def __missing__(self, index: int) -> object:
        return list(self.values())[index]

    def __iter__(self):
        return iter(self.values())


name, job = sys.argv[1:]
arguments = {
    key: Named(values) for key, values in json.loads(Path(job).read_text(encoding="utf-8")).items()
}
for path in arguments["output"]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
runpy.run_path(str(WORKFLOW / "scripts" / name), {"snakemake": SimpleNamespace(**arguments)})

"""Makes each job of Snakemake note what it used, if this folder is in PYTHONPATH.

Python imports this module when it starts. USAGE is the file to write to, a line of JSON per job.
"""

import atexit
import json
import os
import resource
import sys


def note() -> None:
    """Write the rule, core seconds and peak memory in MB of this process if it is a job."""
    job = getattr(sys.modules["__main__"], "snakemake", None)
    if job is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = {
        "rule": job.rule,
        "seconds": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
    }
    with open(os.environ["USAGE"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


atexit.register(note)

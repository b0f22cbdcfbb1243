"""Fixed cost of an experiment's attack jobs: starting, importing, compiling, writing.

    python benchmarks/jobs.py EXPERIMENT

Compares Snakemake's measurements (`logs/<experiment>/attack/**/*.benchmark.tsv`) with the seconds
of the attacks themselves in the jobs' tables.
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq


def jobs(experiment: str) -> pd.DataFrame:
    """A row per job: total seconds, and those of the attack."""
    rows = []
    for path in sorted(Path("logs", experiment, "attack").rglob("*.benchmark.tsv")):
        name = path.relative_to(f"logs/{experiment}/attack").as_posix()
        name = name.removesuffix(".benchmark.tsv")
        table = pq.read_table(f"results/{experiment}/attacks/{name}.parquet", columns=["seconds"])
        total = pd.read_csv(path, sep="\t")["s"].iloc[0]
        rows.append({"job": name, "seconds": total, "attack": sum(table["seconds"].to_pylist())})
    return pd.DataFrame(rows)


if len(sys.argv) != 2:
    sys.exit("usage: jobs.py EXPERIMENT")
table = jobs(sys.argv[1])
if table.empty:
    sys.exit(f"logs/{sys.argv[1]}/attack has no benchmark files: has the experiment been run here?")
table["fixed"] = table["seconds"] - table["attack"]
print(table.round(2).to_string(index=False))
total = table[["seconds", "attack", "fixed"]].sum()
print(
    f"\n{len(table)} jobs: {total['seconds']:.0f} s, of which the attack {total['attack']:.0f} s; "
    f"fixed {total['fixed'] / len(table):.1f} s a job, {total['fixed'] / total['seconds']:.1%}"
)

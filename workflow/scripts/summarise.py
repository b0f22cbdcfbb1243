"""Summarise the attacks per client, attacker and rate, and compare attackers."""

from dropleak.analysis.summary import COLUMNS, compare, summarise
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS

with job_log(snakemake.log[0]):
    attacks = StoredTable(snakemake.input.attacks, ATTACKS).read(COLUMNS)
    params, output = snakemake.params, snakemake.output
    summary = summarise(attacks, params.success_rmse)
    parquet.write(summary, output.parquet)
    parquet.write_csv(summary, output.csv)
    comparison = compare(attacks, params.baselines)
    parquet.write(comparison, output.comparison)
    parquet.write_csv(comparison, output.comparison_csv)

"""Summarise the attacks per attacker and rate, and compare attackers."""

from dropleak import tables
from dropleak.joblog import job_log
from dropleak.schemas import ATTACKS
from dropleak.stored import StoredTable
from dropleak.summary import COLUMNS, compare, summarise

with job_log(snakemake.log[0]):
    attacks = StoredTable(snakemake.input.attacks, ATTACKS).read(COLUMNS)
    params, output = snakemake.params, snakemake.output
    summary = summarise(attacks, params.success_rmse, params.seed)
    tables.write(summary, output.parquet)
    tables.write_csv(summary, output.csv)
    comparison = compare(attacks, params.baseline, params.seed)
    tables.write(comparison, output.comparison)
    tables.write_csv(comparison, output.comparison_csv)

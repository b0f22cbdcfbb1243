"""Compare defences by their strongest attackers and the accuracy that they keep."""

from dropleak.analysis.defences import compare_defences
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.schemas import CLIENTS, SUMMARY, TRADEOFF, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    defences = compare_defences(
        parquet.read(source.summary, SUMMARY),
        parquet.read(source.tradeoff, TRADEOFF),
        parquet.read(source.utility, UTILITY),
        clients=params.clients,
        attackers=params.attackers,
        budgets=parquet.read(source.clients, CLIENTS),
    )
    parquet.write(defences, output.parquet)
    parquet.write_csv(defences, output.csv)

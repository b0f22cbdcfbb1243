"""Summarise the attacks per attacker and rate, for programs and for people."""

from dropleak import tables
from dropleak.files import atomic
from dropleak.joblog import job_log
from dropleak.schemas import ATTACKS
from dropleak.summary import as_text, summarise

with job_log(snakemake.log[0]):
    attacks = tables.read(snakemake.input.attacks, ATTACKS)
    summary = summarise(attacks, snakemake.params.success_rmse, snakemake.params.seed)
    tables.write(summary, snakemake.output.parquet)
    with atomic(snakemake.output.csv) as csv:
        summary.to_pandas().to_csv(csv, index=False)
    with atomic(snakemake.output.text) as text:
        text.write_text(as_text(summary) + "\n")

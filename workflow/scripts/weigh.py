"""Weigh what attacks get against what dropout costs."""

from dropleak import imagetable, tables
from dropleak.joblog import job_log
from dropleak.schemas import ATTACKS, SUMMARY, UTILITY
from dropleak.stored import StoredTable
from dropleak.tradeoff import COLUMNS, guess_errors, weigh

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    attacked = imagetable.read(source.test, params.images)
    guesses = guess_errors(imagetable.read(source.train), attacked)
    tradeoff = weigh(
        StoredTable(source.attacks, ATTACKS).read(COLUMNS),
        tables.read(source.summary, SUMMARY),
        tables.read(source.utility, UTILITY),
        guesses,
        params.tolerated_loss,
        params.seed,
    )
    tables.write(guesses, output.guesses)
    tables.write(tradeoff, output.parquet)
    tables.write_csv(tradeoff, output.csv)

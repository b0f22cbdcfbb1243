"""Weigh what attacks get against what dropout costs."""

from dropleak import tables
from dropleak.joblog import job_log
from dropleak.schemas import IMAGES, SUMMARY, UTILITY
from dropleak.tradeoff import guess_rmse, weigh

with job_log(snakemake.log[0]):
    params, source = snakemake.params, snakemake.input
    attacked = tables.read(source.test, IMAGES).take(params.images)
    guess = guess_rmse(tables.read(source.train, IMAGES), attacked)
    summary, utility = tables.read(source.summary, SUMMARY), tables.read(source.utility, UTILITY)
    tradeoff = weigh(summary, utility, guess, params.tolerated_loss)
    tables.write(tradeoff, snakemake.output.parquet)
    tables.write_csv(tradeoff, snakemake.output.csv)

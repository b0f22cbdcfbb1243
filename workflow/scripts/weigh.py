"""Weigh what attacks get against what dropout costs, and say what the run has found."""

from dropleak import cautions, imagetable, tables
from dropleak.chance import Chance
from dropleak.files import write_text
from dropleak.joblog import job_log
from dropleak.schemas import ATTACKS, IMAGES, SUMMARY, UTILITY
from dropleak.stored import StoredTable
from dropleak.summary import as_text
from dropleak.tradeoff import COLUMNS, guess_errors, weigh

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    attacked = imagetable.read(source.test, params.images)
    guesses = guess_errors(imagetable.read(source.train), attacked)
    labels = StoredTable(source.test, IMAGES).read(["label"])["label"]
    summary = tables.read(source.summary, SUMMARY)
    tradeoff = weigh(
        StoredTable(source.attacks, ATTACKS).read(COLUMNS),
        summary,
        tables.read(source.utility, UTILITY),
        guesses,
        Chance.of(labels.to_numpy()),
        tolerated_loss=params.tolerated_loss,
        success_rmse=params.success_rmse,
        seed=params.seed,
    )
    tables.write(guesses, output.guesses)
    tables.write(tradeoff, output.parquet)
    tables.write_csv(tradeoff, output.csv)
    found = cautions.as_text(cautions.cautions(summary, tradeoff))
    write_text(output.text, f"{as_text(summary)}\n{found}")

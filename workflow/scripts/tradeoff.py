"""Compare reconstruction errors with test accuracies, and write the answer for the terminal."""

from dropleak.analysis import answer, cautions
from dropleak.analysis.chance import Chance
from dropleak.analysis.summary import as_text
from dropleak.analysis.tradeoff import COLUMNS, compute_tradeoff, mean_image_errors
from dropleak.data import imagetable
from dropleak.runtime.files import write_text
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, IMAGES, SUMMARY, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    attacked = imagetable.read(source.test, params.images)
    mean_image = mean_image_errors(imagetable.read(source.train), attacked)
    labels = parquet.read(source.test, IMAGES, ["label"])["label"]
    summary = parquet.read(source.summary, SUMMARY)
    tradeoff = compute_tradeoff(
        StoredTable(source.attacks, ATTACKS).read(COLUMNS),
        summary,
        parquet.read(source.utility, UTILITY),
        mean_image,
        Chance.of(labels.to_numpy()),
        clients=params.clients,
        tolerated_loss=params.tolerated_loss,
        success_rmse=params.success_rmse,
    )
    parquet.write(mean_image, output.mean_image)
    parquet.write(tradeoff, output.parquet)
    parquet.write_csv(tradeoff, output.csv)
    protects = "\n".join(answer.sentences(summary, tradeoff, params.attackers, params.clients))
    warnings = cautions.as_text(cautions.cautions(summary, tradeoff))
    write_text(output.text, f"{protects}\n\n{as_text(summary)}\n{warnings}")

"""Draw one figure from its tables."""

from dropleak import figures, tables
from dropleak.joblog import job_log
from dropleak.schemas import SCHEMAS

with job_log(snakemake.log[0]):
    inputs = {name: tables.read(path, SCHEMAS[name]) for name, path in snakemake.input.items()}
    draw = getattr(figures, snakemake.params.figure)
    figures.save(
        draw(**inputs, **snakemake.params.options), snakemake.output.pdf, snakemake.output.png
    )

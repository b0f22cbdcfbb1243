"""Join the trainings of many jobs into one table."""

from dropleak.runtime.logging import job_log
from dropleak.tables import joining
from dropleak.tables.schemas import UTILITY

with job_log(snakemake.log[0]):
    joining.concatenate(
        snakemake.input,
        snakemake.output[0],
        UTILITY,
        key=["network", "dropout", "defence", "dropout_rate", "seed", "epoch"],
    )

"""Join the tables of many jobs into one."""

from dropleak import grid, tables
from dropleak.joblog import job_log
from dropleak.schemas import SCHEMAS

with job_log(snakemake.log[0]):
    params, images = snakemake.params, snakemake.params.images
    tables.concatenate(
        snakemake.input,
        snakemake.output[0],
        SCHEMAS[params.schema],
        key=params.key,
        rows=images and [grid.rows(path, images) for path in snakemake.input],
    )

"""Join the tables of many jobs into one."""

from dropleak.planning import grid
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.schemas import SCHEMAS

with job_log(snakemake.log[0]):
    params, images = snakemake.params, snakemake.params.images
    parquet.concatenate(
        snakemake.input,
        snakemake.output[0],
        SCHEMAS[params.schema],
        key=params.key,
        rows=images and [grid.rows(path, images) for path in snakemake.input],
    )

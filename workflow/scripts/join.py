"""Join the tables of many jobs into one."""

from dropleak import tables
from dropleak.joblog import job_log
from dropleak.schemas import SCHEMAS

with job_log(snakemake.log[0]):
    tables.concatenate(
        snakemake.input,
        snakemake.output[0],
        SCHEMAS[snakemake.params.schema],
        key=snakemake.params.key,
    )

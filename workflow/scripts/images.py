"""Write the image tables of the configured data set."""

from dropleak import tables
from dropleak.joblog import job_log

with job_log(snakemake.log[0]):
    from dropleak.data import PARTS, image_tables

    # From the configuration, not from params: where images are kept is no reason to run again.
    parts = image_tables(**snakemake.config["data"])
    for part in PARTS:
        table = tables.with_origin(parts[part], snakemake.params.settings)
        tables.write(table, snakemake.output[part])
        print(f"{part}: {len(parts[part])} images")

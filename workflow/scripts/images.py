"""Write the image tables of the configured data set."""

from dropleak.runtime.logging import job_log
from dropleak.tables import parquet

with job_log(snakemake.log[0]):
    from dropleak.data.sources import PARTS, image_tables

    # From the configuration, not from params: a new location of the images must not cause a rerun.
    parts = image_tables(**snakemake.config["data"])
    for part in PARTS:
        table = parquet.with_origin(parts[part], snakemake.params.settings)
        parquet.write(table, snakemake.output[part])
        print(f"{part}: {len(parts[part])} images")

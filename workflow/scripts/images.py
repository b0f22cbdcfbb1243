"""Write the image tables of the configured data set."""

from dropleak.data.sources import image_tables
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet

with job_log(snakemake.log[0]):
    # From the configuration, not from params: a new location of the images must not cause a rerun.
    for part, images in image_tables(**snakemake.config["data"]).items():
        parquet.write(
            parquet.with_origin(images, snakemake.params.settings), snakemake.output[part]
        )
        print(f"{part}: {len(images)} images")

"""Take the weights after one epoch out of those that a training has kept."""

from dropleak.runtime.logging import job_log
from dropleak.tables import weights

with job_log(snakemake.log[0]):
    settings, epoch = snakemake.params.settings, int(snakemake.wildcards.epoch)
    kept, origin = weights.read(snakemake.input[0], epoch), weights.inspect(snakemake.input[0])
    weights.write(snakemake.output[0], kept, settings, origin["code"])

"""Tables behind the figures of the method: the network, and features under dropout."""

from dropleak import tables
from dropleak.illustration import features_table, network_table
from dropleak.joblog import job_log
from dropleak.schemas import IMAGES

with job_log(snakemake.log[0]):
    images = tables.read(snakemake.input.images, IMAGES)
    known = tables.metadata(images)
    params = snakemake.params
    first = images.take([params.image])
    network = network_table(tuple(known["shape"]), len(known["classes"]))
    tables.write(network, snakemake.output.network)
    tables.write(features_table(first, params.rates, params.seed), snakemake.output.features)

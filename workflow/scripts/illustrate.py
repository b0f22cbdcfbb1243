"""Tables behind the figures of the method: the network, and features under dropout."""

from dropleak import tables
from dropleak.experiment import Client
from dropleak.illustration import features_table, network_table
from dropleak.joblog import job_log
from dropleak.schemas import IMAGES

with job_log(snakemake.log[0]):
    images = tables.read(snakemake.input.images, IMAGES)
    known = tables.metadata(images)
    params = snakemake.params
    first = images.take([params.image])
    network = Client(**params.client).build(known)
    tables.write(network_table(network), snakemake.output.network)
    features = features_table(network, first, params.rates, params.seed)
    tables.write(features, snakemake.output.features)

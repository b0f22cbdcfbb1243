"""Tables behind the figures of the method: the network, and features under dropout."""

from dropleak import imagetable, tables
from dropleak.experiment import Client
from dropleak.illustration import features_table, network_table
from dropleak.joblog import job_log

with job_log(snakemake.log[0]):
    params = snakemake.params
    first = imagetable.read(snakemake.input.images, [params.image])
    network = Client(**params.client).build(tables.metadata(first))
    tables.write(network_table(network), snakemake.output.network)
    features = features_table(network, first, params.rates, params.seed)
    tables.write(features, snakemake.output.features)

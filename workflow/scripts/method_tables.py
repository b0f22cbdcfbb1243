"""Tables behind the figures of the method: the network, and features under dropout."""

from dropleak.data import imagetable
from dropleak.engine.client.client import Client
from dropleak.jobs.images import network_of
from dropleak.jobs.method_tables import features_table, network_table
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet

with job_log(snakemake.log[0]):
    params = snakemake.params
    first = imagetable.read(snakemake.input.images, [params.image])
    network = network_of(Client(**params.client), first)
    parquet.write(network_table(network), snakemake.output.network)
    features = features_table(network, first, params.rates, params.seed)
    parquet.write(features, snakemake.output.features)

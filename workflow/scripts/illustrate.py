"""Tables behind the figures of the method: the network, and features under dropout."""

from dropleak.data import imagetable
from dropleak.engine.client.client import Client
from dropleak.jobs.illustration import features_table, network_table
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet

with job_log(snakemake.log[0]):
    params = snakemake.params
    first = imagetable.read(snakemake.input.images, [params.image])
    facts = parquet.metadata(first)
    network = Client(**params.client).build(tuple(facts["shape"]), len(facts["classes"]))
    parquet.write(network_table(network), snakemake.output.network)
    features = features_table(network, first, params.rates, params.seed)
    parquet.write(features, snakemake.output.features)

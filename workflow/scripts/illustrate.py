"""Tables behind the figures of the method: the network, and features under dropout."""

from dropleak.analysis.illustration import features_table, network_table
from dropleak.data import imagetable
from dropleak.jobs.experiment import Client
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet

with job_log(snakemake.log[0]):
    params = snakemake.params
    first = imagetable.read(snakemake.input.images, [params.image])
    network = Client(**params.client).build(parquet.metadata(first))
    parquet.write(network_table(network), snakemake.output.network)
    features = features_table(network, first, params.rates, params.seed)
    parquet.write(features, snakemake.output.features)

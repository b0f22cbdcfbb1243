"""Tables about networks: facts of all clients', layers and features of the first."""

from dropleak.data import imagetable
from dropleak.engine.client.client import Client
from dropleak.jobs.images import network_of
from dropleak.jobs.method_tables import clients_table, features_table, network_table
from dropleak.planning import config as configuration
from dropleak.planning import networks
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet, weights

with job_log(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    first = imagetable.read(snakemake.input.images, [params.image])
    settings = configuration.clients(snakemake.config)
    clients = {
        name: Client(**planned | networks.files(settings[name], planned))
        for name, planned in params.clients.items()
    }
    built = {name: network_of(client, first, params.seed) for name, client in clients.items()}
    network = next(iter(built.values()))
    parquet.write(clients_table(clients, built, params.trainings), output.clients)
    parquet.write(network_table(network), output.network)
    trained = dict(zip(params.rates, map(weights.read, snakemake.input.weights), strict=False))
    features = features_table(network, first, params.rates, params.seed, trained)
    parquet.write(features, output.features)

"""Train a network with one dropout rate, once for each seed, and keep weights of the first."""

import torch

from dropleak.data import imagetable
from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training
from dropleak.jobs.training import train_seeds
from dropleak.planning import config as configuration
from dropleak.planning import networks
from dropleak.report.provenance import revision
from dropleak.runtime import device
from dropleak.runtime.logging import job_log, progress
from dropleak.tables import parquet, weights

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    # From the configuration, not from params: files that move must not cause a rerun.
    client, *_ = configuration.clients_of_training(
        snakemake.config, wildcards.network, wildcards.dropout, wildcards.defence
    )
    files = networks.files(client, settings["client"])
    first, training = settings["seed"], Training(**settings["training"])
    with progress(settings["seeds"] * training.epochs, "epochs") as bar:
        table, kept = train_seeds(
            *map(imagetable.read, (snakemake.input.train, snakemake.input.test)),
            client=Client(**settings["client"] | files),
            rate=float(wildcards.rate),
            seeds=range(first, first + settings["seeds"]),
            training=training,
            device=device.choose(gpu=device.requested(snakemake.resources)),
            progress=bar.update,
            keep=[*settings.get("weights_after", []), training.epochs],
        )
    weights.write_epochs(snakemake.output.weights, kept, settings, revision())
    parquet.write(parquet.with_origin(table, settings, revision()), snakemake.output.table)

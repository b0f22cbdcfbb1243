"""Train the network with one dropout rate, once for each seed."""

import torch

from dropleak import device, imagetable, tables
from dropleak.experiment import Client, train_seeds
from dropleak.joblog import job_log, progress
from dropleak.report.provenance import revision
from dropleak.training import Training

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    settings = snakemake.params.settings
    first, training = settings["seed"], Training(**settings["training"])
    with progress(settings["seeds"] * training.epochs, "epochs") as bar:
        table = train_seeds(
            *map(imagetable.read, (snakemake.input.train, snakemake.input.test)),
            client=Client(**settings["client"]),
            rate=float(snakemake.wildcards.rate),
            seeds=range(first, first + settings["seeds"]),
            training=training,
            device=device.choose(gpu=device.requested(snakemake.resources)),
            progress=bar.update,
        )
    tables.write(tables.with_origin(table, settings, revision()), snakemake.output[0])

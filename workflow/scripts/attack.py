"""Attack one batch of images: one client, one attacker, one dropout rate."""

from functools import partial
from pathlib import Path

import torch

from dropleak.data import imagetable
from dropleak.jobs.attack import attack_job
from dropleak.planning import config as configuration
from dropleak.planning import networks
from dropleak.report.provenance import revision
from dropleak.runtime import device
from dropleak.runtime.logging import job_log, progress
from dropleak.tables import parquet, weights
from dropleak.tables.schemas import IMAGES

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    params, wildcards = snakemake.params, snakemake.wildcards
    # From the configuration, not from params: files that move must not cause a rerun.
    client = configuration.clients(snakemake.config)[wildcards.client]
    images = imagetable.read(snakemake.input.images, params.images)
    with progress(params.settings["iterations"], "iterations") as bar:
        table = attack_job(
            images,
            params.settings,
            names=(wildcards.client, wildcards.attacker),
            rate=float(wildcards.rate),
            device=device.choose(gpu=device.requested(snakemake.resources)),
            path=params.checkpoint,
            progress=lambda iteration: bar.update(iteration - bar.n),
            candidates=partial(parquet.parts, snakemake.input.images, IMAGES, ["pixels"]),
            files=networks.files(client, params.settings["client"]),
            weights=weights.read(*source.weights) if (source := snakemake.input).weights else None,
        )
    parquet.write(parquet.with_origin(table, params.settings, revision()), snakemake.output[0])
    Path(params.checkpoint).unlink(missing_ok=True)

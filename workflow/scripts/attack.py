"""Attack one batch of images with one attacker at one dropout rate."""

from pathlib import Path

import torch

from dropleak import device, imagetable, tables
from dropleak.job import attack_job
from dropleak.joblog import job_log, progress
from dropleak.report.provenance import revision

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    params, wildcards = snakemake.params, snakemake.wildcards
    images = imagetable.read(snakemake.input.images, params.images)
    with progress(params.settings["iterations"], "iterations") as bar:
        table = attack_job(
            images,
            params.settings,
            name=wildcards.attacker,
            rate=float(wildcards.rate),
            device=device.choose(gpu=device.requested(snakemake.resources)),
            path=params.checkpoint,
            progress=lambda iteration: bar.update(iteration - bar.n),
        )
    tables.write(tables.with_origin(table, params.settings, revision()), snakemake.output[0])
    Path(params.checkpoint).unlink(missing_ok=True)

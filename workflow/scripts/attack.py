"""Attack one batch of images with one attacker at one dropout rate."""

import torch

from dropleak import device, tables
from dropleak.attack.attacker import Attacker
from dropleak.experiment import Client, attack_images
from dropleak.joblog import job_log, progress
from dropleak.schemas import IMAGES

with job_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    params, wildcards = snakemake.params, snakemake.wildcards
    settings = params.settings
    images = tables.read(snakemake.input.images, IMAGES)
    with progress(settings["iterations"], "iterations") as bar:
        table = attack_images(
            images.take(params.images),
            name=wildcards.attacker,
            attacker=Attacker(**settings["attacker"]),
            client=Client(**settings["client"]),
            rate=float(wildcards.rate),
            seed=settings["seed"],
            iterations=settings["iterations"],
            precision=settings["precision"],
            device=device.choose(gpu=device.requested(snakemake.resources)),
            progress=lambda iteration: bar.update(iteration - bar.n),
        )
    tables.write(tables.with_settings(table, settings), snakemake.output[0])

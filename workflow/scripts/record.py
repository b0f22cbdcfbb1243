"""Record where results come from, when all of them are there."""

import json
from pathlib import Path

from dropleak.files import write_text
from dropleak.joblog import job_log
from dropleak.report import provenance
from dropleak.schemas import ATTACKS, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    record = provenance.gather(
        Path(output[0]).parent,
        config=params.config,
        engine_version=params.engine_version,
        data=source.data,
        results=source.results,
        attacks=provenance.jobs(source.attacks, ATTACKS),
        trainings=provenance.jobs(source.trainings, UTILITY),
    )
    write_text(output[0], json.dumps(record, indent=2) + "\n")

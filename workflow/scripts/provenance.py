"""Record where results come from once all of them exist, and show the summary."""

import json
import shutil
import sys
from pathlib import Path

from dropleak.report import provenance, verify
from dropleak.runtime.files import remove_partial_files, write_text
from dropleak.runtime.logging import job_log
from dropleak.tables.schemas import ATTACKS, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    folder = Path(output[0]).parent
    record = provenance.gather(
        folder,
        config=params.config,
        engine_version=params.engine_version,
        data=source.data,
        results=source.results,
        attacks=provenance.jobs(source.attacks, ATTACKS),
        trainings=provenance.jobs(source.trainings, UTILITY),
    )
    write_text(output[0], json.dumps(record, indent=2) + "\n")
    # All jobs have ended, so nothing needs what killed ones left behind.
    remove_partial_files(folder)
    shutil.rmtree(params.checkpoints, ignore_errors=True)

sys.stdout.reconfigure(errors="backslashreplace")  # a console may not have every character
print(f"\n{Path(source.summary).read_text(encoding='utf-8')}")
print(f"Tables are in {folder}/tables, figures in {folder}/figures.")
if others := verify.left_over(folder, source.results):
    print("These files are of earlier settings and do not belong to the results:")
    print(*others, sep="\n")

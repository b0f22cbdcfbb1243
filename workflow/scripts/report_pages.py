"""Write the report's pages, and the methods paragraph with its references."""

import pandas as pd

from dropleak.analysis.cautions import cautions
from dropleak.report import methods, pages, provenance
from dropleak.runtime.files import write_text
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, CLIENTS, IMAGES, SCHEMAS, UTILITY

KINDS = ["host", "device", "engine_version", "torch_version"]

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    # In one thread, so that sums are the same every time.
    kinds = StoredTable(source.attacks, ATTACKS).read([*KINDS, "seconds"]).group_by(KINDS, False)
    attacks = kinds.aggregate([("seconds", "sum")]).rename_columns([*KINDS, "seconds"]).to_pandas()
    utility = parquet.read(source.utility, UTILITY).to_pandas()
    versions, revision = provenance.versions(), provenance.revision()
    paragraph = methods.paragraph(
        config=params.config,
        clients=params.clients,
        attackers=params.attackers,
        networks=parquet.read(source.networks, CLIENTS).to_pandas(),
        dataset=params.dataset_name,
        shape=parquet.inspect(source.images, IMAGES)[0]["shape"],
        attacks=attacks,
        utility=utility,
        versions=versions,
        revision=revision,
    )
    references = methods.bibliography(paragraph)
    jobs = pd.concat({"attack": attacks, "train": utility}, names=["rule"])
    hours = jobs.groupby(["rule", "host", "device"])["seconds"].sum().div(3600).rename("hours")
    tables = {
        name: parquet.read(source[name], SCHEMAS[name])
        for name in ("summary", "comparison", "tradeoff", "defences", "claims", "interpretations")
    }
    write_text(output.methods, paragraph)
    write_text(output.references, references)
    write_text(
        output.findings,
        pages.findings(tables["claims"], cautions(tables["summary"], tables["tradeoff"])),
    )
    write_text(
        output.claims,
        pages.claims_page(
            tables["claims"], tables["interpretations"], params.config, params.dataset_name
        ),
    )
    for name in ("summary", "comparison", "tradeoff", "defences"):
        write_text(output[name], pages.table_page(tables[name], name.capitalize()))
    write_text(
        output.run,
        pages.run_page(
            config=params.config,
            methods=paragraph,
            references=references,
            summary=tables["summary"],
            hours=hours.reset_index(),
            versions=versions | revision | provenance.machine(),
        ),
    )

"""Write the report's pages, and the methods paragraph with its references."""

import pandas as pd

from dropleak import paper
from dropleak.analysis.answer import sentences
from dropleak.analysis.cautions import cautions
from dropleak.data import cifar10_subset
from dropleak.report import claims, methods, pages, presets, provenance, rst
from dropleak.report.columns import TABLES
from dropleak.report.pages import Embedded, Picture
from dropleak.runtime.files import write_text
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, CLIENTS, IMAGES, SCHEMAS, UTILITY

KINDS = ["host", "device", "engine_version", "torch_version"]

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    config, dataset = params.config, params.dataset_name
    # In one thread, so that sums are the same every time.
    kinds = StoredTable(source.attacks, ATTACKS).read([*KINDS, "seconds"]).group_by(KINDS, False)
    attacks = kinds.aggregate([("seconds", "sum")]).rename_columns([*KINDS, "seconds"]).to_pandas()
    utility = parquet.read(source.utility, UTILITY).to_pandas()
    tables = {
        name: parquet.read(source[name], SCHEMAS[name])
        for name in (*TABLES, "claims", "interpretations")
    }
    images = parquet.read(source.images, IMAGES)
    papers_images = config["data"]["source"] == paper.DATASET or cifar10_subset.is_test_part(images)
    versions, revision = provenance.versions(), provenance.revision()
    paragraph = methods.paragraph(
        config=config,
        clients=params.clients,
        attackers=params.attackers,
        networks=parquet.read(source.networks, CLIENTS).to_pandas(),
        dataset=dataset,
        shape=parquet.metadata(images)["shape"],
        attacks=attacks,
        utility=utility,
        versions=versions,
        revision=revision,
    )
    references = methods.bibliography(paragraph)
    write_text(output.methods, paragraph)
    write_text(output.references, references)

    glossary = presets.glossary(params.clients, params.attackers)
    sections = claims.sections(
        tables["claims"],
        params.clients,
        params.protocol,
        dataset=dataset,
        papers_images=papers_images,
    )
    picture = None
    if source.picture:
        (page,) = params.figures[params.cover].values()
        picture = Picture(params.cover, page, Embedded.read(source.picture[0]).uri)
    write_text(
        output.answer,
        pages.answer(
            config=config,
            dataset=dataset,
            sentences=sentences(
                tables["summary"], tables["tradeoff"], params.without_oracles, params.clients
            ),
            cautions=cautions(tables["summary"], tables["tradeoff"]),
            sections=sections,
            claims=output.claims,
            picture=picture,
            contents={title: {"": output[name]} for name, title in params.titles.items()}
            | params.figures,
            glossary=glossary,
        ),
    )
    write_text(
        output.claims,
        pages.claims_page(
            config=config,
            dataset=dataset,
            sections=sections,
            left_out=claims.left_out(tables["claims"]),
            interpretations=tables["interpretations"] if papers_images else None,
            files=[Embedded.read(source[f"{name}_csv"]) for name in ("claims", "interpretations")],
            glossary=glossary,
        ),
    )
    for name in TABLES:
        write_text(
            output[name],
            pages.table_page(
                name,
                title=params.titles[name],
                caption=rst.caption(f"{name}.rst", snakemake),
                table=tables[name],
                files=[Embedded.read(source[f"{name}_csv"])],
                glossary=glossary,
            ),
        )
    jobs = pd.concat({"attack": attacks, "train": utility}, names=["rule"])
    hours = jobs.groupby(["rule", "host", "device"])["seconds"].sum().div(3600).rename("hours")
    write_text(
        output.run,
        pages.run_page(
            config=config,
            methods=paragraph,
            references=references,
            summary=tables["summary"],
            hours=hours.reset_index(),
            versions=versions | revision | provenance.machine(),
            files=[Embedded.read(output.methods), Embedded.read(output.references)],
            glossary=glossary,
        ),
    )

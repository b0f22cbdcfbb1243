"""Draw one figure from its tables, and write its page with a caption that has their numbers."""

from pkgutil import resolve_name

from dropleak.data import imagetable
from dropleak.figures.style import save
from dropleak.report import pages, rst
from dropleak.runtime.files import write_text
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, IMAGES, SCHEMAS


def read(name, path):
    match name:
        case "attacks":
            return StoredTable(path, ATTACKS)
        case "images":
            return imagetable.read(path)
        case "labels":
            return parquet.read(path, IMAGES, ["label"])["label"]
    return parquet.read(path, SCHEMAS[name])


with job_log(snakemake.log[0]):
    inputs = {name: read(name, path) for name, path in snakemake.input.items()}
    params, output = snakemake.params, snakemake.output
    drawn = resolve_name(params.draws)(**inputs, **params.options)
    save(drawn, output.pdf, output.png)
    numbers = resolve_name(params.says)(**inputs, **params.options)
    write_text(output.numbers, f"{params.client}{numbers}\n")
    shown = f" ({', '.join(snakemake.wildcards)})" if snakemake.wildcards else ""
    write_text(
        output.page,
        pages.figure_page(
            title=f"{params.title}{shown}",
            caption=rst.caption(params.caption, snakemake),
            picture=output.png,
            files=[output.pdf, output.png],
            glossary=params.glossary,
        ),
    )

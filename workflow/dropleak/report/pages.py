"""Pages of the report: self-contained HTML."""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dropleak import formatting, paper
from dropleak.analysis.cautions import Caution
from dropleak.analysis.summary import STATUSES
from dropleak.assets import WORKFLOW
from dropleak.report.claims import Section
from dropleak.report.columns import TABLES

_TEMPLATES = Environment(
    loader=FileSystemLoader(WORKFLOW / "report"),
    autoescape=True,
    undefined=StrictUndefined,  # a column that is renamed must not leave a cell empty
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["number"] = formatting.number
_TEMPLATES.globals["interval"] = formatting.interval

Glossary = Sequence[tuple[str, str]]
"""Names of clients and attackers, each with a line in words (see `presets`)."""


class Embedded(NamedTuple):
    """A file in a page, to be shown or downloaded."""

    name: str
    uri: str
    """A data URI of its content."""

    @classmethod
    def read(cls, path: str | Path) -> "Embedded":
        """The file at a path."""
        kind = mimetypes.guess_type(path)[0] or "text/plain"
        content = base64.b64encode(Path(path).read_bytes()).decode()
        return cls(Path(path).name, f"data:{kind};base64,{content}")


class Picture(NamedTuple):
    """A figure on the first page."""

    title: str
    page: str
    """The file of the report that has it with its caption."""
    uri: str


def answer(
    *,
    config: dict,
    dataset: str,
    sentences: Sequence[str],
    cautions: Sequence[Caution],
    sections: Sequence[Section],
    claims: str,
    picture: Picture | None,
    contents: Mapping[str, Mapping[str, str]],
    glossary: Glossary,
) -> str:
    """The first page, as a part of Snakemake's: the answer, and links to all else.

    Args:
        config: complete.
        dataset: what the images are called.
        sentences: of the answer.
        cautions: about it.
        sections: of the claims.
        claims: the file of the report with the claims.
        picture: None if the experiment has no such figure.
        contents: files of the report by title and then by name, which is empty if there is one.
        glossary: of all clients and attackers.
    """
    return _TEMPLATES.get_template("answer.html").render(
        experiment=config["experiment"],
        images=formatting.count(config["images"], "image"),
        success_rmse=config["success_rmse"],
        dataset=dataset,
        sentences=sentences,
        cautions=cautions,
        sections=sections,
        claims=claims,
        picture=picture,
        contents=contents,
        glossary=glossary,
    )


def claims_page(
    *,
    config: dict,
    dataset: str,
    sections: Sequence[Section],
    left_out: int,
    interpretations: pa.Table | None,
    files: Sequence[Embedded],
    glossary: Glossary,
) -> str:
    """The claims, and interpretations of what the paper leaves open.

    Args:
        config: complete.
        dataset: what the images are called.
        sections: of the claims.
        left_out: number of claims that were not measured.
        interpretations: with the columns `schemas.INTERPRETATIONS`; None if the images are not the
            paper's.
        files: to download.
        glossary: of all clients and attackers.
    """
    return _TEMPLATES.get_template("claims.html").render(
        experiment=config["experiment"],
        images=formatting.count(config["images"], "image"),
        dataset=dataset,
        sections=sections,
        left_out=f"{formatting.count(left_out, 'claim')} could not be measured in this experiment.",
        papers_images=interpretations is not None,
        interpretations=interpretations.to_pylist() if interpretations else [],
        rates=list(paper.RMSE),
        published=formatting.series(f"{rmse} at {rate}" for rate, rmse in paper.RMSE.items()),
        files=files,
        glossary=glossary,
    )


def table_page(
    name: str,
    *,
    title: str,
    caption: str,
    table: pa.Table,
    files: Sequence[Embedded],
    glossary: Glossary,
) -> str:
    """A table.

    Args:
        name: in `columns.TABLES`.
        title: of the page.
        caption: HTML.
        table: with the columns of that name in `schemas.SCHEMAS`.
        files: to download.
        glossary: of all clients and attackers.
    """
    return _TEMPLATES.get_template("table.html").render(
        title=title,
        caption=caption,
        columns=TABLES[name],
        schema=table.schema,
        rows=table.to_pylist(),
        files=files,
        glossary=glossary,
    )


def figure_page(
    *, title: str, caption: str, picture: str, files: Sequence[str], glossary: Glossary
) -> str:
    """A figure beside its caption.

    Args:
        title: of the page.
        caption: HTML.
        picture: path of the bitmap.
        files: paths of files to download.
        glossary: of the clients and attackers in it.
    """
    return _TEMPLATES.get_template("figure.html").render(
        title=title,
        caption=caption,
        picture=Embedded.read(picture),
        files=[Embedded.read(path) for path in files],
        glossary=glossary,
    )


def run_page(
    *,
    config: dict,
    methods: str,
    references: str,
    summary: pa.Table,
    hours: pd.DataFrame,
    versions: dict[str, object],
    files: Sequence[Embedded],
    glossary: Glossary,
) -> str:
    """How a run was done: methods, outcomes, hours, versions, configuration, references.

    Args:
        config: complete.
        methods, references: LaTeX and BibTeX.
        summary: with the columns `schemas.SUMMARY`.
        hours: with the columns rule, host, device and hours.
        versions: of code, packages and machine, by name.
        files: to download.
        glossary: of all clients and attackers.
    """
    return _TEMPLATES.get_template("run.html").render(
        experiment=config["experiment"],
        methods=methods,
        references=references,
        outcomes=summary.to_pylist(),
        statuses=STATUSES,
        hours=hours.to_dict("records"),
        versions=versions,
        configuration=yaml.safe_dump(config, sort_keys=False),
        files=files,
        glossary=glossary,
    )

"""Pages of the report: self-contained HTML."""

from collections import Counter

import pandas as pd
import pyarrow as pa
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dropleak import formatting, paper
from dropleak.analysis.cautions import Caution
from dropleak.analysis.summary import STATUSES
from dropleak.assets import WORKFLOW

_TEMPLATES = Environment(
    loader=FileSystemLoader(WORKFLOW / "report"),
    autoescape=True,
    undefined=StrictUndefined,  # a column that is renamed must not leave a cell empty
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["number"] = formatting.number
_TEMPLATES.globals["interval"] = formatting.interval


def claims_page(claims: pa.Table, interpretations: pa.Table, config: dict, dataset: str) -> str:
    """The claims table and the interpretations table.

    Args:
        claims, interpretations: with the columns in `schemas`.
        config: complete.
        dataset: name of the images.
    """
    return _TEMPLATES.get_template("claims.html").render(
        claims=claims.to_pylist(),
        counts=verdict_counts(claims),
        interpretations=interpretations.to_pylist(),
        rates=list(paper.RMSE),
        published=formatting.series(f"{rmse} at {rate}" for rate, rmse in paper.RMSE.items()),
        experiment=config["experiment"],
        images=config["images"],
        dataset=dataset,
    )


def verdict_counts(claims: pa.Table) -> str:
    """The number of tests per verdict, in words."""
    counts = Counter(claims["verdict"].to_pylist())
    return formatting.series(
        f"{count} {'is' if count == 1 else 'are'} {verdict}" for verdict, count in counts.items()
    )


def table_page(table: pa.Table, title: str) -> str:
    """A table of scalars, its columns described as in its schema."""
    return _TEMPLATES.get_template("table.html").render(
        title=title,
        columns={field.name: field.metadata[b"description"].decode() for field in table.schema},
        rows=table.to_pylist(),
    )


def findings(claims: pa.Table, cautions: list[Caution]) -> str:
    """The verdicts in a sentence, and warnings about them, for the report's first page.

    Short, because Snakemake centres that page and hides the top of what is higher than a window.
    """
    sentences = [
        f"Of {len(claims)} tests of claims {verdict_counts(claims)}.",
        *(caution.problem for caution in cautions),
    ]
    return " ".join(sentences) + "\n"


def run_page(
    *,
    config: dict,
    methods: str,
    references: str,
    summary: pa.Table,
    hours: pd.DataFrame,
    versions: dict[str, object],
) -> str:
    """How a run was done: methods, outcomes, hours, versions, configuration.

    Args:
        config: complete.
        methods, references: LaTeX and BibTeX.
        summary: with the columns `schemas.SUMMARY`.
        hours: with the columns rule, host, device and hours.
        versions: of code, packages and machine, by name.
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
    )

"""Captions, which are reStructuredText, as HTML."""

from pathlib import Path
from typing import Any

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from dropleak.assets import WORKFLOW


def caption(name: str, snakemake: Any) -> str:
    """The caption of a job's result.

    Args:
        name: of the template, a file in workflow/report.
        snakemake: as in the job's script.
    """
    template = Path(WORKFLOW, "report", name).read_text(encoding="utf-8")
    # As Snakemake's, but a value that a job lacks is an error, not a gap in a sentence.
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    text = environment.from_string(template).render(snakemake=snakemake)
    return publish_parts(text, writer="html")["body"]

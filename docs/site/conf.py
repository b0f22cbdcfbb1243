"""The pages of the repository as a site: `make docs`."""

from pygments.lexers.python import PythonLexer
from sphinx.application import Sphinx

project = "Dropout against Deep Leakage from Gradients"
copyright = "the authors of dropleak"
extensions = ["myst_parser", "sphinx_external_toc"]
external_toc_path = "docs/site/toc.yml"
include_patterns = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("config/README.md", "benchmarks/README.md", "docs/*.md"),
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "dropleak"
html_additional_pages = {"index": "index.html"}
html_sidebars = {
    "**": [
        *("sidebar/brand.html", "sidebar/search.html", "sidebar/scroll-start.html"),
        *("sidebar/navigation.html", "example.html", "sidebar/scroll-end.html"),
    ]
}
templates_path = ["."]


def setup(app: Sphinx) -> None:
    app.add_lexer("snakemake", PythonLexer)  # Pygments has none for it

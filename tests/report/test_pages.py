"""Pages hold what they show and what can be downloaded."""

import base64
import re

from dropleak.analysis.cautions import Caution
from dropleak.report import pages
from dropleak.report.claims import Section
from dropleak.report.pages import Embedded, Picture
from dropleak.tables.schemas import CLAIMS

CONFIG = {"experiment": "pets", "images": 12, "success_rmse": 0.1}


def section(**values):
    """Of a claim with these values."""
    return Section("Claims of ours", "Not in the paper.", [dict.fromkeys(CLAIMS.names) | values])


def test_the_first_page_has_the_answer_with_warnings_and_verdicts():
    options = {
        "config": CONFIG,
        "dataset": "the folder <pets>",
        "sentences": ["idlg: 0% recovered, which means nothing: it fails."],
        "cautions": [Caution("It fails.", "Raise attack.iterations.")],
        "sections": [section(verdict="inconclusive")],
        "claims": "report/claims.html",
        "contents": {"Run": {"": "report/run.html"}, "Figure 4": {"lenet, idlg": "report/4.html"}},
        "glossary": [("idlg", "labels inferred")],
    }
    picture = Picture("Figure 7: all", "report/figure7.html", "data:image/png;base64,AA")
    page = pages.answer(**options, picture=picture)
    for text in (
        "12 images of the folder &lt;pets&gt;",
        "<li>idlg: 0% recovered, which means nothing: it fails.</li>",
        "<b>It fails.</b> Raise attack.iterations.",
        "data_uri+'#claims-1-inconclusive'",
        ">1 inconclusive</a>.",
        '<img src="data:image/png;base64,AA"',
        "results['report/run.html']",
        ">lenet, idlg</a>",
    ):
        assert text in page
    assert "<img" not in pages.answer(**options, picture=None)


def test_the_claims_page_gives_the_reason_of_a_verdict():
    page = pages.claims_page(
        config=CONFIG,
        dataset="photographs",
        sections=[section(verdict="inconclusive", reason="it fails", statement="It is private.")],
        left_out=2,
        interpretations=None,
        files=[],
        glossary=[],
    )
    assert "inconclusive<small>it fails</small>" in page
    assert "2 claims could not be measured in this experiment." in page
    assert "<th>Paper</th>" not in page
    assert "Interpretations" not in page


def test_a_file_is_embedded_with_its_name_and_kind(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_bytes(b"a,b\n1,2\n")
    file = Embedded.read(path)
    kind, _, content = file.uri.partition(";base64,")
    assert (file.name, kind) == ("summary.csv", "data:text/csv")
    assert base64.b64decode(content) == path.read_bytes()


def test_a_figures_page_has_picture_caption_files_and_who_is_in_it(tmp_path):
    for name in ("figure.png", "figure.pdf"):
        (tmp_path / name).write_bytes(name.encode())
    page = pages.figure_page(
        title="Figure 7: <a>",
        caption="<p>Of <em>3</em> images.</p>",
        picture=str(tmp_path / "figure.png"),
        files=[str(tmp_path / "figure.pdf")],
        glossary=[("idlg", "labels inferred & more")],
    )
    assert "<h1>Figure 7: &lt;a&gt;</h1>" in page
    assert "<p>Of <em>3</em> images.</p>" in page
    assert re.search(r'<img src="data:image/png;base64,\w', page)
    assert re.search(r'href="data:application/pdf;base64,[^"]+" download="figure.pdf"', page)
    assert "<dt>idlg</dt><dd>labels inferred &amp; more</dd>" in page

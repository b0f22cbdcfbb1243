"""Pages hold what they show and what can be downloaded."""

import base64
import re

from dropleak.report import pages
from dropleak.report.pages import Embedded


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

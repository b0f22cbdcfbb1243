"""A user's text appears in captions and in the methods paragraph as the user wrote it."""

import html
import re
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment
from places import ROOT

from dropleak.data import sources
from dropleak.planning.validation import complete
from dropleak.report import escape
from dropleak.report.methods import bibliography


def published(text):
    """The text as HTML; warnings of docutils are errors."""
    strict = {"halt_level": 2, "report_level": 2}
    return publish_parts(text, writer="html", settings_overrides=strict)["body"]


@pytest.mark.parametrize(
    "name",
    [
        *("pets_", "my_pets__", "`a`", "a `b`_", "``", "*x*", "a*b", "**", "|x|", "|x|_", "[1]_"),
        *("x::", "<x>", "a & b", "back\\slash", "\\", "$x^2$", "100%", "#1", "~", "{x}", "{{ x }}"),
        *(
            "a--b",
            ".. image:: x",
            "1. a",
            "- a",
            "me@here.org",
            "http://a.b/c_",
            ":math:`x`",
            "é 漢",
        ),
    ],
)
@pytest.mark.parametrize("sentence", ["{} first", "the folder {}, of", "({})", "{}"])
def test_restructured_text_shows_what_was_written(name, sentence):
    shown = published(sentence.replace("{}", escape.rst(name)))
    text = html.unescape(re.sub(r"<[^>]+>", "", shown))
    assert " ".join(text.split()) == sentence.replace("{}", name)


CAPTIONS = sorted((ROOT / "workflow" / "report").glob("*.rst"))


@pytest.mark.parametrize("path", CAPTIONS, ids=lambda path: path.name)
@pytest.mark.parametrize("name", ["pets_", "`a` *b* |c| \\d {e} <f> _g", "1. $x_2$::"])
@pytest.mark.parametrize("clients", [["lenet"], ["lenet", "lenet-2"]])
def test_docutils_has_no_warning_about_a_caption(tmp_path, monkeypatch, path, name, clients):
    """Even with names that look like links."""
    monkeypatch.chdir(tmp_path)
    included = tmp_path / "results" / "x_" / "report" / "answer.html"
    included.parent.mkdir(parents=True)
    included.write_text("Of 2 tests.\n", encoding="utf-8")
    dataset = sources.dataset_name({"source": "folder", "root": str(tmp_path / name)})
    snakemake = SimpleNamespace(
        params=SimpleNamespace(dataset=escape.rst(dataset), iterations=40, options={"chosen": [1]}),
        wildcards=SimpleNamespace(attacker="mask-reading", rate="0.5"),
        output=SimpleNamespace(numbers=included),
        config=complete({"experiment": "x_", "clients": clients, "attackers": ["mask-reading"]}),
    )
    template = path.read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    shown = published(environment.from_string(template).render(snakemake=snakemake))
    assert "params.dataset" not in template or html.escape(name) in shown


@pytest.mark.parametrize("name", ["a_b^c~d\\e", "{x} & 100% #1", "<a|b>", "a--b---c", "é"])
def test_plain_words_are_what_was_written(name):
    sentence = rf"Images of \texttt{{{escape.latex(name)}}} \cite{{zhu2019deep}}, $2 \times 3$."
    assert escape.plain(sentence) == f"Images of {name}, 2 × 3."


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a_b^c~d\\e", r"a\_b\textasciicircum{}c\textasciitilde{}d\textbackslash{}e"),
        ("{x} & 100% #1 $y$", r"\{x\} \& 100\% \#1 \$y\$"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("a--b---c", "a-{}-b-{}-{}-c"),
        ("\\cite{zhu2019deep}", r"\textbackslash{}cite\{zhu2019deep\}"),
    ],
)
def test_latex_shows_what_was_written(name, written):
    assert escape.latex(name) == written
    assert bibliography(escape.latex(name)).strip() == ""

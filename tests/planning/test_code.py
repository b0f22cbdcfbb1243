"""The code that counts as a job's."""

import shutil

import pytest
from places import ROOT

from dropleak.errors import InputError
from dropleak.planning import code
from dropleak.report import figures as registry


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    """A copy of the workflow's code that tests may change."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=ignored)
    monkeypatch.setattr(code, "WORKFLOW", tmp_path / "workflow")
    monkeypatch.setattr(code, "LIBRARY", tmp_path / "workflow" / "dropleak")
    return tmp_path / "workflow"


def digests():
    code._parse.cache_clear()
    digests = {
        name: code.digest(f"{name}.py") for name in ("summarise", "evaluate_claims", "tradeoff")
    }
    for figure in registry.FIGURES:
        if (name := f"figure {figure.name}") in FIGURES:
            digests[name] = code.digest("figure.py", [figure.draws, figure.says])
    return digests


RMSE = {"figure rmse-by-rate", "figure rmse-by-iteration"}
FIGURES = RMSE | {"figure network"}
CLAIMS = FIGURES | {"evaluate_claims", "tradeoff"}
EVERYTHING = CLAIMS | {"summarise"}


@pytest.mark.parametrize(
    ("file", "old", "new", "affected"),
    [
        ("dropleak/figures/rmse.py", "_EARLY = 100", "_EARLY = 99", RMSE),
        ("dropleak/figures/style.py", "WIDTH = ", "WIDTH = 1 + ", FIGURES),
        ("dropleak/report/captions.py", "It has", "This has", FIGURES),
        ("dropleak/analysis/statistics.py", "(1 + confidence) / 2", "confidence", EVERYTHING),
        ("dropleak/analysis/claims/verdicts.py", "RARE = 0.05", "RARE = 0.01", CLAIMS),
        ("dropleak/engine/folders.py", "os.replace(", "os.rename(", EVERYTHING),
        ("scripts/tradeoff.py", "attacked = ", "attacked = 1 * ", {"tradeoff"}),
        (
            "dropleak/analysis/statistics.py",
            "k = matrix.shape[1]\n",
            "k = matrix.shape[1]  # many\n",
            set(),
        ),
        (
            "dropleak/engine/attack/lbfgs.py",
            "history_size: int = 100",
            "history_size: int = 9",
            set(),
        ),
    ],
)
def test_a_change_affects_the_jobs_that_import_it(workflow, file, old, new, affected):
    before = digests()
    text = (workflow / file).read_text(encoding="utf-8")
    assert old in text
    (workflow / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    after = digests()
    assert {name for name in before if before[name] != after[name]} == affected


def test_files_that_the_code_reads_count(workflow):
    def digest():
        return code.digest("report_pages.py", files=["report/claims.html"])

    before = digest()
    assert before == digest()
    with (workflow / "report" / "claims.html").open("a", encoding="utf-8") as file:
        file.write("<p>")
    assert digest() != before


@pytest.mark.parametrize("name", ["{x}", "{", "a}b", "{{x}}"])
def test_a_workflow_below_braces_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="braces in this path"):
        code.refuse_braces(tmp_path / name / "workflow")
    code.refuse_braces(tmp_path / "[x] (y)" / "workflow")

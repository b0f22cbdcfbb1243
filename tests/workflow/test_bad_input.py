"""Bad input ends a run before any attack, with one message that says what to do."""

import ast
import contextlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from bad import Payload, circles, image_tree, picture, with_value
from places import ROOT
from runner import run

from dropleak.planning import grid
from dropleak.planning.layout import Layout
from dropleak.planning.validation import complete
from dropleak.tables import parquet

SNAKEFILE = ROOT / "Snakefile"


def fails(folder, *arguments, words):
    """Check that a run fails with one message and writes nothing."""
    result = run("--snakefile", SNAKEFILE, *arguments, cwd=folder, succeeds=False)
    output = result.stdout + result.stderr
    for word in words:
        assert word in output
    assert output.count(words[0]) == 1
    assert "Traceback" not in output
    assert not [path for path in folder.glob("results/**/*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- experiment\n- images\n", ["Config file must be given as JSON or YAML with keys"]),
        ("", ["Config file must be given as JSON or YAML with keys"]),
        ("experiment: [x\n", ["Config file is not valid JSON or YAML"]),
        ("experiment: x\nseed: 1\nseed: 2\n", ["line 3: seed appears twice"]),
        ('experiment: "x\\n"\nimages: 0', ['experiment: "x\\n" is not allowed', "images: 0"]),
    ],
)
def test_a_configuration_ends_a_run(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    fails(tmp_path, "--cores", "1", "--configfile", "c.yaml", words=words)


def test_a_number_on_the_command_line_ends_a_run(tmp_path, small):
    result = run(*small, "--config", "images=-3", "--cores", "1", cwd=tmp_path, succeeds=False)
    assert "images: -3 is outside what is allowed: at least 1" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "results").exists()


def folder_configuration(path, root):
    settings = yaml.safe_load(Path(__file__).with_name("small.yaml").read_text(encoding="utf-8"))
    path.write_text(
        yaml.safe_dump(settings | {"data": {"source": "folder", "root": str(root)}}),
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (circles, ["is a link to a folder that contains it; remove it"]),
        (
            lambda root: picture((8, 8, 4)).save(root / "test" / "a" / "2 '\n$(touch x).png"),
            ["$(touch x).png: is transparent in places"],
        ),
    ],
    ids=["planning", "job"],
)
def test_a_folder_ends_a_run(tmp_path, spoil, words):
    root = image_tree(tmp_path / "images")
    for number in (2, 3, 4):
        picture().save(root / "test" / "b" / f"{number}.png")
    spoil(root)
    folder_configuration(tmp_path / "c.yaml", root)
    fails(tmp_path, "--cores", "1", "--configfile", "c.yaml", words=words)
    assert not list(tmp_path.rglob("x"))


def one_batch(layout):
    """The file of one attack job."""
    return f"{layout.attacks['lenet', 'idlg'].path}/rate-0.5/images-0-2.parquet"


@pytest.mark.slow
def test_a_corrupt_row_ends_a_run(tmp_path, small, digits):
    config = complete(yaml.safe_load(small[-1].read_text(encoding="utf-8")))
    layout = Layout(config)
    for part, table in digits.items():
        row = grid.selection(len(table), config["seed"])[0]
        spoilt = with_value("pixels", row, b"short")(table) if part == "test" else table
        path = tmp_path / layout.images.path / f"{part}.parquet"
        parquet.write(parquet.with_origin(spoilt, layout.images.settings), path)
    result = run(one_batch(layout), *small, "--cores", "1", cwd=tmp_path, succeeds=False)
    assert result.stderr.count("test.parquet: row") == 1
    assert "has a wrong number of pixels; delete it and run again" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("images-*.parquet"))


@pytest.mark.slow
def test_odd_names_and_files_do_not_end_a_run(tmp_path):
    """Names that would break a shell command, and a pickle in the place of a table."""
    folder = tmp_path / 'it\'s $(touch x) "q"\n ü'
    folder.mkdir()
    root = image_tree(folder / "-my $x_% im's")
    for number in (2, 3):
        picture().save(root / "test" / "a" / f"$(touch x) {number}.png")
    (root / "test" / "a" / "notes.txt").touch()
    folder_configuration(folder / "c 'f.yaml", "-my $$x_% im's")
    with contextlib.chdir(folder):
        config = yaml.safe_load(Path("c 'f.yaml").read_text(encoding="utf-8"))
        layout = Layout(complete(config))
    path = folder / layout.images.path / "test.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(Payload(folder / "x")))
    arguments = ("--snakefile", SNAKEFILE, "--configfile", "c 'f.yaml", "--cores", "1")
    result = run(one_batch(layout), *arguments, cwd=folder)
    assert "test.parquet: is damaged" in result.stderr
    assert result.stderr.count("1 .txt, for example") == 1
    assert len(pd.read_parquet(folder / one_batch(layout))) == 2
    assert not list(tmp_path.rglob("x"))


def test_make_quotes_names_for_the_shell(tmp_path):
    bin = tmp_path / "environment" / "bin"
    bin.mkdir(parents=True)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "environment" / "installed").touch()  # newer than its prerequisite
    (bin / "python").symlink_to(sys.executable)
    (bin / "snakemake").write_text('#!/bin/sh\nprintf "<%s>" "$@" >> said\n', encoding="utf-8")
    (bin / "snakemake").chmod(0o755)
    config = tmp_path / "a 'b\"; touch x.yaml"
    config.write_text("experiment: my\n", encoding="utf-8")
    subprocess.run(
        ["make", "-f", ROOT / "Makefile", "report", "VENV=environment", f"CONFIG={config}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "said").read_text(encoding="utf-8") == (
        f"<--cores><all><--configfile><{config}>"
        f"<--configfile><{config}><--report><results/my/report.html>"
    )
    assert not (tmp_path / "x").exists()


_UNSAFE = {"pickle", "dill", "joblib", "marshal", "shelve", "system", "popen", "eval", "exec"}
_LOADERS = {"np.load", "numpy.load", "yaml.load", "yaml.full_load"}


def test_nothing_in_the_workflow_starts_a_shell_or_unpickles():
    for path in (ROOT / "workflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names) | ast.ImportFrom(names=names):
                    used = {alias.name.partition(".")[0] for alias in names}
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    used = {name, ast.unparse(node)}
                case ast.keyword(arg="shell"):
                    used = {"eval"}
                case _:
                    continue
            assert not used & (_UNSAFE | _LOADERS), f"{path}: {ast.unparse(node)}"
    rules = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk"), ROOT / "workflow/Snakefile"]
    for path in rules:
        assert not re.search(
            r"\bshell\b\s*[:(]|^\s*run:", path.read_text(encoding="utf-8"), re.MULTILINE
        ), path


def test_torch_reads_weights_alone():
    loads = [
        node
        for path in (ROOT / "workflow").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert loads
    for node in loads:
        (only,) = (word.value for word in node.keywords if word.arg == "weights_only")
        assert ast.literal_eval(only) is True

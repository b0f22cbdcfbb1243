"""The commands in the documentation work, and everything it refers to exists."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from PIL import Image
from places import ROOT
from pyarrow import parquet

from dropleak.docs import markdown, results
from dropleak.planning.schema import load_presets

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(ROOT / name for name in ("config/README.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
LIBRARY = ROOT / "workflow" / "dropleak"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```\n", flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
SHELL = ("", "sh", "bash", "shell", "console")
COMMANDS = ("snakemake ", "make ", "python ", "pip ")
OPTIONS = re.compile(r"--[a-z-]+ .+")

NOT_RUN = {
    "git clone <this repository> dropleak && cd dropleak": "the test runs in a copy",
    "python3 -m venv .venv && .venv/bin/pip install --requirement requirements.txt": "takes 5 GB",
    "pip install -r requirements.txt": "takes 5 GB",
    "pip install git+https://github.com/<owner>/<repository>@<version>": "see test_as_module.py",
    "python -m dropleak.report.verify --configfile FILE": "see test_provenance.py",
    "pip install pre-commit && pre-commit install": "changes the clone",
    "source .venv/bin/activate": "changes the user's shell",
    "python -m dropleak.data.cifar10_subset ../shared/cifar10-subset": "see its tests",
    "python benchmarks/scale.py ATTACKS FOLDER": "see test_benchmark.py",
    "python benchmarks/separation.py ../shared/cifar10-subset": "takes minutes",
    "python benchmarks/early_stopping.py": "takes minutes, and needs photographs",
    "python benchmarks/gpu.py": "takes minutes; see test_benchmark.py",
    "python benchmarks/bench.py --rounds 1 --iterations 5800": "takes half an hour",
    "python benchmarks/networks.py lenet mlp --threads 1 --clients 1 8 32": "takes minutes",
    "python benchmarks/networks.py convnet resnet18 --threads 1 --clients 1 4": "takes minutes",
    "python benchmarks/networks.py vit --threads 1 --clients 1 8": "takes minutes",
    "python examples/train_small_cnn.py": "see test_your_model.py",
    "pip install snakemake-logger-plugin-rich": "changes the environment",
    "snakemake --cores all --logger rich": "needs that plugin",
    "snakemake --report report.html": "needs a finished run; see test_report.py",
    "snakemake figure13 --cores all": "is added by docs/extend.md; see test_extend_page.py",
    "snakemake --software-deployment-method conda": "needs conda",
}
"""Commands that are not run here, with the reason."""


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("\n", page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks and the commands in its sentences, without comments."""
    text = prose(page)
    blocks = [
        code
        for language, code in FENCE.findall(page.read_text(encoding="utf-8"))
        if language in SHELL
    ]
    blocks += re.findall(r"(?<=\n\n)(?: {4}.*\n)+", text)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    inline = [" ".join(code.split()) for code in CODE.findall(text)]
    lines += [code for code in inline if code.startswith(COMMANDS)]
    lines += [f"snakemake {code}" for code in inline if OPTIONS.fullmatch(code)]
    return lines


FOUND = {command: page for page in reversed(PAGES) for command in commands(page)}
"""The first page that has each command."""


def to_run(program: str) -> list[str]:
    """The commands that run a program."""
    return [command for command in FOUND.keys() - NOT_RUN if command.startswith(f"{program} ")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the repository, without its tests, that commands may write to."""
    folder = tmp_path_factory.mktemp("docs") / "checkout"
    folders = ("workflow", "config", "docs", "envs", "examples", "benchmarks", "profiles", "slurm")
    for name in folders:
        ignored = shutil.ignore_patterns("__pycache__", "images.npz", "latest.json")
        if (ROOT / name).is_symlink():
            os.symlink(os.readlink(ROOT / name), folder / name)
        else:
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Snakefile", "Makefile", "requirements.txt", "README.md"):
        shutil.copy(ROOT / name, folder)
    return folder


def shell(command: str, folder: Path, succeeds: bool = True) -> subprocess.CompletedProcess:
    """Run a command as a user would in an installed clone, and check its exit status."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    library = str(folder / "workflow")
    result = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": library},
        capture_output=True,
        text=True,
    )
    assert (result.returncode == 0) == succeeds, result.stdout + result.stderr
    return result


def test_every_command_is_tested():
    tested = {*NOT_RUN, *PYTHON, *to_run("snakemake"), *to_run("make")}
    for command, page in FOUND.items():
        assert command in tested, f"{page.relative_to(ROOT)}: nothing here tests: {command}"


def test_every_tested_command_is_on_a_page():
    assert {*NOT_RUN, *PYTHON} <= FOUND.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", sorted({command.removesuffix(" --dry-run") for command in to_run("snakemake")})
)
def test_snakemake_commands_can_be_planned(checkout, command):
    """A dry run with the profile of Slurm clusters needs no Slurm."""
    if "mine.yaml" in command:
        write_own_experiment(checkout)
    photographs = ("reference", "clients", "dia", "separation")
    if any(f"{name}.yaml" in command for name in photographs):
        pictures(checkout.parent / "shared" / "cifar10-subset", 256)
    command = command.replace("/scratch/me", str(checkout.parent))
    done = shell(f"{command} --dry-run", checkout)
    if not command.endswith(("--unlock", "--quiet", "--list-rules")):
        assert re.search(r"^attack +\d+$", done.stdout, flags=re.MULTILINE)


def write_own_experiment(folder: Path) -> None:
    """The first configuration in config/README.md, with images for it."""
    page = (folder / "config" / "README.md").read_text(encoding="utf-8")
    first = next(code for language, code in FENCE.findall(page) if language == "yaml")
    settings = yaml.safe_load(first)
    settings["data"]["root"] = str(pictures(folder / "pictures", settings["images"]))
    (folder / "mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def pictures(root: Path, count: int) -> Path:
    """Black images in two classes, `count` in each part."""
    for part in ("train", "test"):
        for number in range(count):
            path = root / part / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32)).save(path)
    return root


@pytest.mark.parametrize("command", sorted(to_run("make")))
def test_make_has_the_target(checkout, command):
    assert "Nothing to be done" not in shell(f"{command} --dry-run", checkout).stdout


def rewrites_the_settings(command: str, checkout: Path) -> None:
    page = checkout / "config" / "README.md"
    before = page.read_text(encoding="utf-8")
    page.write_text(before.replace("| `seed` |", "| `sead` |"), encoding="utf-8")
    shell(command, checkout)
    assert page.read_text(encoding="utf-8") == before


def takes_over_a_run(command: str, checkout: Path) -> None:
    """From a run reconstructed from the kept results of the reference run."""
    kept, run = checkout / "docs" / "results", checkout / "results" / "reference"
    for name, ending in (("tables", "csv"), ("figures", "png")):
        (run / name).mkdir(parents=True)
        for path in kept.glob(f"*.{ending}"):
            path.rename(run / name / path.name)
    record = json.loads((kept / "run.json").read_text(encoding="utf-8"))
    for jobs in ("attacks", "trainings"):
        record[jobs] = [record[jobs] | {"device": record["devices"][0]}]
    record["machine"]["host"] = "here"
    record |= {"data": {}, "results": {}}
    (run / "provenance.json").write_text(json.dumps(record), encoding="utf-8")
    page = checkout / "docs" / "results.md"
    before = page.read_text(encoding="utf-8")
    markdown.replace(page, "claims", "")
    shell(command, checkout)
    assert page.read_text(encoding="utf-8") == before
    assert {path.name for path in kept.iterdir()} == {
        path.name for path in (ROOT / "docs" / "results").iterdir()
    }


def writes_images(command: str, checkout: Path) -> None:
    shell(command.replace("[FOLDER]", str(pictures(checkout / "pictures", 2))), checkout)
    with np.load(checkout / "benchmarks" / "images.npz") as written:
        assert {"digits_pixels", "photographs_pixels"} <= set(written)


def wants_photographs(command: str, checkout: Path) -> None:
    """Without photographs, because even very little work takes half a minute."""
    np.savez(checkout / "benchmarks" / "images.npz", digits_labels=[])
    assert "there are no photographs" in shell(command, checkout, succeeds=False).stderr


def compares_jobs(command: str, checkout: Path) -> None:
    logs, results = checkout / "logs/mine/attack", checkout / "results/mine/attacks"
    for folder in (logs, results):
        folder.mkdir(parents=True)
    parquet.write_table(pa.table({"seconds": [1.0, 2.0]}), results / "images-0-2.parquet")
    times = pd.DataFrame({"s": [5.0]})
    times.to_csv(logs / "images-0-2.benchmark.tsv", sep="\t", index=False)
    output = shell(command.replace("EXPERIMENT", "mine"), checkout).stdout
    assert "1 jobs: 5 s, of which the attack 3 s; fixed 2.0 s a job, 40.0%" in output


def lists_unused_results(command: str, checkout: Path) -> None:
    old = checkout / "results/demo/data/0123abcd/test.parquet"
    old.parent.mkdir(parents=True)
    old.touch()
    assert "results/demo/data/0123abcd\n" in shell(command, checkout).stdout
    assert old.exists()


def draws_the_cone(command: str, checkout: Path) -> None:
    picture = checkout / "docs" / "cone.png"
    picture.unlink()
    shell(command, checkout)
    with Image.open(picture) as drawn:
        assert drawn.width > 800


PYTHON = {
    "python -m dropleak.docs.cone": draws_the_cone,
    "python -m dropleak.docs.settings": rewrites_the_settings,
    "python -m dropleak.planning.inventory --configfile config/config.yaml": lists_unused_results,
    "python -m dropleak.docs.results results/reference": takes_over_a_run,
    "python benchmarks/images.py [FOLDER]": writes_images,
    "python benchmarks/agreement.py 64 2000": wants_photographs,
    "python benchmarks/jobs.py EXPERIMENT": compares_jobs,
}


@pytest.mark.parametrize("command", PYTHON)
def test_python_commands_work(checkout, command):
    PYTHON[command](command, checkout)


def test_pages_become_a_site(tmp_path):
    """Every page is in its table of contents, and every link between pages leads to something."""
    build = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-c", "docs/site"]
    subprocess.run(
        [*build, "-d", tmp_path / "doctrees", ".", tmp_path / "site"], cwd=ROOT, check=True
    )
    for page in PAGES:
        assert (tmp_path / "site" / page.relative_to(ROOT).with_suffix(".html")).exists()


@pytest.mark.parametrize("name", results.parts())
def test_pages_quote_the_kept_tables(name):
    pages = [page for page, names in results.PAGES.items() if name in names]
    assert pages
    for page in pages:
        assert markdown.part(page, name) == results.parts()[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{target} does not exist"
        assert not anchor or anchor in headings(file), f"{target}: no such heading"


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    texts = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_named_file_exists(page):
    made = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    made += [
        f"/{name}"
        for name in re.findall(r"^`(.*)`:\n\n```", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    for name in CODE.findall(prose(page)):
        if re.fullmatch(r"(?:workflow|config|tests|docs|benchmarks|envs)/[\w./-]*", name):
            assert (ROOT / name).exists() or f"/{name}" in made, f"{name} does not exist"


def test_the_walk_through_the_code_names_existing_functions():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (walk,) = re.findall(r"^## From .*?\n(?=## )", page, flags=re.MULTILINE | re.DOTALL)
    steps = re.findall(r"^\d+\. .*", walk, flags=re.MULTILINE)
    assert len(steps) == 10
    for step in steps:
        names = CODE.findall(step)
        files = [name for name in names if re.search(r"\w\.(py|smk|yaml)$", name)]
        paths = [ROOT / name if "workflow/" in name else LIBRARY / name for name in files]
        code = "".join(path.read_text(encoding="utf-8") for path in paths)
        for name in names:
            if name.isidentifier():
                assert re.search(rf"\b{name}\b", code), step


@pytest.mark.parametrize("name", [*load_presets("clients"), *load_presets("attackers")])
def test_every_preset_is_described(name):
    assert f"`{name}`" in (ROOT / "docs" / "method.md").read_text(encoding="utf-8")

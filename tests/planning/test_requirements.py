"""Pinned versions agree with each other and with the promised ranges."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from places import ROOT


def pins() -> dict[str, str]:
    """Versions in requirements.txt for Python 3.12 on Linux."""
    where = {"python_full_version": "3.12.0", "sys_platform": "linux"}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if re.match(r"[a-z]", line)]
    return {
        r.name: str(r.specifier).removeprefix("==")
        for r in requirements
        if not r.marker or r.marker.evaluate(where)
    }


@pytest.mark.parametrize("path", sorted((ROOT / "envs").iterdir()), ids=lambda path: path.name)
def test_conda_environments_have_the_pinned_versions(path):
    environment = yaml.safe_load(path.read_text(encoding="utf-8"))
    (pip,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    for line in pip:
        name, pinned = line.split("==")
        assert pins()[name] == pinned


def test_the_pinned_versions_are_in_the_promised_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = project["dependencies"] + project["optional-dependencies"]["test"]
    for requirement in map(Requirement, promised):
        assert pins()[requirement.name] in requirement.specifier


OTHERS = [
    "jsonschema",
    "matplotlib",
    "pandas",
    "PIL",
    "pyarrow",
    "scipy",
    "seaborn",
    "skimage",
    "sklearn",
    "snakemake",
    "torchvision",
    "tqdm",
    "yaml",
]


def test_the_attack_only_needs_torch_and_numpy():
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({OTHERS}))\n"  # None makes an import fail
        "import dropleak.engine.attack.reconstruct, dropleak.runtime.device\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

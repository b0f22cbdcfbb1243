"""Attacks on networks that the workflow has trained."""

import pytest
import yaml
from places import ROOT
from runner import counts, run

SETTINGS = {
    "experiment": "trained",
    "images": 2,
    "rates": [0.5],
    "clients": ["one"],
    "attackers": ["idlg"],
    "presets": {
        "clients": {
            name: {"weights": "trained", "epochs": epochs}
            for name, epochs in [("start", 0), ("one", 1)]
        }
    },
    "attack": {"iterations": 20},
    "utility": {"rates": [0.0], "seeds": 1, "epochs": 1, "batch_size": 256},
}


@pytest.fixture
def snakemake(tmp_path):
    """Run the attacks with some settings changed; returns Snakemake's output."""

    def with_settings(*arguments, clients=("one",), **utility):
        changes = {"clients": [*clients], "utility": SETTINGS["utility"] | utility}
        path = tmp_path / "trained.yaml"
        path.write_text(yaml.safe_dump(SETTINGS | changes), encoding="utf-8")
        given = ["attacks", "--snakefile", ROOT / "Snakefile", "--configfile", path, "--cores", "1"]
        return run(*given, *arguments, cwd=tmp_path).stdout

    return with_settings


def test_more_epochs_and_seeds_attack_nothing_again(snakemake, tmp_path):
    plan = {"train": 1, "weights": 1, "attack": 1, "images": 1, "attacks": 1}
    assert counts(snakemake("--dry-run")) == plan
    snakemake()
    (attack,) = tmp_path.glob("results/trained/attacks/one/**/*.parquet")
    (weights,) = tmp_path.glob("results/trained/weights/**/epoch-1.safetensors")
    made, content = attack.stat().st_mtime_ns, weights.read_bytes()
    more = {"clients": ("one", "start"), "seeds": 2, "epochs": 2}
    assert counts(snakemake("--dry-run", seeds=2)) == {"train": 1, "weights": 1}
    assert counts(snakemake("--dry-run", **more))["attack"] == 1
    snakemake(**more)
    assert attack.stat().st_mtime_ns == made
    assert weights.read_bytes() == content

"""Time and memory of each step after the attacks, and the size of files, by number of attacks.

    python benchmarks/scale.py ATTACKS FOLDER

Makes FOLDER and writes stub results of ATTACKS attacks there, 250 images a job, 14 KB each: two
attackers at five rates, or, where CIFAR-10 has too few test images, ten attackers at ten. Then
plans the experiment and runs what is missing, as a user would. Delete FOLDER afterwards.
"""

import json
import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

import library  # noqa: F401, which finds dropleak
from dropleak.planning.validation import complete

ATTACKERS = [
    *("idlg", "mask-reading", "idlg-ignore", "idlg-fixed", "dlg", "inverting-gradients"),
    *("dropout-inversion", "adaptive", "separation", "known-mask"),
]
RATES = [0.0, 0.2, 0.3, 0.4, 0.5, 0.1, 0.6, 0.7, 0.8, 0.9]
IMAGES = 10_000
"""In the test part of CIFAR-10."""
EXPERIMENT = "scale"
HERE = Path(__file__).resolve().parent


def configure(attacks: int) -> dict:
    """The configuration of an experiment with that many attacks."""
    attackers, rates = (ATTACKERS[:2], RATES[:5]) if attacks <= 10 * IMAGES else (ATTACKERS, RATES)
    return complete(
        {
            "experiment": EXPERIMENT,
            "data": {"source": "cifar10"},
            "images": attacks // (len(attackers) * len(rates)),
            "attackers": attackers,
            "rates": sorted(rates),
            "attack": {"iterations": 5800, "images_per_job": 250},
        }
    )


def write_stubs(folder: Path, config: dict) -> None:
    """Write the stub results, in a process whose memory does not count."""
    import stubs

    stubs.write(folder, config)


def snakemake(folder: Path, directory: Path, *options: str) -> tuple[float, float]:
    """Core seconds of Snakemake without its jobs, and the peak memory in MB.

    Args:
        folder: of the experiment's configuration.
        directory: to run in.
        options: of Snakemake.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", HERE.parent / "Snakefile"]
    files = ["--configfile", folder / "scale.json", "--directory", directory]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE / "usage"), str(HERE.parent / "workflow")]),
        "USAGE": str(folder / "usage.jsonl"),
    }
    with open(folder / "output.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, *files, *options, "all"], env=environment, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: see {log.name}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(attacks: int, folder: Path) -> None:
    """Print a table of all measurements."""
    config = configure(attacks)
    (folder / "empty").mkdir()
    (folder / "scale.json").write_text(json.dumps(config), encoding="utf-8")
    print(f"{attacks:,} attacks\n\n| step | jobs | core seconds each | MB |\n|---|---|---|---|")
    for name, directory in (("nothing made", folder / "empty"), ("attacks made", folder)):
        seconds, megabytes = snakemake(folder, directory, "--dry-run", "--quiet", "all")
        print(f"| plan, {name} | | {seconds:.1f} | {megabytes:.0f} |", flush=True)
    snakemake(folder, folder, "--cores", "1")
    used = pd.read_json(folder / "usage.jsonl", lines=True).groupby("rule", sort=False)
    for rule, jobs in used:
        seconds, megabytes = jobs["seconds"].mean(), jobs["megabytes"].max()
        print(f"| {rule} | {len(jobs)} | {seconds:.1f} | {megabytes:.0f} |")
    print("\n| files | number | MB |\n|---|---|---|")
    for name in ("attacks", "tables", "figures"):
        paths = (folder / "results" / EXPERIMENT / name).rglob("*")
        sizes = [path.stat().st_size for path in paths if path.is_file()]
        print(f"| {name} | {len(sizes):,} | {sum(sizes) / 1e6:,.1f} |")


def main(attacks: int, folder: Path) -> None:
    """Write stubs and measure."""
    folder.mkdir(parents=True)
    writer = get_context("spawn").Process(
        target=write_stubs, args=(folder.resolve(), configure(attacks))
    )
    writer.start()
    writer.join()
    measure(attacks, folder.resolve())


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit() or not 40 <= int(sys.argv[1]) <= 1_000_000:
        sys.exit("usage: scale.py ATTACKS FOLDER, with 40 to 1000000 attacks and a new folder")
    main(int(sys.argv[1]), Path(sys.argv[2]))

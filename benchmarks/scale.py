"""Time and memory of each step after the attacks, and the size of files, by number of attacks.

    python benchmarks/scale.py ATTACKS FOLDER

Makes FOLDER and writes stub results of ATTACKS attacks there, 250 images a job, 14 KB each: two
attackers at five rates, or, where CIFAR-10 has too few test images, ten attackers at ten. Then runs
the workflow's steps on them, each in a separate process, except those that need no attacks: method
tables and training. Delete FOLDER afterwards.
"""

import json
import os
import subprocess
import sys
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import library  # noqa: F401, which finds dropleak
from dropleak.planning import config as configuration
from dropleak.planning import grid
from dropleak.planning.layout import Layout
from dropleak.report.figures import FIGURES, Figure

ATTACKERS = [
    *("idlg", "mask-reading", "idlg-ignore", "idlg-fixed", "dlg", "inverting-gradients"),
    *("dropout-inversion", "adaptive", "separation", "known-mask"),
]
RATES = [0.0, 0.2, 0.3, 0.4, 0.5, 0.1, 0.6, 0.7, 0.8, 0.9]
IMAGES = 10_000
"""In the test part of CIFAR-10."""
RESULTS = "results/scale"
ATTACK_INDEX = f"{RESULTS}/tables/attacks.parquet/_metadata"
KINDS = ("pdf", "png", "numbers")
STUBLESS = (1, 2)
"""Figures that need no attacks."""


def configure(attacks: int) -> dict:
    """The configuration of an experiment with that many attacks."""
    attackers, rates = (ATTACKERS[:2], RATES[:5]) if attacks <= 10 * IMAGES else (ATTACKERS, RATES)
    return configuration.complete(
        {
            "experiment": Path(RESULTS).name,
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


def commands(folder: Path, config: dict) -> dict[str, list[str | Path]]:
    """The measured commands by name, to be run in the folder in this order."""
    images = config["images"]
    batches = grid.batches(images, config["attack"]["images_per_job"])
    layout = Layout(config)
    attacks = [
        f"{folder.path}/rate-{rate}/images-{batch}.parquet"
        for folder in layout.attacks.values()
        for rate in config["rates"]
        for batch in batches
    ]
    rates = config["utility"]["rates"]
    (trained,) = layout.trainings.values()
    trainings = [f"{trained.path}/rate-{rate}.parquet" for rate in rates]
    data = {part: f"{layout.images.path}/{part}.parquet" for part in ("train", "test")}
    selection = grid.selection(images, config["seed"])
    chosen = selection[: config["sample_images"]]
    success, tolerated = config["success_rmse"], config["utility"]["tolerated_loss"]
    attackers = {name: configuration.attackers(config)[name] for name in config["attackers"]}
    clients = {
        name: configuration.clients(config)[name] | {"rates": config["rates"]}
        for name in config["clients"]
    }

    def tables(*names: str, ending: str = "parquet") -> dict[str, str]:
        paths = {name: f"{RESULTS}/tables/{name.removesuffix('_csv')}.{ending}" for name in names}
        return paths | ({"attacks": ATTACK_INDEX} if "attacks" in names else {})

    numbers = count()

    def script(name: str, source: list | dict, output: list | dict, **params) -> list[str | Path]:
        """The command of a job, whose files and params are written to a JSON file."""
        job = folder / "jobs" / f"{next(numbers)}.json"
        arguments = {"input": source, "output": output, "params": params, "log": [f"{job}.log"]}
        job.write_text(json.dumps(arguments), encoding="utf-8")
        return [sys.executable, Path(__file__).with_name("script.py"), name, job]

    def draw(figure: Figure) -> list:
        source = tables(*figure.tables) | dict.fromkeys(("images", "labels"), data["test"])
        wildcards = figure.instances(clients, ATTACKERS[:1])[-1]
        output = {kind: f"{RESULTS}/figures/{figure.name}.{kind}" for kind in KINDS}
        return script(
            "figure.py",
            {name: source[name] for name in figure.tables},
            output,
            draws=figure.draws,
            says=figure.says,
            client="",
            options=figure.options(
                wildcards, clients=[client], attackers=[*attackers], chosen=chosen
            ),
        )

    def plan(directory: Path) -> list[str | Path]:
        snakefile = Path(__file__).parents[1] / "Snakefile"
        files = ["--configfile", folder / "scale.json", "--snakefile", snakefile]
        options = ["--directory", directory, *files, "--dry-run", "--quiet", "all"]
        return [sys.executable, "-m", "snakemake", *options]

    (folder / "scale.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "jobs").mkdir()
    (client,) = clients
    made = ("summary", "comparison", "tradeoff", "defences", "claims", "interpretations")
    pages = ("methods", "references", "findings", "run", *made[:-1])
    with_images = tables("attacks") | {"images": data["test"]}
    return {
        "plan, nothing made": plan(folder / "empty"),
        "plan, attacks made": plan(folder),
        "join attacks": script("join_attacks.py", attacks, [ATTACK_INDEX], images=images),
        "join utility": script("join_utility.py", trainings, [*tables("utility").values()]),
        "summarise": script(
            "summarise.py",
            tables("attacks"),
            {
                "parquet": f"{RESULTS}/tables/summary.parquet",
                "csv": f"{RESULTS}/tables/summary.csv",
                **tables("comparison"),
                **tables("comparison_csv", ending="csv"),
            },
            success_rmse=success,
            baseline=ATTACKERS[0],
        ),
        "tradeoff": script(
            "tradeoff.py",
            data | tables("attacks", "summary", "utility"),
            {
                **tables("mean_image"),
                "parquet": f"{RESULTS}/tables/tradeoff.parquet",
                "csv": f"{RESULTS}/tables/tradeoff.csv",
                "text": f"{RESULTS}/tables/summary.txt",
            },
            images=selection,
            clients=clients,
            tolerated_loss=tolerated,
            success_rmse=success,
        ),
        "defences": script(
            "defences.py",
            tables("summary", "tradeoff", "utility", "clients"),
            {
                "parquet": f"{RESULTS}/tables/defences.parquet",
                "csv": f"{RESULTS}/tables/defences.csv",
            },
            clients=clients,
            attackers=configuration.without_oracles(config),
        ),
        "evaluate_claims": script(
            "evaluate_claims.py",
            tables("attacks", "utility", "mean_image", "defences") | {"test": data["test"]},
            tables("claims", "interpretations")
            | tables("claims_csv", "interpretations_csv", ending="csv"),
            clients=clients,
            attacker=ATTACKERS[0],
            masks=configuration.interpretations(config),
            accounting=configuration.accounting(config),
            separating=configuration.separating(config),
            success_rmse=success,
            tolerated_loss=tolerated,
        ),
        **{
            f"Figure {figure.number}": draw(figure)
            for figure in FIGURES
            if figure.number not in STUBLESS and figure.applies(clients, attackers)
        },
        "report_pages": script(
            "report_pages.py",
            tables("utility", *made) | with_images | {"networks": tables("clients")["clients"]},
            {name: f"{RESULTS}/report/{name}" for name in pages},
            config=config,
            clients=clients,
            attackers=attackers,
            dataset_name="cifar10",
        ),
        "provenance": script(
            "provenance.py",
            {
                "data": list(data.values()),
                "attacks": attacks,
                "trainings": trainings,
                "summary": f"{RESULTS}/tables/summary.txt",
                "results": list(tables("attacks", "utility", "summary").values()),
            },
            [f"{RESULTS}/provenance.json"],
            checkpoints=f"{RESULTS}/checkpoints",
            config=config,
            engine_version=0,
        ),
    }


def measure(command: list[str | Path], folder: Path) -> tuple[float, float]:
    """Core seconds, and the peak memory in MB of the command or one of its children.

    Raises:
        SystemExit: it failed.
    """
    with open(folder / "output.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, command))}; see {log.name}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main(attacks: int, folder: Path) -> None:
    """Print a table of all measurements."""
    folder.mkdir(parents=True)
    folder, config = folder.resolve(), configure(attacks)
    writer = get_context("spawn").Process(target=write_stubs, args=(folder, config))
    writer.start()
    writer.join()
    print(f"{attacks:,} attacks\n\n| step | core seconds | MB |\n|---|---|---|")
    for name, command in commands(folder, config).items():
        seconds, megabytes = measure(command, folder)
        print(f"| {name} | {seconds:.1f} | {megabytes:.0f} |", flush=True)
    print("\n| files | number | MB |\n|---|---|---|")
    for name in ("attacks", "tables", "figures"):
        paths = (folder / RESULTS / name).rglob("*")
        sizes = [path.stat().st_size for path in paths if path.is_file()]
        print(f"| {name} | {len(sizes):,} | {sum(sizes) / 1e6:,.1f} |")


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit() or not 40 <= int(sys.argv[1]) <= 1_000_000:
        sys.exit("usage: scale.py ATTACKS FOLDER, with 40 to 1000000 attacks and a new folder")
    main(int(sys.argv[1]), Path(sys.argv[2]))

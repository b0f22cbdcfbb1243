import sys
import time
from os.path import exists

from dropleak.engine import defences
from dropleak.planning import grid, identity, resources
from dropleak.planning.versions import ENGINE_VERSION
from dropleak.report import escape, presets
from dropleak.runtime import slurm
from dropleak.runtime.hardware import has_gpu

STARTED = time.time()
RESULTS = f"results/{config['experiment']}"
LOGS = f"logs/{config['experiment']}"
# Settings of the presets that run, by name and in their order. Those of clients are in CLIENTS, and
# here with their networks as tables call them, for jobs that do not depend on where files are.
LABELLED = {name: networks.labelled(client) for name, client in CLIENTS.items()}
ATTACKERS = {
    name: configuration.attackers(config)[name]
    for name in configuration.attacking(config)
}
# The name of the images for captions. A function, because Snakemake takes braces in text for
# wildcards.
DATASET = lambda wildcards: escape.rst(sources.dataset_name(config["data"]))
SELECTION = grid.selection(sources.count_images(config["data"], "test"), config["seed"])
BATCH_SIZES = {
    name: min(
        config["images"],
        grid.batch_size(
            config["attack"]["images_per_job"], client["images_per_update"]
        ),
    )
    for name, client in CLIENTS.items()
}
# Jobs ask for a GPU if this machine has one. A cluster's profile sets the resource itself.
GPU = int(has_gpu())

ATTACK_MEMORY, ATTACK_RUNTIME = resources.attack(
    max(BATCH_SIZES.values()),
    IMAGE_VALUES,
    max(configuration.iterations_of(config, name) for name in ATTACKERS),
    config["attack"]["precision"],
    SIZES,
    max(attacker["restarts"] for attacker in ATTACKERS.values()),
)
TRAINING_MEMORY, TRAINING_RUNTIME = resources.training(
    sources.count_images(config["data"], "train"),
    IMAGE_VALUES,
    config["utility"]["batch_size"],
    config["utility"]["seeds"] * config["utility"]["epochs"],
    SIZES,
    max(defences.slowdown(client["defence"]) for client in CLIENTS.values()),
)


wildcard_constraints:
    client="|".join(CLIENTS),
    attacker="|".join(ATTACKERS),
    rate=r"[0-9.e-]+",
    epoch=r"\d+",
    batch=r"\d+-\d+",


def independent(wildcards, figure=None):
    """For captions: the independent units of intervals, for a figure's clients or for all."""
    shown, _ = figure.subjects(wildcards, CLIENTS) if figure else (CLIENTS, None)
    return configuration.independent(CLIENTS[name] for name in shown)


def explained(wildcards, figure):
    """For pages: a line on each client and attacker that a figure shows."""
    shown, attackers = figure.subjects(wildcards, CLIENTS)
    return presets.glossary(
        {name: CLIENTS[name] for name in shown},
        {name: ATTACKERS[name] for name in attackers if figure.of_attacks},
    )


def budget(wildcards, figure):
    """For captions: the iterations of the attacks that a figure shows, at most."""
    if not figure.of_attacks:
        return None
    _, attackers = figure.subjects(wildcards, CLIENTS)
    return max(configuration.iterations_of(config, name) for name in attackers)


def code_of(script, names=(), files=()):
    """For `params`: the digest of a job's code, computed only when Snakemake needs the job."""
    return lambda wildcards: code.digest(script, names, files)


def client_in_words(wildcards):
    """For captions: the client of a figure, if the experiment has several."""
    several = len(CLIENTS) > 1 and "client" in wildcards.keys()
    return f"The client is ``{wildcards.client}``. " if several else ""


def missing(wildcards):
    """Results that are missing. Snakemake makes them only for jobs that run, and for the target."""
    return [
        path
        for files in rules.provenance.input
        for path in (files(wildcards) if callable(files) else [files])
        if not exists(path)
    ]


def refuse_jobs_left_behind():
    """Stop if Slurm still has the same jobs from an earlier run that was killed."""
    try:
        slurm.refuse_left_behind(SETTINGS)
    except InputError as error:
        raise WorkflowError(str(error))


def print_reasons():
    """Print why Slurm ended jobs of this run: Snakemake only knows that they failed."""
    ended = slurm.reasons("logs/slurm", STARTED)
    if ended:
        print(
            "\nSlurm ended these jobs; --set-resources gives more (docs/cluster.md):",
            *ended,
            sep="\n  ",
            file=sys.stderr,
        )

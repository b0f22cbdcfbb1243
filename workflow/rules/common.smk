import sys
import time

from dropleak.planning import grid, resources
from dropleak.planning.versions import ENGINE_VERSION
from dropleak.report import escape
from dropleak.runtime import slurm
from dropleak.runtime.hardware import has_gpu

STARTED = time.time()
RESULTS = f"results/{config['experiment']}"
LOGS = f"logs/{config['experiment']}"
# Settings of the presets that run, by name and in their order.
CLIENTS = {name: configuration.clients(config)[name] for name in config["clients"]}
ATTACKERS = {
    name: configuration.attackers(config)[name] for name in config["attackers"]
}
# What captions call the images, for `params`: a function, as Snakemake takes braces in
# text for wildcards.
DATASET = lambda wildcards: escape.rst(sources.dataset_name(config["data"]))
RATES = [str(float(rate)) for rate in config["rates"]]
UTILITY_RATES = [str(float(rate)) for rate in config["utility"]["rates"]]
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
# Jobs take a GPU where this machine has one. A cluster's profile sets the resource itself.
GPU = int(has_gpu())

ATTACK_MEMORY, ATTACK_RUNTIME = resources.attack(
    max(BATCH_SIZES.values()),
    IMAGE_VALUES,
    config["attack"]["iterations"],
    config["attack"]["precision"],
    [client["network"] for client in CLIENTS.values()],
    max(attacker["restarts"] for attacker in ATTACKERS.values()),
)
TRAINING_MEMORY, TRAINING_RUNTIME = resources.training(
    sources.count_images(config["data"], "train"),
    IMAGE_VALUES,
    config["utility"]["batch_size"],
    config["utility"]["seeds"] * config["utility"]["epochs"],
)


wildcard_constraints:
    client="|".join(CLIENTS),
    attacker="|".join(ATTACKERS),
    rate=r"[0-9.e-]+",
    batch=r"\d+-\d+",


def independent(wildcards):
    """For captions: what intervals are over, for the client of a figure or for all of them."""
    shown = CLIENTS.keys() & {wildcards.get("client")} or CLIENTS
    return configuration.independent(CLIENTS[name] for name in shown)


def code_of(script, names=(), files=()):
    """For `params`: what `code.digest` says, but only when a job is looked at."""
    return lambda wildcards: code.digest(script, names, files)


def client_in_words(wildcards):
    """For captions: whom a figure shows, if the experiment has several clients."""
    several = len(CLIENTS) > 1 and "client" in wildcards.keys()
    return f"The client is ``{wildcards.client}``. " if several else ""


def refuse_jobs_left_behind():
    """Stop a run whose jobs an earlier one, that was killed, has still in Slurm."""
    try:
        slurm.refuse_left_behind(SETTINGS)
    except InputError as error:
        raise WorkflowError(str(error))


def print_reasons():
    """Why Slurm ended jobs of this run, as Snakemake knows only that they failed."""
    ended = slurm.reasons("logs/slurm", STARTED)
    if ended:
        print(
            "\nSlurm ended these jobs; --set-resources gives more (docs/cluster.md):",
            *ended,
            sep="\n  ",
            file=sys.stderr,
        )

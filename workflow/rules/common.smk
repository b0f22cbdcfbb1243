import sys
import time
from itertools import chain
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dropleak import config as configuration
from dropleak import grid, limits, slurm, sources
from dropleak.errors import InputError
from dropleak.hardware import has_gpu
from dropleak.versions import ENGINE_VERSION

slurm.become_own_array_task()

try:
    configuration.refuse_repeated_keys(workflow.configfiles)
    complete = configuration.complete(config)
    config.clear()
    config.update(complete)
    IMAGE_VALUES = grid.image_values(config["data"])
except InputError as error:
    raise WorkflowError(str(error))

STARTED = time.time()
RESULTS = f"results/{config['experiment']}"
LOGS = f"logs/{config['experiment']}"
ATTACKERS = configuration.attackers(config)
DATASET = grid.dataset_name(config["data"])
RATES = [str(float(rate)) for rate in config["rates"]]
UTILITY_RATES = [str(float(rate)) for rate in config["utility"]["rates"]]
SELECTION = grid.selection(grid.count_images(config["data"], "test"), config["seed"])
BATCH_SIZE = min(
    config["images"],
    grid.batch_size(
        config["attack"]["images_per_job"], config["client"]["images_per_update"]
    ),
)
# Jobs take a GPU where this machine has one. A cluster's profile sets the resource itself.
GPU = int(has_gpu())

ATTACK_MEMORY, ATTACK_RUNTIME = limits.attack(
    BATCH_SIZE,
    IMAGE_VALUES,
    config["attack"]["iterations"],
    config["attack"]["precision"],
    config["client"]["network"],
    max(ATTACKERS[name]["restarts"] for name in config["attackers"]),
)
TRAINING_MEMORY, TRAINING_RUNTIME = limits.training(
    grid.count_images(config["data"], "train"),
    IMAGE_VALUES,
    config["utility"]["batch_size"],
    config["utility"]["seeds"] * config["utility"]["epochs"],
)


wildcard_constraints:
    attacker="|".join(ATTACKERS),
    rate=r"[0-9.e-]+",
    batch=r"\d+-\d+",


def code_of(script, names=(), files=()):
    """For `params`: what `sources.digest` says, but only when a job is looked at."""
    return lambda wildcards: sources.digest(script, names, files)


def refuse_jobs_left_behind():
    """Stop a run whose jobs an earlier one, that was killed, has still in Slurm."""
    needed = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    noted = [id for job in needed for id in workflow.persistence.external_jobids(job)]
    try:
        slurm.refuse_left_behind(
            [*noted, *map(slurm.job_in_log, chain(*(job.log for job in needed)))]
        )
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


def print_outcome():
    """Show the summary, if this run had one to make, and where everything is."""
    path = Path(RESULTS, "tables", "summary.txt")
    if path.exists():
        text = path.read_text(encoding="utf-8")
        print(
            f"\n{text}\nTables are in {RESULTS}/tables, figures in {RESULTS}/figures."
        )

import os
import shutil
import sys
import time
from functools import cache
from itertools import chain
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from dropleak import config as configuration
from dropleak import files, grid, identity, limits, plan, slurm, sources
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
CHECKPOINTS = f"{RESULTS}/checkpoints"
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
ATTACK_SETTINGS = {
    name: identity.of_attack(config, name) for name in config["attackers"]
}
TRAINING_SETTINGS = identity.of_training(config)
IMAGES_SETTINGS = identity.of_images(config)

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


@cache
def survey():
    """What is there of this experiment. Snakemake is told what of it must be made anew."""
    found = plan.survey(
        RESULTS,
        attacks=ATTACK_SETTINGS,
        rates=RATES,
        images=config["images"],
        batch_size=BATCH_SIZE,
        training=TRAINING_SETTINGS,
        training_rates=UTILITY_RATES,
        data=IMAGES_SETTINGS,
    )
    for note in found.notes:
        logger.warning(note)
    workflow.dag.forcefiles.update(found.unusable)
    accept(found.usable & {*found.attacks, *found.trainings})
    return found


def accept(results):
    """Have Snakemake take results for finished that a run which was killed did not see end.

    It marks what a job makes as incomplete until it has seen it end, and would make it anew.
    """
    for result in workflow.persistence._filter_incomplete_keys(results):
        workflow.persistence._unmark_incomplete(result)


def tables_for(result, part):
    """An image table as input of the job that makes a result: none if that can be used as it is.

    Else Snakemake would take every result for outdated when the image table is made anew, be it
    with the same images. Whether they are the same is among a result's settings. Jobs have the
    table's name among their parameters, for runs that make usable results anew all the same.
    """

    def table(wildcards):
        dag = workflow.dag_settings
        anew = dag.forceall or dag.forcerun or dag.forcetargets
        if workflow.is_main_process and not anew:
            if result.format(**dict(wildcards.items())) in survey().usable:
                return []
        return f"{RESULTS}/data/{part}.parquet"

    return table


def attack_files(wildcards):
    """The files that hold every attack once, however they are cut."""
    return survey().attacks


def training_files(wildcards):
    """The files that hold the trainings."""
    return survey().trainings


def code_of(script, names=(), files=()):
    """For `params`: what `sources.digest` says, but only when a job is looked at."""
    return lambda wildcards: sources.digest(script, names, files)


def figure_code(figure):
    """For `params`: the code that draws a figure and says what it shows."""
    return code_of(
        "figure.py",
        [f"dropleak.figures.{figure}", f"dropleak.report.captions.{figure}"],
    )


def figure_labels(number, shows, attacker="all", rate="all"):
    """What a figure can be found by in the report."""
    return {"figure": number, "shows": shows, "attacker": attacker, "rate": rate}


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


def clean_up():
    """Remove what jobs that were killed have left, when no job can go on from it."""
    files.sweep(RESULTS)
    if all(map(os.path.exists, survey().attacks)):
        shutil.rmtree(CHECKPOINTS, ignore_errors=True)


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
    text = Path(RESULTS, "tables", "summary.txt")
    if text.exists():
        print(
            f"\n{text.read_text()}\nTables are in {RESULTS}/tables, figures in {RESULTS}/figures."
        )

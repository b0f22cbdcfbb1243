# What is there already, and what has to be made: see dropleak/plan.py.
import os
import shutil
from functools import cache

from snakemake.logging import logger

from dropleak import files, identity, plan

CHECKPOINTS = f"{RESULTS}/checkpoints"
IMAGES_SETTINGS = identity.of_images(config)
ATTACK_SETTINGS = {
    name: identity.of_attack(config, IMAGES_SETTINGS, name)
    for name in config["attackers"]
}
TRAINING_SETTINGS = identity.of_training(config, IMAGES_SETTINGS)


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


def clean_up():
    """Remove what jobs that were killed have left, when no job can go on from it."""
    files.sweep(RESULTS)
    if all(map(os.path.exists, survey().attacks)):
        shutil.rmtree(CHECKPOINTS, ignore_errors=True)

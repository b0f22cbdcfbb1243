# Existing results. Job files are in folders named by the settings that they depend on.
import re
from functools import cache
from os.path import exists, isfile

from snakemake.logging import logger

from dropleak.planning import inventory
from dropleak.planning.layout import Layout
from dropleak.tables.schemas import ATTACKS, IMAGES, SCHEMAS, UTILITY

LAYOUT = Layout(config)
CHECKPOINTS = f"{RESULTS}/checkpoints"
ATTACK_TABLE = f"{RESULTS}/tables/attacks.parquet"
# What is at the ends of all attack files; the table is a folder of links to them.
ATTACK_INDEX = f"{ATTACK_TABLE}/_metadata"
SETTINGS = {folder.digest: folder.settings for folder in LAYOUT}
# The files of the trainings, network by network, each with its folder.
TRAININGS = {
    f"{folder.path}/rate-{float(rate)}.parquet": folder
    for training, folder in LAYOUT.trainings.items()
    for rate in configuration.training_rates(config, *training)
}


wildcard_constraints:
    network="|".join(re.escape(network) for network, _, _ in LAYOUT.trainings),
    dropout="|".join(dropout for _, dropout, _ in LAYOUT.trainings),
    defence="|".join(re.escape(defence) for _, _, defence in LAYOUT.trainings),
    settings="|".join(SETTINGS),


def image_table(part):
    """The image table of a part of the data set, "train" or "test"."""
    return f"{LAYOUT.images.path}/{part}.parquet"


def trained_weights(client, *rates):
    """The files of the weights that a client is attacked with; none if it is not trained."""
    if client not in LAYOUT.weights:
        return []
    folder, epochs = LAYOUT.weights[client].path, CLIENTS[client]["epochs"]
    return [f"{folder}/rate-{float(rate)}/epoch-{epochs}.safetensors" for rate in rates]


def weights_in_training(wildcards):
    """The file that a training leaves weights in."""
    training = (wildcards.network, wildcards.dropout, wildcards.defence)
    return f"{LAYOUT.trainings[training].path}/rate-{wildcards.rate}.safetensors"


# All of them, each with its folder.
WEIGHTS = {
    path: folder
    for client, folder in LAYOUT.weights.items()
    for path in trained_weights(client, *CLIENTS[client]["rates"])
}


@cache
def attack_file_list():
    """The files that hold every attack once, in whatever batches; sets damaged files aside."""
    files = []
    for change in filter(None, map(inventory.new_settings, LAYOUT)):
        logger.info(change)
    for (client, _), folder in LAYOUT.attacks.items():
        for rate in CLIENTS[client]["rates"]:
            needed, damaged = inventory.attack_files(
                f"{folder.path}/rate-{float(rate)}",
                folder.settings,
                config["images"],
                BATCH_SIZES[client],
            )
            files += needed
            set_aside(damaged)
    return files


def attack_files(wildcards):
    """The files that hold the attacks, listed only when Snakemake asks for them."""
    return attack_file_list()


def set_aside(damaged):
    """Rename files that cannot be used, so that Snakemake makes them again."""
    for path, problem in damaged.items():
        try:
            logger.warning(inventory.set_aside(path, problem))
        except InputError as error:
            raise WorkflowError(str(error))


def unusable():
    """Problems of files whose names are the same whatever exists already, by path."""
    tables = {image_table(part): (IMAGES, LAYOUT.images) for part in ("train", "test")}
    tables |= {path: (UTILITY, folder) for path, folder in TRAININGS.items()}
    tables |= {
        f"{RESULTS}/tables/{name}.parquet": (schema, None)
        for name, schema in SCHEMAS.items()
        if name not in ("images", "attacks")
    }
    tables[ATTACK_INDEX] = (ATTACKS, None)
    problems = {
        path: inventory.damage(path, schema, folder and folder.settings)
        for path, (schema, folder) in tables.items()
        if exists(path)
    }
    weights = WEIGHTS | {
        path.replace(".parquet", ".safetensors"): folder
        for path, folder in TRAININGS.items()
    }
    problems |= {
        path: inventory.damage_of_weights(path, folder.settings)
        for path, folder in weights.items()
        if exists(path)
    }
    if isfile(ATTACK_TABLE):
        problems[ATTACK_TABLE] = f"{ATTACK_TABLE}: is a file, from an earlier version"
    return {path: problem for path, problem in problems.items() if problem}


set_aside(unusable())

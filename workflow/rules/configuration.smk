# The experiment's configuration, complete and checked. Only this file asks Snakemake how it was
# called: with which files, in the main process or a job's, as a module or by itself.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from dropleak.data import sources
from dropleak.errors import InputError
from dropleak.planning import code, networks, trial, validation, yaml_text
from dropleak.planning import config as configuration

# A file given with --configfile holds all that differs from the schema's defaults.
if not workflow.configfiles:

    configfile: workflow.source_path("../../config/config.yaml")


try:
    code.refuse_braces()
    # Files of a project that has this workflow as a module say more than its configuration.
    if workflow.modifier.is_main_snakefile():
        yaml_text.check(workflow.configfiles)
    folders = [Path(file).parent for file in workflow.configfiles]
    complete = validation.complete(config, folders)
    config.clear()
    config.update(complete)
    IMAGE_VALUES = sources.image_values(config["data"])
    CLIENTS = {
        name: configuration.clients(config)[name]
        | {
            "rates": configuration.rates_of(config, name),
            "attackers": configuration.attackers_of(config, name),
        }
        for name in config["clients"]
    }
    if workflow.is_main_process:
        for note in sources.check_headers(config["data"]):
            logger.warning(note)
    SIZES = trial.sizes(CLIENTS.values(), config, tries=workflow.is_main_process)
except InputError as error:
    raise WorkflowError(str(error))

from pathlib import Path

from snakemake.exceptions import WorkflowError

from dropleak import config as configuration
from dropleak import grid
from dropleak.attack import ENGINE_VERSION
from dropleak.errors import InputError
from dropleak.hardware import has_gpu

try:
    config.update(configuration.complete(config))
except InputError as error:
    raise WorkflowError(str(error))

RESULTS = f"results/{config['experiment']}"
LOGS = f"logs/{config['experiment']}"
ATTACKERS = configuration.attackers(config)
DATASET = grid.dataset_name(config["data"])
RATES = [str(float(rate)) for rate in config["rates"]]
UTILITY_RATES = [str(float(rate)) for rate in config["utility"]["rates"]]
SELECTION = grid.selection(grid.count_test_images(config["data"]), config["seed"])
BATCHES = grid.batches(config["images"], config["attack"]["images_per_job"])

# Jobs take a GPU where this machine has one. A cluster's profile sets the resource itself.
GPU = int(has_gpu())


wildcard_constraints:
    attacker="|".join(ATTACKERS),
    rate=r"[0-9.e-]+",
    batch=r"\d+-\d+",


def print_outcome():
    """Show the summary, if this run had one to make, and where everything is."""
    text = Path(RESULTS, "tables", "summary.txt")
    if text.exists():
        print(
            f"\n{text.read_text()}\nTables are in {RESULTS}/tables, figures in {RESULTS}/figures."
        )

"""Write images.npz: embedded digits, photographs from a folder, and the settings of the attackers.

    python benchmarks/images.py [FOLDER]

FOLDER holds test/<class>/<image>, 32x32 RGB. With images.npz the benchmark only needs torch and
numpy, and can run on a machine that has nothing else.
"""

import json
import sys

import numpy as np

import library  # noqa: F401, which finds dropleak
from dropleak.data.sources import image_tables
from dropleak.errors import InputError
from dropleak.planning import grid
from dropleak.planning.config import attackers
from dropleak.planning.validation import complete
from dropleak.tables import parquet
from workload import IMAGES

COUNT = 64
DEFAULTS = complete({"experiment": "bench"})


def arrays(name: str, source: str, root: str) -> dict[str, np.ndarray]:
    """Pixels and labels of some test images, chosen as an experiment with seed 0 would."""
    table = image_tables(source, root, None)["test"]
    chosen = table.take(grid.selection(len(table), 0)[:COUNT])
    pixels = parquet.decode_pixels(chosen["pixels"], parquet.metadata(table)["shape"])
    return {f"{name}_pixels": pixels, f"{name}_labels": chosen["label"].to_numpy()}


images = arrays("digits", "digits", "resources")
try:
    for folder in sys.argv[1:]:
        images |= arrays("photographs", "folder", folder)
except InputError as error:
    sys.exit(str(error))
presets = {
    name: {key: value for key, value in own.items() if key != "iterations"}
    for name, own in attackers(DEFAULTS).items()
}
np.savez(IMAGES, attackers=json.dumps(presets), **images)
print({name: values.shape for name, values in images.items()})

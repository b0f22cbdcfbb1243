"""Limits of a job's memory and time, estimated from its work, for clusters that need them.

The numbers are measurements on one CPU core with a margin, so that they also hold for slower
processors and without a compiler; GPUs are faster. All jobs of a rule get the limits of the
largest.
"""

from collections.abc import Iterable

from dropleak.engine.models.zoo import relative_cost

MARGIN = 4
"""Factor on the measured seconds, for a slower core, or torch in place of compiled code."""

SETUP_MINUTES = 10
"""Time to start on a cold file system; on a warm one it takes seconds."""

BASE_MB = 3000
"""torch, 0.9 GB as measured without a GPU, and its CUDA context."""


def attack(
    images: int,
    values: int,
    iterations: int,
    precision: str,
    networks: Iterable[str],
    restarts: int,
) -> tuple[int, int]:
    """Limits of an attack job.

    Measured per photograph of 3 x 32 x 32 in float32: 5 MB, and 0.33 ms per iteration; per digit of
    1 x 32 x 32: 0.21 ms. Line searches take 10% longer and optimised masks 25%, which the margin
    covers.

    Args:
        images: attacked in the job.
        values: numbers in one image, channels x height x width.
        iterations: budget of each attack.
        precision: "float32" or "float64".
        networks: names in `NETWORKS`; time is proportional to their multiplications.
        restarts: the largest number among the attackers.

    Returns:
        memory in MB and time in minutes.
    """
    width = {"float32": 4, "float64": 8}[precision]
    images *= restarts
    megabytes = images * 7 * values / 3072 * width / 4
    seconds = images * iterations * (0.15e-3 + 0.18e-3 * values / 3072)
    seconds *= max(map(relative_cost, networks))
    return BASE_MB + round(megabytes), SETUP_MINUTES + round(MARGIN * seconds / 60)


def training(images: int, values: int, batch_size: int, epochs: int) -> tuple[int, int]:
    """Limits of a training job.

    Measured for photographs of 3 x 32 x 32: 0.064 ms an image, 0.7 ms a step of the optimiser.

    Args:
        images: of the training part; memory holds both parts as float64 and as float32.
        values: numbers in one image.
        batch_size: images per step.
        epochs: of all the job's runs together.

    Returns:
        memory in MB and time in minutes.
    """
    megabytes = 2 * images * values * (8 + 4) / 1e6
    seconds = epochs * images * (0.064e-3 * values / 3072 + 0.7e-3 / batch_size)
    return BASE_MB + round(megabytes), SETUP_MINUTES + round(MARGIN * seconds / 60)

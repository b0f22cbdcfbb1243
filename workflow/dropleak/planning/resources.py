"""Limits of a job's memory and time, estimated from its work, for clusters that need them.

The numbers are measurements on one CPU core with a margin, so that they also hold for slower
processors and without a compiler; GPUs are faster. All jobs of a rule get the limits of the
largest.
"""

from collections.abc import Collection

from dropleak.planning.trial import Size

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
    networks: Collection[Size],
    restarts: int,
) -> tuple[int, int]:
    """Limits of an attack job.

    Measured per photograph of 3 x 32 x 32 in float32: 5 MB, and 0.33 ms per iteration; per digit of
    1 x 32 x 32: 0.21 ms. Line searches take 10% longer and optimised masks 25%, which the margin
    covers. Torch modules need memory for three copies of their gradient as well, and time to read
    it, 2 ns per parameter. Measured per iteration: 4 ms for mlp, 40 for vit, 160 for resnet18 and
    280 for convnet.

    Args:
        images: attacked in the job.
        values: numbers in one image, channels x height x width.
        iterations: budget of each attack.
        precision: "float32" or "float64".
        networks: sizes of the attacked ones; time is proportional to their multiplications.
        restarts: the largest number among the attackers.

    Returns:
        memory in MB and time in minutes.
    """
    width = {"float32": 4, "float64": 8}[precision]
    images *= restarts
    parameters = max(network.parameters for network in networks)
    megabytes = images * (7 * values / 3072 * width / 4 + 3 * width * parameters / 1e6)
    evaluation = 0.15e-3 + 0.18e-3 * values / 3072
    each = max(evaluation * network.cost + 2e-9 * network.parameters for network in networks)
    seconds = images * iterations * each
    return BASE_MB + round(megabytes), SETUP_MINUTES + round(MARGIN * seconds / 60)


def training(
    images: int,
    values: int,
    batch_size: int,
    epochs: int,
    networks: Collection[Size],
    slowdown: float = 1.0,
) -> tuple[int, int]:
    """Limits of a training job.

    Measured for lenet and photographs of 3 x 32 x 32: 0.064 ms an image, 0.7 ms a step of the
    optimiser.

    Args:
        images: of the training part; memory holds both parts as float64 and as float32.
        values: numbers in one image.
        batch_size: images per step.
        epochs: of all the job's runs together.
        networks: sizes of the trained ones.
        slowdown: by the defence of the gradients that takes longest.

    Returns:
        memory in MB and time in minutes.
    """
    megabytes = 2 * images * values * (8 + 4) / 1e6
    cost = max(network.cost for network in networks)
    seconds = epochs * images * (0.064e-3 * cost * values / 3072 + 0.7e-3 / batch_size) * slowdown
    return BASE_MB + round(megabytes), SETUP_MINUTES + round(MARGIN * seconds / 60)

"""Tables of trainings."""

from dropleak.tables import parquet
from dropleak.tables.schemas import UTILITY


def utility(rate, **metadata):
    """Of one training job: two epochs at a rate."""
    return parquet.build(
        UTILITY,
        {
            "network": ["lenet", "lenet"],
            "dropout": ["classifier", "classifier"],
            "defence": ["none", "none"],
            "dropout_rate": [rate, rate],
            "seed": [0, 0],
            "epoch": [1, 2],
            "train_loss": [2.0, 1.0],
            "test_accuracy": [0.1, 0.5],
            "seconds": [1.0, 1.0],
            "host": ["here", "here"],
            "device": ["cpu", "cpu"],
        },
        **({"dataset": "digits"} | metadata),
    )

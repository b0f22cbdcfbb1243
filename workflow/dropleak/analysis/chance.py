"""The accuracy of a network that has learnt nothing from its images."""

from dataclasses import dataclass

import numpy as np

from dropleak.analysis import statistics


@dataclass(frozen=True)
class Chance:
    """The accuracy of always predicting the most frequent class.

    Not one over the number of classes: a network that ignores its images can reach the share of the
    largest class. Each of its predictions is right with at most that probability, so its accuracy
    lies between `low` and `high` in 95 of 100 test sets of this size.
    """

    level: float
    low: float
    high: float
    images: int
    """Number of test images."""

    @classmethod
    def of(cls, labels: np.ndarray) -> "Chance":
        """The chance level for test images with these labels, [N]."""
        largest = np.unique(labels, return_counts=True)[1].max() / len(labels)
        return cls(float(largest), *statistics.share_range(len(labels), largest), len(labels))

    def explains(self, accuracy: float) -> bool:
        """Whether an accuracy is within the interval of chance, or below it."""
        return accuracy <= self.high

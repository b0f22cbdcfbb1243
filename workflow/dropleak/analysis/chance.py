"""The accuracy that a network reaches without having learnt anything from its images."""

from dataclasses import dataclass

import numpy as np

from dropleak.analysis import statistics


@dataclass(frozen=True)
class Chance:
    """The accuracy of always answering with the same class, the most frequent one.

    Not one over the number of classes: a network that ignores its images can have the share of the
    largest class. What knows no more is right on each image with that probability at most, so that
    its accuracy lies between `low` and `high` in 95 of 100 test sets of this size.
    """

    level: float
    low: float
    high: float
    images: int
    """Number of test images."""

    @classmethod
    def of(cls, labels: np.ndarray) -> "Chance":
        """Chance for test images with these labels, [N]."""
        largest = np.unique(labels, return_counts=True)[1].max() / len(labels)
        return cls(float(largest), *statistics.share_range(len(labels), largest), len(labels))

    def explains(self, accuracy: float) -> bool:
        """Whether an accuracy is within chance's interval, or below."""
        return accuracy <= self.high

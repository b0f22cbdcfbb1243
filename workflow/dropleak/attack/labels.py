"""Label inference from the gradient of the classifier."""

from torch import Tensor

from dropleak.client import Update
from dropleak.models import CLASSIFIER


def infer_labels(update: Update) -> Tensor:
    """The class whose row of the classifier's weight gradient sums lowest: int64 [B].

    The row of class c is (probability of c, minus 1 for the true class) times the features. With
    features that are not negative, as after a sigmoid and under any dropout mask, only the true
    class has a negative row (Zhao et al. 2020, section 3.2).
    """
    return update.gradients[f"{CLASSIFIER}.weight"].sum(-1).argmin(-1)

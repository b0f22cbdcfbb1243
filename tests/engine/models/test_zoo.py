"""Networks are registry entries with correct facts."""

import re

import pytest

from dropleak.engine.models.layers import CLASSIFIER, Conv, Dropout, Flatten, Linear, ReLU, Sigmoid
from dropleak.engine.models.network import Network
from dropleak.engine.models.zoo import DROPOUT_SITES, NETWORKS, Architecture, relative_cost

CONV, LAST = Conv("a", 4, kernel=3, stride=1, padding=1), Linear(CLASSIFIER, 5)
STRIDED = Conv("b", 4, kernel=3, stride=2, padding=1)


@pytest.mark.parametrize("dropout", DROPOUT_SITES)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 17, 40)])
def test_every_network_can_be_built(name, dropout, shape):
    network = NETWORKS[name].build(shape, 5, dropout)
    assert network.output_shapes()[-1] == (5,)
    assert network.dropout_shapes()


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ((Flatten(), LAST), "begins with Flatten"),
        ((Sigmoid(), CONV, Flatten(), LAST), "begins with Sigmoid"),
        ((CONV, Flatten()), "does not end with Linear(CLASSIFIER, 5)"),
        ((CONV, Flatten(), Linear("last", 5)), "does not end with"),
        ((CONV, Flatten(), Linear(CLASSIFIER, 4)), "does not end with"),
        ((CONV, ReLU(), LAST), "has not exactly one Flatten"),
        ((CONV, Flatten(), Flatten(), LAST), "has not exactly one Flatten"),
        ((CONV, Flatten(), Linear("hidden", 9), LAST), "between Flatten and the classifier"),
        ((CONV, Flatten(), LAST), "has no dropout on the features"),
        ((CONV, Dropout(), STRIDED, Flatten(), LAST), "has no dropout on the features"),
    ],
)
def test_a_network_that_cannot_be_attacked_is_refused_with_the_reason(layers, problem):
    entry = Architecture(lambda shape, classes, dropout: Network(shape, layers), "a trial", "")
    with pytest.raises(ValueError, match=re.escape(problem)):
        entry.build((1, 8, 8), 5)


def test_the_cost_is_what_was_measured():
    """Of the time of an iteration, rounded."""
    assert relative_cost("lenet") == 1
    assert round(relative_cost("relu-convnet")) == 2


@pytest.mark.parametrize(
    ("layers", "zero"),
    [
        ((), True),
        ((Dropout(), Flatten()), True),
        ((CONV,), False),
        ((CONV, Sigmoid(), Flatten()), False),
        ((CONV, ReLU(), Dropout()), True),
        ((CONV, ReLU(), CONV, Sigmoid()), False),
    ],
)
def test_which_features_can_be_zero(layers, zero):
    assert Network((1, 8, 8), layers).can_be_zero(len(layers)) == zero


@pytest.mark.parametrize(
    ("layers", "signed"),
    [((CONV,), True), ((CONV, Sigmoid()), False), ((CONV, ReLU(), Dropout()), False)],
)
def test_which_features_can_be_negative(layers, signed):
    network = Network((1, 8, 8), (*layers, Flatten(), LAST))
    assert network.classifier.signed == signed

import math
import warnings

import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from dropleak.analysis.privacy_budget import epsilon


@pytest.mark.parametrize(("multiplier", "steps"), [(1.0, 1), (5.0, 10), (0.5, 1)])
def test_of_whole_batches_it_is_a_bound_near_that_of_the_gaussian_mechanism(multiplier, steps):
    """Balle and Wang 2018, theorem 8, for the noise of all steps together."""
    deviation, delta = multiplier / math.sqrt(steps), 1e-5

    def excess(budget):
        shift = budget * deviation
        first, second = norm.cdf(0.5 / deviation - shift), norm.cdf(-0.5 / deviation - shift)
        return first - math.exp(budget) * second - delta

    exact = brentq(excess, 0, 100)
    assert exact < epsilon(multiplier, 1.0, steps, delta) < 1.3 * exact


def test_it_agrees_with_the_tighter_accountant_of_privacy_loss():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus.accountants import PRVAccountant

        accountant = PRVAccountant()
        accountant.history = [(1.0, 0.01, 1000)]
        tighter = accountant.get_epsilon(1e-4)
    assert tighter < epsilon(1.0, 0.01, 1000, 1e-4) < 1.3 * tighter


def test_it_grows_with_steps_and_batches_and_falls_with_noise():
    budget = epsilon(1.0, 0.01, 1000, 1e-4)
    assert epsilon(1.0, 0.01, 2000, 1e-4) > budget
    assert epsilon(1.0, 0.02, 1000, 1e-4) > budget
    assert epsilon(0.1, 0.01, 1000, 1e-4) > 100 * budget
    assert epsilon(2.0, 0.01, 1000, 1e-4) < budget
    assert epsilon(0.0, 0.01, 1000, 1e-4) == math.inf

"""Facts and numbers from the paper."""

DATASET = "cifar10"
"""Its images, as `data.source` has them."""

RMSE = {0.0: 0.533, 0.3: 0.598, 0.4: 0.584, 0.5: 0.612}
"""RMSE by rate (section 4.2)."""

ITERATIONS = (5600, 5800)
"""Numbers of "epochs": in section 4.1, and in the abstract and Figure 4."""

BALANCED = (0.3, 0.5)
"""The lowest and the highest rate that section 5.1 recommends."""

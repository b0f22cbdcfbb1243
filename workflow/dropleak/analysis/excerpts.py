"""Excerpts that figures show of large tables; the captions say so."""

import numpy as np
import pandas as pd

POINTS = 1000
"""Images per rate that Figure 4 shows as points; more would be indistinguishable."""

TOGETHER = 4
"""Images that a cell of Figure 9 shows, at most."""

_SHOWN = 3


def shown_rates(frame: pd.DataFrame) -> np.ndarray:
    """The dropout rates of a frame that Figure 2 has room for, lowest to highest."""
    rates = np.unique(frame["dropout_rate"])
    return rates[np.unique(np.linspace(0, len(rates) - 1, _SHOWN).round().astype(int))]

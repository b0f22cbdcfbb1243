"""What figures show of tables that have more than there is room for; captions say so."""

import numpy as np
import pandas as pd

POINTS = 1000
"""Images at a rate that Figure 4 shows as points; of more, one could not be told from another."""

_SHOWN = 3


def shown_rates(frame: pd.DataFrame) -> np.ndarray:
    """Those dropout rates of a frame, lowest to highest, that Figure 2 has room for."""
    rates = np.unique(frame["dropout_rate"])
    return rates[np.unique(np.linspace(0, len(rates) - 1, _SHOWN).round().astype(int))]

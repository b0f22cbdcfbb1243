"""The figures: functions from tables to a matplotlib figure, and the registry of all of them."""

"""The client: its settings, its shared update, its training."""

"""Reconstructions against the truth, which no attacker sees."""

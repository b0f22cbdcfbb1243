"""Comparing reconstructions with the truth, which no attacker sees."""

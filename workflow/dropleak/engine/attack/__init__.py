"""What an attacker does: labels, masks, an objective, an optimiser, restarts."""

"""The attack: labels, masks, objective, optimisers, restarts."""

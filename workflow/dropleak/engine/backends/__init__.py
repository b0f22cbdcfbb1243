"""Implementations of the objective and the optimiser: in torch, or in C on a CPU."""

"""How the objective and the optimiser are computed: in torch, or in C on a CPU."""

"""Automatic differentiation of any network, by `torch.func`."""

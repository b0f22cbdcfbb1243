"""Clients and attacks: needs torch and numpy only, and runs on any machine with a GPU.

Nothing here imports another room; `errors` is beside them.
"""

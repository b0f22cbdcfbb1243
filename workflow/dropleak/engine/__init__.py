"""Clients and attacks: needs only torch and numpy, and runs on any machine with a GPU.

Nothing here imports another room, except the module `errors` beside them.
"""

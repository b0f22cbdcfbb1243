"""Clients and attacks: what needs torch and numpy only, and runs on any machine with a GPU.

Nothing here imports another room, but for `errors` and `runtime.files`.
"""

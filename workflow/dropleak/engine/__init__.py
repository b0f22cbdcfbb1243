"""Clients and attacks: runs on any machine with torch and numpy.

`masks: separate` of several images, and `closed-form`, need scipy as well.

Nothing here imports another room, except the module `errors` beside them.
"""

"""From a configuration to jobs, and what of them is there already.

Needs no torch, nor does what it takes from other rooms, so that planning is quick.
"""

"""From a configuration to jobs, and which of their results exist already.

Planning is quick because neither this room nor what it imports from others needs torch.
"""

"""Errors that are for people."""


class InputError(Exception):
    """What the user gave cannot be used; the message says what, where, and what to do."""

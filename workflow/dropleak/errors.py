"""Errors that are for people."""


class InputError(Exception):
    """What the user gave cannot be used; the message says what, where, and what to do."""


class StoppedError(Exception):
    """A job was told to stop; the message says what became of its work."""

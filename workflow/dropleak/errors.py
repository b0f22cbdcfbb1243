"""Errors that are for people."""


class InputError(Exception):
    """What the user gave cannot be used; the message says what, where, and what to do."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class DamagedError(InputError):
    """A file's content is not what it should be: another has to be made in its place."""


def printable(text: str) -> str:
    """The text in characters that can be written: names of files may have bytes that are none."""
    return text.encode(errors="backslashreplace").decode()


class StoppedError(Exception):
    """A job was told to stop; the message says what became of its work."""

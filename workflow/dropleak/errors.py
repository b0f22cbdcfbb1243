"""Errors with messages for users."""


class InputError(Exception):
    """The user's input cannot be used; the message says what, where, and what to do."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class DamagedError(InputError):
    """A file's content is not what it should be; the file must be made again."""


def printable(text: str) -> str:
    """The text with bytes escaped that are not valid characters, as in some file names."""
    return text.encode(errors="backslashreplace").decode()


class StoppedError(Exception):
    """A job was told to stop; the message says what happened to its work."""

"""Paths in a configuration."""

import os
from string import Template


def expanded(path: str) -> str:
    """The path with `~`, `~user`, `$NAME` and `${NAME}` replaced; `$$` is a dollar sign.

    Raises:
        ValueError: there is no such user or variable; the message names it, but not the path.
    """
    values = {name: value for name, value in os.environ.items() if value}
    try:
        filled = Template(path).substitute(values)
    except KeyError as error:
        raise ValueError(
            f"names the variable {error.args[0]}, which is not set; write $$ for a dollar sign"
        ) from None
    except ValueError:
        raise ValueError("has a $ without the name of a variable; write $$ for it") from None
    if not path.startswith("~"):
        return filled
    home = os.path.expanduser(filled)
    if home == filled:
        user = filled.partition("/")[0]
        raise ValueError(f"names the home of {user}, a user that this machine does not know")
    return home

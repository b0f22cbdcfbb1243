"""A user's text as plain text in a markup language."""

import re


def rst(text: str) -> str:
    """In a sentence of reStructuredText, where `pets_` would be a link and `|x|` a substitution."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def latex(text: str) -> str:
    """In a sentence of LaTeX."""
    escaped = re.sub(r"[\\&%$#_{}^~<>|]", lambda found: _LATEX[found[0]], text)
    return re.sub("-(?=-)", "-{}", escaped)  # two would become a dash


_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}

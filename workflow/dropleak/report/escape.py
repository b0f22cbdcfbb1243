"""Escape a user's text for a markup language."""

import re


def rst(text: str) -> str:
    """Escape for a sentence in reStructuredText, where `pets_` would be a link."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def latex(text: str) -> str:
    """Escape for a sentence in LaTeX."""
    escaped = re.sub(r"[\\&%$#_{}^~<>|]", lambda match: _LATEX[match[0]], text)
    return re.sub("-(?=-)", "-{}", escaped)  # LaTeX makes a dash of two hyphens


def plain(latex: str) -> str:
    """The words of a sentence in LaTeX that our templates or `latex` wrote, without citations."""
    words = re.sub(r"\s*\\cite\{[^}]*\}", "", latex)
    words = re.sub(r"\\texttt\{((?:\\.|\{\}|[^\\{}])*)\}", r"\1", words)
    words = words.replace(r"\times", "×").replace("\\ ", " ").replace("-{}", "-")
    words = re.sub(r"(?<!\\)\$", "", words)
    for character, escaped in _LATEX.items():
        words = words.replace(escaped, character)
    return words


_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}

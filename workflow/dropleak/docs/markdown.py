"""Generated parts of Markdown pages.

A part is between the lines `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def part(page: Path, name: str) -> str:
    """The text of a part of a page."""
    start, end = _marks(name)
    return page.read_text(encoding="utf-8").split(start)[1].split(end)[0]


def replace(page: Path, name: str, text: str) -> None:
    """Replace the text of a part of a page."""
    start, end = _marks(name)
    before, rest = page.read_text(encoding="utf-8").split(start)
    page.write_text(before + start + text + end + rest.split(end)[1], encoding="utf-8")


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"

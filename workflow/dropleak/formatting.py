"""Numbers and lists in words, for captions, pages and the methods paragraph."""

import math
from collections.abc import Iterable


def series(parts: Iterable[object]) -> str:
    """A list in a sentence."""
    *most, last = map(str, parts)
    return f"{', '.join(most)} and {last}" if most else last


def rates(values: Iterable[float]) -> str:
    """Dropout rates in a sentence."""
    values = list(values)
    return f"{'rate' if len(values) == 1 else 'rates'} {series(values)}"


def count(number: int, unit: str) -> str:
    """A number with its unit, in the singular or plural."""
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def number(value: float | None) -> str:
    """Three decimals, or few significant digits if very small or large; a dash for None or nan."""
    if value is None or math.isnan(value):
        return "–"
    if 0 < abs(value) < 0.001:
        return f"{value:.1g}"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.2e}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval, if it has one."""
    if _missing(low):
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def share(
    value: float | None, low: float | None = None, high: float | None = None, digits: int = 0
) -> str:
    """A share in per cent with its interval, if it has one; a dash for None or nan."""
    if _missing(value):
        return "–"
    middle, *ends = (f"{part:.{digits}%}" for part in (value, low, high) if not _missing(part))
    return f"{middle} ({' to '.join(ends)})" if ends else middle


def yes_or_no(value: bool | None, why: str | None = None) -> str:
    """A fact, or why it is not known."""
    if value is None:
        return f"not known: {why}" if why else "–"
    return "yes" if value else "no"


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)

"""Numbers and lists in words, for captions, pages and the methods paragraph."""

from collections.abc import Iterable

import pandas as pd


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
    if value is None or pd.isna(value):
        return "–"
    if 0 < abs(value) < 0.001:
        return f"{value:.1g}"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.2e}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval, if it has one."""
    if pd.isna(low):
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"

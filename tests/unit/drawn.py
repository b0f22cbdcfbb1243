"""Every registered figure's function by its own name, and `save`."""

from pkgutil import resolve_name
from types import SimpleNamespace

from dropleak.figures.registry import FIGURES
from dropleak.figures.style import save

figures = SimpleNamespace(
    save=save,
    **{figure.draws.rpartition(".")[2]: resolve_name(figure.draws) for figure in FIGURES},
)

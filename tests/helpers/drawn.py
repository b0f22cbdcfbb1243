"""The functions of all registered figures by name, and `save`."""

from pkgutil import resolve_name
from types import SimpleNamespace

from dropleak.figures.style import save
from dropleak.report.figures import FIGURES

figures = SimpleNamespace(
    save=save,
    **{figure.draws.rpartition(".")[2]: resolve_name(figure.draws) for figure in FIGURES},
)

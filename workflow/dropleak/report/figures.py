"""The figures: an entry each, from which rules, files and the report's labels follow.

Needs no plotting library, so that planning is quick.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure. Its caption is the template workflow/report/figure<number>.rst."""

    number: int
    name: str
    """In the names of its files and of its rule."""
    shows: str
    """By which the report's reader finds it."""
    draws: str
    """Full name of the function that returns the figure."""
    says: str
    """Of one with the same arguments that says in a sentence what the figure shows in numbers."""
    tables: tuple[str, ...]
    """Arguments that are tables, named as in `SCHEMAS`, or `labels`, those of the test images."""
    settings: tuple[str, ...] = ()
    """Other arguments: `clients` and `attackers`, all of them; `chosen`, indices of the sample
    images; `client`, `attacker` or `rate`, for a figure of each of them."""

    @property
    def each(self) -> list[str]:
        """That of which there is a figure for each."""
        return [name for name in ("client", "attacker", "rate") if name in self.settings]

    @property
    def suffix(self) -> str:
        """What tells these figures apart: wildcards, behind a character that no name has."""
        return "".join(f"_{{{name}}}" for name in self.each)

    @property
    def stem(self) -> str:
        """Of its files, with the wildcards."""
        return f"figure{self.number}-{self.name}{self.suffix}"

    @property
    def rule(self) -> str:
        """The rule that draws it."""
        return f"draw_{self.name.replace('-', '_')}"

    @property
    def labels(self) -> dict[str, str]:
        """In the report."""
        labels = {"figure": str(self.number), "shows": self.shows}
        labels |= dict.fromkeys(("client", "attacker", "rate"), "all")
        return labels | {name: f"{{{name}}}" for name in self.each}

    def values(self, **every: list[str]) -> dict[str, list[str]]:
        """Of its wildcards, among the values that `client`, `attacker` and `rate` have."""
        return {name: every[name] for name in self.each}

    def options(self, wildcards: Mapping[str, str], **common: Any) -> dict[str, Any]:
        """Its arguments that are settings: from a job's wildcards, and common to all jobs."""
        values = common | dict(wildcards.items())
        if "rate" in values:
            values["rate"] = float(values["rate"])
        return {name: values[name] for name in self.settings}


FIGURES = [
    Figure(
        number=1,
        name="networks",
        shows="networks",
        draws="dropleak.figures.network.networks",
        says="dropleak.report.captions.networks",
        tables=("network",),
    ),
    Figure(
        number=2,
        name="features",
        shows="features under dropout",
        draws="dropleak.figures.features.features",
        says="dropleak.report.captions.features",
        tables=("features",),
    ),
    Figure(
        number=3,
        name="sample",
        shows="reconstructions",
        draws="dropleak.figures.sample.sample",
        says="dropleak.report.captions.sample",
        tables=("attacks", "images"),
        settings=("client", "attacker", "chosen"),
    ),
    Figure(
        number=4,
        name="rmse-by-rate",
        shows="RMSE by rate",
        draws="dropleak.figures.rmse.rmse_by_rate",
        says="dropleak.report.captions.rmse_by_rate",
        tables=("attacks", "summary"),
        settings=("client", "attacker"),
    ),
    Figure(
        number=5,
        name="rmse-by-iteration",
        shows="RMSE by iteration",
        draws="dropleak.figures.rmse.rmse_by_iteration",
        says="dropleak.report.captions.rmse_by_iteration",
        tables=("attacks",),
        settings=("client", "attacker"),
    ),
    Figure(
        number=6,
        name="accuracy-by-rate",
        shows="accuracy by rate",
        draws="dropleak.figures.accuracy.accuracy_by_rate",
        says="dropleak.report.captions.accuracy_by_rate",
        tables=("utility", "labels"),
    ),
    Figure(
        number=7,
        name="attackers",
        shows="RMSE by rate, every attacker",
        draws="dropleak.figures.attackers.attackers_by_rate",
        says="dropleak.report.captions.attackers_by_rate",
        tables=("summary", "tradeoff"),
        settings=("clients", "attackers"),
    ),
    Figure(
        number=8,
        name="tradeoff",
        shows="privacy against utility",
        draws="dropleak.figures.attackers.privacy_and_utility",
        says="dropleak.report.captions.privacy_and_utility",
        tables=("tradeoff",),
        settings=("client", "attackers"),
    ),
    Figure(
        number=9,
        name="attackers-sample",
        shows="reconstructions, every attacker",
        draws="dropleak.figures.sample.attackers_sample",
        says="dropleak.report.captions.attackers_sample",
        tables=("attacks", "images"),
        settings=("client", "attackers", "rate", "chosen"),
    ),
]

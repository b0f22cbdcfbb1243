"""The registry of figures: rules, files and the report's labels follow from an entry each.

Planning uses it, so it imports no plotting library.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dropleak.analysis import twins
from dropleak.planning.networks import courses

Presets = Mapping[str, Mapping[str, Any]]
"""Settings of clients or attackers, by name."""


@dataclass(frozen=True)
class Figure:
    """A figure. Its caption is a template in workflow/report."""

    number: int
    name: str
    """Part of the names of its files and its rule."""
    shows: str
    """Its label in the report."""
    draws: str
    """Full name of the function that returns the figure."""
    says: str
    """Full name of a function with the same arguments that returns the numbers in its caption."""
    tables: tuple[str, ...]
    """Arguments that are tables, named as in `SCHEMAS`, or `labels`, those of the test images."""
    settings: tuple[str, ...] = ()
    """Other arguments: the `clients` that it shows, or their `attackers`; `courses` of trainings,
    see `networks.courses`; `chosen`, indices of the sample images; or `client`, `attacker`, for a
    separate figure per value."""
    applies: Callable[[Presets, Presets], bool] = lambda clients, attackers: True
    """Whether experiments with these clients and attackers have it."""
    about: Callable[[str, Presets], bool] = lambda client, clients: True
    """Whether it shows this one of the clients."""
    beside: Callable[[str, Presets], list[str]] = lambda client, clients: []
    """The other clients that a separate figure of this one shows too."""

    @property
    def wildcards(self) -> list[str]:
        """Settings with a separate figure per value."""
        return [name for name in ("client", "attacker") if name in self.settings]

    @property
    def of_attacks(self) -> bool:
        """Whether it shows outcomes of attacks."""
        return not {"attacks", "summary", "tradeoff", "defences"}.isdisjoint(self.tables)

    @property
    def suffix(self) -> str:
        """The wildcards in file names, each after a character that no name contains."""
        return "".join(f"_{{{name}}}" for name in self.wildcards)

    @property
    def stem(self) -> str:
        """Stem of the file names, with wildcards."""
        return f"figure{self.number}-{self.name}{self.suffix}"

    @property
    def rule(self) -> str:
        """Name of the rule that draws it."""
        return f"draw_{self.name.replace('-', '_')}"

    @property
    def title(self) -> str:
        """Its title in the report."""
        return f"Figure {self.number}: {self.shows}"

    @property
    def caption(self) -> str:
        """The template of its caption in workflow/report."""
        return f"figure{self.number}.rst"

    @property
    def message(self) -> str:
        """What its rule does, with wildcards."""
        of = ", ".join(f"{{wildcards.{name}}}" for name in self.wildcards)
        return f"Drawing {self.title}{f' ({of})' if of else ''}"

    def outcome(self, clients: Presets) -> str:
        """What the rule of all its files says; an experiment may have none, see `instances`."""
        there = "is there" if self.instances(clients) else "has nothing to show in this experiment"
        return f"Figure {self.number} {there}: {self.shows}"

    @property
    def labels(self) -> dict[str, str]:
        """Labels in the report."""
        labels = {"figure": str(self.number), "shows": self.shows}
        labels |= dict.fromkeys(("client", "attacker"), "all")
        return labels | {name: f"{{{name}}}" for name in self.wildcards}

    def shown(self, clients: Presets) -> list[str]:
        """The clients that it shows."""
        return [client for client in clients if self.about(client, clients)]

    def instances(self, clients: Presets) -> list[dict[str, str]]:
        """Values of its wildcards, for each figure of an experiment.

        Args:
            clients: settings by name, with `rates` and `attackers` that are not null.
        """
        every = (
            {"client": client, "attacker": attacker}
            for client in self.shown(clients)
            for attacker in clients[client]["attackers"]
        )
        chosen = dict.fromkeys(tuple(values[name] for name in self.wildcards) for values in every)
        return [dict(zip(self.wildcards, values, strict=True)) for values in chosen]

    def subjects(
        self, wildcards: Mapping[str, str], clients: Presets
    ) -> tuple[list[str], list[str]]:
        """The clients and the attackers that the figure of a job shows; arguments as below.

        The first client is that of the wildcards, if these have one.
        """
        if "client" in self.wildcards:
            client = wildcards["client"]
            shown = [client, *self.beside(client, clients)]
        else:
            shown = self.shown(clients)
        if "attacker" in self.wildcards:
            return shown, [wildcards["attacker"]]
        every = (name for client in shown for name in clients[client]["attackers"])
        return shown, list(dict.fromkeys(every))

    def options(
        self, wildcards: Mapping[str, str], clients: Presets, **common: Any
    ) -> dict[str, Any]:
        """Values of its settings.

        Args:
            wildcards: of the job.
            clients: all, see `instances`.
            common: what all jobs have in common.
        """
        shown, attackers = self.subjects(wildcards, clients)
        values = {"clients": shown, "attackers": attackers} | common | dict(wildcards.items())
        return {name: values[name] for name in self.settings}


def _shares_several(client: str, clients: Presets) -> bool:
    """Whether the updates of a client are of several images."""
    return clients[client]["images_per_update"] > 1


def _separates(clients: Presets, attackers: Presets) -> bool:
    """Whether an attacker separates the updates of a client that are of several images."""
    return any(
        attackers[name]["masks"] == "separate"
        for client in clients
        if _shares_several(client, clients)
        for name in clients[client]["attackers"]
    )


def _in_course(client: str, clients: Presets) -> bool:
    """Whether a client is one of several at epochs of one training."""
    return any(client in course for course in courses(clients))


def _goes_on(clients: Presets, attackers: Presets) -> bool:
    """Whether there are clients at several epochs of a training."""
    return bool(courses(clients))


def _at_several_rates(client: str, clients: Presets) -> bool:
    """Whether a client is attacked at several dropout rates."""
    return len(clients[client]["rates"]) > 1


def _defended(client: str, clients: Presets) -> list[str]:
    """The clients that differ from this one by a defence alone."""
    others = (name for name in clients if name != client)
    return [name for name in others if twins.undefended(name, clients) == client]


def _has_defences(client: str, clients: Presets) -> bool:
    """Whether there are clients that differ from this one by a defence alone."""
    return bool(_defended(client, clients))


FIGURES = [
    Figure(
        number=1,
        name="network",
        shows="network",
        draws="dropleak.figures.network.network",
        says="dropleak.report.captions.network",
        tables=("network",),
    ),
    Figure(
        number=2,
        name="features",
        shows="features under dropout",
        draws="dropleak.figures.features.features",
        says="dropleak.report.captions.features",
        tables=("features", "images"),
    ),
    Figure(
        number=3,
        name="sample",
        shows="reconstructions",
        draws="dropleak.figures.sample.sample",
        says="dropleak.report.captions.sample",
        tables=("attacks", "images"),
        settings=("client", "attacker", "chosen"),
        about=_at_several_rates,
    ),
    Figure(
        number=4,
        name="rmse-by-rate",
        shows="RMSE by rate",
        draws="dropleak.figures.rmse.rmse_by_rate",
        says="dropleak.report.captions.rmse_by_rate",
        tables=("attacks", "summary"),
        settings=("client", "attacker"),
        about=_at_several_rates,
    ),
    Figure(
        number=5,
        name="rmse-by-iteration",
        shows="RMSE by iteration",
        draws="dropleak.figures.rmse.rmse_by_iteration",
        says="dropleak.report.captions.rmse_by_iteration",
        tables=("attacks",),
        settings=("client", "attacker"),
        about=_at_several_rates,
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
        about=_at_several_rates,
    ),
    Figure(
        number=8,
        name="tradeoff",
        shows="privacy against utility",
        draws="dropleak.figures.tradeoff.privacy_and_utility",
        says="dropleak.report.captions.privacy_and_utility",
        tables=("tradeoff", "defences"),
        settings=("client", "attackers"),
        about=_at_several_rates,
    ),
    Figure(
        number=9,
        name="attackers-sample",
        shows="reconstructions, every attacker",
        draws="dropleak.figures.sample.attackers_sample",
        says="dropleak.report.captions.attackers_sample",
        tables=("attacks", "images"),
        settings=("client", "attackers", "chosen"),
    ),
    Figure(
        number=10,
        name="leakage-by-epoch",
        shows="leakage as training goes on",
        draws="dropleak.figures.training.leakage_by_epoch",
        says="dropleak.report.captions.leakage_by_epoch",
        tables=("summary", "tradeoff"),
        settings=("courses", "attackers"),
        applies=_goes_on,
        about=_in_course,
    ),
    Figure(
        number=11,
        name="defences",
        shows="privacy against utility, every defence",
        draws="dropleak.figures.defences.defences",
        says="dropleak.report.captions.defences",
        tables=("defences",),
        settings=("client",),
        applies=lambda clients, attackers: any(_has_defences(name, clients) for name in clients),
        about=_has_defences,
        beside=_defended,
    ),
    Figure(
        number=12,
        name="separation",
        shows="updates of several images",
        draws="dropleak.figures.separation.separation",
        says="dropleak.report.captions.separation",
        tables=("attacks", "summary"),
        settings=("attackers",),
        applies=_separates,
        about=_shares_several,
    ),
]

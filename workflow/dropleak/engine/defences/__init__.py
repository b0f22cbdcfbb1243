"""Defences: what a client does to its gradients before it shares them.

An entry each, with its descriptions for settings and report. Planning uses the entries, so torch is
imported only with a defence's class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dropleak.engine.defences.defence import Defence


@dataclass(frozen=True)
class Entry:
    """A kind of defence."""

    kind: str
    """Full name of its class, a `Defence`, whose fields are the settings."""
    settings: Mapping[str, Mapping[str, Any]]
    """JSON schema of each of its settings."""
    meaning: str
    """What it does, for the table of settings."""
    method: str
    """The same for the methods paragraph: LaTeX that may cite `report/references.bib`."""
    slowdown: float = 1.0
    """Time of a step of the training, relative to one without it; measured for lenet."""

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """All settings in their order, with defaults for those that are not given."""
        return {
            key: settings[key] if key in settings else schema["default"]
            for key, schema in self.settings.items()
        }


DEFENCES = {
    "gaussian-noise": Entry(
        "dropleak.engine.defences.gaussian_noise.GaussianNoise",
        settings={
            "standard_deviation": {
                "description": "Standard deviation of the noise, in the unit of the gradient.",
                "type": "number",
                "minimum": 0,
                "maximum": 1000,
            }
        },
        meaning="independent normal noise on every entry of the gradient",
        method=r"Gaussian noise on the gradient \cite{zhu2019deep}",
        slowdown=2.3,
    ),
    "dp-sgd": Entry(
        "dropleak.engine.defences.dp_sgd.DPSGD",
        settings={
            "norm": {
                "description": "Bound that the norm of each image's gradient is clipped to.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1000000,
            },
            "multiplier": {
                "description": "Standard deviation of the noise on the sum of the images' "
                "gradients, in units of `norm`.",
                "type": "number",
                "minimum": 0,
                "maximum": 1000,
            },
        },
        meaning="each image's gradient clipped, and noise on their mean",
        method=r"each image's gradient clipped and noise on their mean \cite{abadi2016deep}",
        slowdown=3.7,
    ),
    "pruning": Entry(
        "dropleak.engine.defences.pruning.Pruning",
        settings={
            "share": {
                "description": "Share of the entries of each parameter's gradient that become 0.",
                "type": "number",
                "minimum": 0,
                "exclusiveMaximum": 1,
            }
        },
        meaning="the smallest entries of each parameter's gradient set to zero",
        method=r"the smallest entries of each parameter's gradient set to zero \cite{zhu2019deep}",
        slowdown=2.1,
    ),
    "sign": Entry(
        "dropleak.engine.defences.sign.Sign",
        settings={},
        meaning="the sign of every entry",
        method=r"the sign of every entry of the gradient \cite{bernstein2018signsgd}",
        slowdown=1.5,
    ),
    "quantisation": Entry(
        "dropleak.engine.defences.quantisation.Quantisation",
        settings={
            "bits": {
                "description": "Bits of an entry, one of them for its sign; 32 change nothing, and "
                "`sign` is a single one.",
                "type": "integer",
                "minimum": 2,
                "maximum": 32,
            }
        },
        meaning="every entry rounded at random to one of a few levels",
        method=r"every entry of the gradient rounded at random to few levels "
        r"\cite{alistarh2017qsgd}",
        slowdown=2.7,
    ),
    "soteria": Entry(
        "dropleak.engine.defences.soteria.Soteria",
        settings={
            "share": {
                "description": "Share of the features before the classifier that are pruned.",
                "type": "number",
                "minimum": 0,
                "exclusiveMaximum": 1,
                "default": 0.8,
            }
        },
        meaning="no gradient of the classifier's weights for the features that reveal most of the "
        "image",
        method="columns of the classifier's gradient set to zero for the features that reveal most "
        r"of the image \cite{sun2021soteria}",
        slowdown=13,
    ),
}


def slowdown(defence: Mapping[str, Mapping[str, Any]]) -> float:
    """How much longer a training with a client's defence takes, see `Entry`."""
    return max((DEFENCES[name].slowdown for name in defence), default=1.0)


def make(defence: Mapping[str, Mapping[str, Any]]) -> "Defence | None":
    """The defence of a client's settings: a name with its settings, or nothing."""
    for name, settings in defence.items():
        entry = DEFENCES[name]
        return resolve_name(entry.kind)(**entry.complete(settings))
    return None


def label(defence: Mapping[str, Mapping[str, Any]]) -> str:
    """A client's defence in tables and names of files, such as `dp-sgd-1-0.5`, or `none`."""
    for name, settings in defence.items():
        return "-".join([name, *map(_number, DEFENCES[name].complete(settings).values())])
    return "none"


def _number(value: float) -> str:
    return f"{value:.15g}"

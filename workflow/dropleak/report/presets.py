"""What clients and attackers are: LaTeX for the methods paragraph, and a line in plain words."""

from pathlib import Path

from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.defences import DEFENCES
from dropleak.engine.models.zoo import NETWORKS, Architecture
from dropleak.formatting import count, series
from dropleak.planning.networks import is_module, is_trained
from dropleak.report import escape

_PROPOSED = r"before the classifier as proposed by Zheng \cite{zheng2021dropout}"
_DROPOUT = {
    "classifier": _PROPOSED,
    "convolutions": "after each convolution",
    "both": f"{_PROPOSED}, and also after each convolution",
}
SETTINGS: dict[str, dict] = {
    "labels": {
        "infer": r"labels inferred \cite{zhao2020idlg}",
        "optimise": r"labels optimised with the images \cite{zhu2019deep}",
    },
    "masks": {
        "resample": "a fresh dropout mask at every evaluation",
        "ignore": "no dropout in its forward pass",
        "fixed": "one dropout mask of its own",
        "read": "the client's mask read from the gradient",
        "separate": "the mask of every image separated from the classifier's gradient",
        "optimise": r"masks optimised with the images \cite{scheliga2023dropout}",
        "known": "the client's mask",
    },
    "start": {
        "noise": "standard normal noise to start from",
        "grey": r"grey with 1\% noise to start from",
    },
    "distance": {name: distance.method for name, distance in DISTANCES.items()},
    "normalise": {True: "gradients of each parameter divided by the norm of the shared ones"},
    "optimiser": {
        "lbfgs": r"L-BFGS \cite{liu1989limited} with a history of 100",
        "adam": r"Adam \cite{kingma2015adam}",
        "signed-adam": r"Adam \cite{kingma2015adam} on signs of gradients "
        r"\cite{geiping2020inverting}",
        "closed-form": r"the image in closed form, layer by layer \cite{zhu2021rgap}, by least "
        r"squares \cite{fong2011lsmr}",
    },
    "line_search": {"strong-wolfe": "a strong Wolfe line search"},
    "schedule": {"steps": "a stepwise decay", "plateau": "a decay on plateaus"},
}
"""What each choice of an attacker's settings is called, in LaTeX."""


def glossary(clients: dict[str, dict], attackers: dict[str, dict]) -> list[tuple[str, str]]:
    """A name and a line in plain words for each client and attacker.

    Args:
        clients, attackers: their settings, by name.
    """
    groups = ((clients, client), (attackers, attacker))
    return [
        (name, escape.plain(describe(settings)))
        for group, describe in groups
        for name, settings in group.items()
    ]


def client(settings: dict) -> str:
    """What a client shares: a noun phrase in LaTeX."""
    parts = [
        f"{count(settings['images_per_update'], 'image')} an update",
        network(settings),
        f"dropout {site(settings)}",
    ]
    if settings["defence"]:
        chosen = strength(settings)
        parts.append(f"defended by {defence(settings)}{chosen and f' with {chosen}'}")
    return "; ".join(parts)


def attacker(settings: dict) -> str:
    """What an attacker does, setting by setting: noun phrases in LaTeX."""
    parts = [
        phrases[settings[key]] for key, phrases in SETTINGS.items() if settings[key] in phrases
    ]
    if settings["optimiser"] != "closed-form":
        parts.append(f"learning rate {settings['learning_rate']:g}")
    if settings["iterations"]:
        parts.append(f"at most {count(settings['iterations'], 'iteration')}")
    if settings["features"]:
        parts.append(f"features matched with weight {settings['features']:g}")
    if settings["total_variation"]:
        smooth = settings["total_variation_smoothing"]
        smoothed = f"smoothed ({smooth:g}) " if smooth else ""
        parts.append(f"{smoothed}total variation weighted {settings['total_variation']:g}")
        if settings["stages"] > 1:
            parts[-1] += f", in {settings['stages']} stages each with a tenth of the weight before"
    if settings["mask_regulariser"]:
        parts.append(f"a mask regulariser weighted {settings['mask_regulariser']:g}")
    if settings["adapts"]:
        parts.append("adapted to the client's defence")
    if settings["clip"]:
        parts.append("images kept in $[0, 1]$")
    if ends := _early_ends(settings):
        parts.append(f"stopped {' or '.join(ends)}, with the best iterate kept")
    if settings["restarts"] > 1:
        parts.append(f"the best of {settings['restarts']} starts")
    return ", ".join(parts)


def network(client: dict) -> str:
    """What a client's network is and where its weights come from, in LaTeX."""
    entry = NETWORKS.get(client["network"])
    if isinstance(entry, Architecture) and not is_trained(client):
        return f"{entry.method}, with {entry.initial}, drawn anew for each client"
    return f"{entry.method if entry else _own_network(client)}, with {_weights(client)}"


def site(client: dict) -> str:
    """Where a client's network has dropout, in LaTeX."""
    return "in its dropout layers" if is_module(client) else _DROPOUT[client["dropout"]]


def defence(client: dict) -> str:
    """What a client does to its gradient before it shares it, in LaTeX; empty if nothing."""
    return "".join(DEFENCES[name].method for name in client["defence"])


def strength(client: dict) -> str:
    """The settings of a client's defence; empty if there are none."""
    (settings,) = client["defence"].values() or ({},)
    values = [f"{key.replace('_', ' ')} {value:g}" for key, value in settings.items()]
    return series(values) if values else ""


def _own_network(client: dict) -> str:
    path, _, function = client["network"].rpartition(":")
    file = escape.latex(Path(path).name)
    return rf"the network \texttt{{{escape.latex(function)}}} of \texttt{{{file}}}"


def _weights(client: dict) -> str:
    """The weights that all clients have."""
    if is_trained(client) and client["epochs"] == 0:
        return "the initial weights of the first training for all clients"
    if is_trained(client):
        epochs = count(client["epochs"], "epoch")
        return f"the weights after {epochs} of the first training for all clients"
    if client["weights"]:
        file = escape.latex(Path(client["weights"]).name)
        return rf"the weights \texttt{{{file}}} for all clients"
    return "the same random weights for all clients"


def _early_ends(settings: dict) -> list[str]:
    """When an attack ends before its budget."""
    ends = []
    if settings["target_loss"]:
        ends.append(f"at a loss below {settings['target_loss']:g}")
    if settings["patience"] is not None:
        ends.append(f"after {settings['patience']:,} iterations without a lower loss")
    return ends

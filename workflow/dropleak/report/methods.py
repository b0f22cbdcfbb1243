"""The methods paragraph of a run, in LaTeX, and the references that it cites."""

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from dropleak.assets import WORKFLOW
from dropleak.data.datasets import DATASETS
from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.defences import DEFENCES
from dropleak.engine.models.zoo import NETWORKS, Architecture
from dropleak.formatting import count, series
from dropleak.formatting import rates as rates_in_words
from dropleak.planning.config import independent
from dropleak.planning.networks import is_module, is_trained, untrained
from dropleak.report.escape import latex

BIBLIOGRAPHY = WORKFLOW / "report" / "references.bib"

_DROPOUT = {
    "classifier": r", before the classifier as proposed by Zheng \cite{zheng2021dropout}",
    "convolutions": ", after each convolution",
    "both": r", before the classifier as proposed by Zheng \cite{zheng2021dropout}, and also after "
    "each convolution",
}
_BATCH_NORM = {
    "running": "batch norm with the statistics that came with the weights, which an attacker knows",
    "batch": "batch norm with the statistics of a client's images, which an attacker does not know",
}
_INITIALISATION = {
    "xavier": r"as by Glorot and Bengio \cite{glorot2010understanding}",
    "uniform": "uniform in $[-0.5, 0.5]$",
}
_SETTINGS: dict[str, dict] = {
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


def paragraph(
    *,
    config: dict,
    clients: dict[str, dict],
    attackers: dict[str, dict],
    networks: pd.DataFrame,
    dataset: str,
    shape: list[int],
    attacks: pd.DataFrame,
    utility: pd.DataFrame,
    versions: dict[str, str],
    revision: dict[str, str | bool | None],
) -> str:
    """What was done, in the past tense, for a paper.

    Args:
        config: complete.
        clients, attackers: settings of those that ran, by name.
        networks: the table of clients.
        dataset: what the images are called.
        shape: of an image, channels first.
        attacks: with the columns host, device, seconds and engine_version.
        utility: with the columns host, device and seconds.
        versions: of Python and packages.
        revision: of the code (see `provenance`).
    """
    source, training = config["data"]["source"], config["utility"]
    images = r"$\times$".join(map(str, (*shape[1:], shape[0])))
    named = DATASETS[source].method if source in DATASETS else latex(dataset)
    hours = pd.concat([attacks, utility]).groupby("device")["seconds"].sum() / 3600
    hosts = pd.concat([attacks["host"], utility["host"]]).nunique()
    torch = versions.get("torch", attacks["torch_version"].iloc[0])
    sentences = [
        f"We attacked {config['images']:,} test images of {named} ({images}), the first of an "
        f"order drawn with seed {config['seed']}.",
        _clients(clients, networks.set_index("client"), config["rates"]),
        _pairs(clients),
        *(_attacker(name, settings) for name, settings in attackers.items()),
        f"Each attack had at most {config['attack']['iterations']:,} iterations in "
        f"{config['attack']['precision']}.",
        "The root mean squared error (RMSE) is of pixels in $[0, 1]$, also after clipping to that "
        f"range; a success has one below {config['success_rmse']} without clipping. An image is "
        "identified if no other test image is as near to the clipped reconstruction. Structural "
        r"similarity is that of Wang et al.\ \cite{wang2004image}.",
        r"Intervals have 95\% confidence: Student's \cite{student1908probable} for means, of "
        f"errors over {independent(clients.values())} and of accuracies over seeds, between two "
        r"of the values \cite{thompson1936confidence} for medians, Wilson's "
        r"\cite{wilson1927probable} for the shares of successes and of identified images of an "
        "attacker at a rate, exact "
        r"ones \cite{clopper1934use} for shares in tests of claims. Trends "
        r"were tested by Page's test \cite{page1963ordered}, differences by paired $t$-tests, and "
        "shares of successes by exact "
        r"binomial tests, with p-values adjusted by Benjamini and Yekutieli "
        r"\cite{benjamini2001control}.",
        f"For accuracy, the same {'network was' if len(clients) == 1 else 'networks were'} trained "
        "with each of the rates "
        f"{series(training['rates'])}{_other_rates(config, clients)} on "
        f"{count(training['seeds'], 'seed')} for "
        f"{count(training['epochs'], 'epoch')} (optimiser {training['optimiser']}, learning rate "
        f"{training['learning_rate']}, batches of {training['batch_size']}), from "
        f"{_starts(clients.values(), training['initialisation'])}.",
        f"We used dropleak {versions['dropleak']}"
        f" ({_commit(revision)}engine version {attacks['engine_version'].iloc[0]}) with Snakemake "
        rf"\cite{{moelder2021sustainable}} {versions['snakemake']}, PyTorch "
        rf"\cite{{paszke2019pytorch}} {torch}, NumPy \cite{{harris2020array}} "
        rf"{versions['numpy']}, SciPy \cite{{virtanen2020scipy}} {versions['scipy']}, pandas "
        rf"\cite{{mckinney2010data}} {versions['pandas']}, Matplotlib "
        rf"\cite{{hunter2007matplotlib}} {versions['matplotlib']} and seaborn "
        rf"\cite{{waskom2021seaborn}} {versions['seaborn']} on Python {versions['python']}.",
        f"Attacks and training took {series(_hours(hours))} on {count(hosts, 'machine')}.",
    ]
    return "\n".join(sentences) + "\n"


def bibliography(text: str) -> str:
    """The BibTeX entries that a LaTeX text cites, in the order of `references.bib`."""
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", text) for key in keys.split(",")}
    entries = BIBLIOGRAPHY.read_text(encoding="utf-8").split("\n\n")
    key = re.compile(r"@\w+\{([^,]+),")
    found = [entry for entry in entries if (match := key.match(entry)) and match[1] in cited]
    return "\n\n".join(found).rstrip() + "\n"


def _clients(clients: dict[str, dict], networks: pd.DataFrame, rates: list[float]) -> str:
    """What clients shared: in one sentence for a single one, else with a sentence for each."""
    kinds = {
        name: f"{count(client['images_per_update'], 'image')} in {_network(client, networks, name)}"
        for name, client in clients.items()
    }
    dropout = rf"with inverted dropout \cite{{srivastava2014dropout}} at rates {series(rates)}"
    if len(clients) == 1:
        ((name, kind),) = kinds.items()
        rest = f"{_site(clients[name], networks.loc[name])}{_labels(networks.loc[name])}"
        return f"Clients shared the gradient of the cross-entropy of {kind}, {dropout}{rest}."
    sentences = (
        f" Clients \\texttt{{{latex(name)}}}: {kind}{_site(clients[name], networks.loc[name])}"
        f"{_own_rates(clients[name], rates)}{_labels(networks.loc[name])}."
        for name, kind in kinds.items()
    )
    return f"Clients shared the gradient of the cross-entropy, {dropout}.{''.join(sentences)}"


def _pairs(clients: dict[str, dict]) -> str:
    """What attacks on the same image had in common."""
    if not any(map(is_trained, clients.values())):
        return (
            "Networks, start images and masks depended on seed and image alone, so that all "
            f"{'clients, ' if len(clients) > 1 else ''}rates and attackers met the same problems."
        )
    return (
        "Initial weights, start images and masks depended on seed and image alone, trained weights "
        "on the seed, the rate and the number of epochs, so that all attackers met the same "
        "problems."
    )


def _other_rates(config: dict, clients: dict[str, dict]) -> str:
    """The rates of trainings that only attacks need."""
    needed = config["rates"] if any(map(is_trained, clients.values())) else []
    others = sorted({*needed} - {*config["utility"]["rates"]})
    return f" (those of trained clients also with {series(others)})" if others else ""


def _network(client: dict, networks: pd.DataFrame, name: str) -> str:
    """What a client's network is, where its weights come from, and what its batch norm does."""
    entry = NETWORKS.get(client["network"])
    if isinstance(entry, Architecture) and not is_trained(client):
        return f"{entry.method}, with {entry.initial}, drawn anew for each client"
    facts = networks.loc[name]
    if entry is None:
        path, _, function = client["network"].rpartition(":")
        file = latex(Path(path).name)
        parts = [
            rf"the network \texttt{{{latex(function)}}} of \texttt{{{file}}} with "
            f"{facts['parameters']:,} parameters"
        ]
    else:
        parts = [entry.method]
    if isinstance(facts["batch_norm"], str):
        parts.append(_BATCH_NORM[facts["batch_norm"]])
    parts.append(f"with {_weights(client)} for all clients")
    return ", ".join(parts)


def _weights(client: dict) -> str:
    """The weights that all clients have."""
    if is_trained(client) and client["epochs"] == 0:
        return "the initial weights of the first training below"
    if is_trained(client):
        return f"the weights after {count(client['epochs'], 'epoch')} of the first training below"
    if client["weights"]:
        return rf"the weights \texttt{{{latex(Path(client['weights']).name)}}}"
    return "the same random weights"


def _defence(defence: dict) -> str:
    """What a client does to its gradient before it shares it."""
    for name, settings in defence.items():
        values = [f"{key.replace('_', ' ')} {value:g}" for key, value in settings.items()]
        chosen = f" ({series(values)})" if values else ""
        return f", defended by {DEFENCES[name].method}{chosen}"
    return ""


def _starts(clients: Collection[dict], initialisation: str) -> str:
    """The weights that trainings start from."""
    kinds = dict.fromkeys(_start(client, initialisation) for client in clients)
    return " or ".join(kinds)


def _start(client: dict, initialisation: str) -> str:
    if not is_module(client):
        return f"weights {_INITIALISATION[initialisation]}"
    given = untrained(client)["weights"]
    return "the attacked weights" if given else "weights drawn anew for each seed"


def _site(client: dict, facts: pd.Series) -> str:
    """Where a client's network has dropout, and what defends its gradient."""
    defence = _defence(client["defence"])
    if not is_module(client):
        return _DROPOUT[client["dropout"]] + defence
    return f", in {count(facts['dropout_layers'], 'dropout layer')}{defence}"


def _own_rates(client: dict, rates: list[float]) -> str:
    """The rates of a client that was attacked at others than most."""
    own = client["rates"]
    return f", at {rates_in_words(own)}" if own and own != rates else ""


def _labels(facts: pd.Series) -> str:
    """What an attacker goes by who infers the labels of a client's images."""
    if isinstance(facts["labels_from"], str):
        return f"; labels can be inferred from {facts['labels_from']}"
    return "; labels have to be optimised with the images, as its gradient does not show them"


def _attacker(name: str, settings: dict) -> str:
    """What an attacker does, setting by setting."""
    parts = [
        phrases[settings[key]] for key, phrases in _SETTINGS.items() if settings[key] in phrases
    ]
    if settings["optimiser"] != "closed-form":
        parts.append(f"learning rate {settings['learning_rate']:g}")
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
    return f"Attacker \\texttt{{{latex(name)}}}: {', '.join(parts)}."


def _early_ends(settings: dict) -> list[str]:
    """When an attack ends before its budget."""
    ends = []
    if settings["target_loss"]:
        ends.append(f"at a loss below {settings['target_loss']:g}")
    if settings["patience"] is not None:
        ends.append(f"after {settings['patience']:,} iterations without a lower loss")
    return ends


def _commit(revision: dict[str, str | bool | None]) -> str:
    """The commit of the code, and whether that was all."""
    if not revision["commit"]:
        return "commit not known, "
    changed = " with changes that are not committed" if revision["dirty"] else ""
    return rf"commit \texttt{{{str(revision['commit'])[:12]}}}{changed}, "


def _hours(hours: pd.Series) -> list[str]:
    """Core or GPU hours by device."""
    return [
        f"{value:.2g} {'core hours' if device == 'cpu' else f'GPU hours ({latex(device)})'}"
        for device, value in hours.items()
    ]

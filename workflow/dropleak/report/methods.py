"""The methods paragraph of a run, in LaTeX, and the references that it cites."""

import re
from collections.abc import Collection

import pandas as pd

from dropleak.assets import WORKFLOW
from dropleak.data.datasets import DATASETS
from dropleak.engine.models.zoo import NETWORKS
from dropleak.formatting import count, series
from dropleak.formatting import rates as rates_in_words
from dropleak.planning.config import independent, training_rates
from dropleak.planning.networks import is_module, is_trained, untrained
from dropleak.planning.networks import training as training_of
from dropleak.report import presets
from dropleak.report.escape import latex

BIBLIOGRAPHY = WORKFLOW / "report" / "references.bib"

_BATCH_NORM = {
    "running": "batch norm with the statistics that came with the weights, which an attacker knows",
    "batch": "batch norm with the statistics of a client's images, which an attacker does not know",
}
_FACETS: dict[str, str | None] = {
    "Images an update": " of ",
    "Networks": " in ",
    r"Inverted dropout \cite{srivastava2014dropout}": r", with inverted dropout "
    r"\cite{srivastava2014dropout} ",
    "Attacks": " ",
    "Attackers": None,
    "Defences": ", defended by ",
    "Settings of defences": " with ",
    "Labels": "; labels ",
}
"""What is said of clients, each with the words before it where it holds for all of them; None if it
then goes without saying."""
_INITIALISATION = {
    "xavier": r"as by Glorot and Bengio \cite{glorot2010understanding}",
    "uniform": "uniform in $[-0.5, 0.5]$",
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
        attacks: with the columns host, device, seconds, engine_version and torch_version.
        utility: with the columns host, device and seconds.
        versions: of Python and packages.
        revision: of the code (see `provenance`).
    """
    source = config["data"]["source"]
    images = r"$\times$".join(map(str, (*shape[1:], shape[0])))
    named = DATASETS[source].method if source in DATASETS else latex(dataset)
    hours = pd.concat([attacks, utility]).groupby("device")["seconds"].sum() / 3600
    hosts = pd.concat([attacks["host"], utility["host"]]).nunique()
    engine, torch = (series(attacks[f"{name}_version"].unique()) for name in ("engine", "torch"))
    sentences = [
        f"We attacked {config['images']:,} test images of {named} ({images}), the first of an "
        f"order drawn with seed {config['seed']}.",
        _clients(clients, networks.set_index("client"), config),
        _pairs(clients),
        *(
            rf"Attacker \texttt{{{latex(name)}}}: {presets.attacker(settings)}."
            for name, settings in attackers.items()
        ),
        f"{_budget(attackers.values(), config['attack']['iterations'])} computed in "
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
        _trainings(clients, config),
        f"We used dropleak {versions['dropleak']}"
        f" ({_commit(revision)}engine version {engine}) with Snakemake "
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


def _clients(clients: dict[str, dict], networks: pd.DataFrame, config: dict) -> str:
    """What clients shared: a sentence for what all have in common, and one for each difference."""
    described = {
        name: _facets(client, networks.loc[name], config) for name, client in clients.items()
    }
    common, different = "", ""
    for facet, lead in _FACETS.items():
        having: dict[str, list[str]] = {}
        for name, phrases in described.items():
            having.setdefault(phrases[facet], []).append(name)
        if len(having) > 1:
            different += f" {facet}: {_by_client(having)}."
        elif lead and (phrase := next(iter(having))):
            common += lead + phrase
    return f"Clients shared the gradient of the cross-entropy{common}.{different}"


def _facets(client: dict, facts: pd.Series, config: dict) -> dict[str, str]:
    """A phrase for each of `_FACETS`; empty if there is nothing to say."""
    phrases = (
        count(client["images_per_update"], "image"),
        _network(client, facts),
        _site(client, facts),
        f"at {rates_in_words(client['rates'] or config['rates'])}",
        _named(client["attackers"] or config["attackers"]),
        presets.defence(client),
        presets.strength(client),
        _labels(facts),
    )
    return dict(zip(_FACETS, phrases, strict=True))


def _by_client(having: dict[str, list[str]]) -> str:
    """Phrases, each with the clients that it is about, those of most clients last."""
    *others, (phrase, names) = sorted(having.items(), key=lambda item: len(item[1]))
    parts = [f"{phrase or 'none'} ({_named(names)})" for phrase, names in others]
    last = "the others" if len(names) > 1 else _named(names)
    return "; ".join([*parts, f"{phrase or 'none'} ({last})"])


def _named(names: list[str]) -> str:
    return series(rf"\texttt{{{latex(name)}}}" for name in names)


def _pairs(clients: dict[str, dict]) -> str:
    """What attacks on the same image had in common."""
    if not any(map(is_trained, clients.values())):
        return (
            "Networks and the random numbers of starts and masks depended on seed and image alone, "
            f"so that all {'clients, ' if len(clients) > 1 else ''}rates and attackers met the "
            "same problems."
        )
    return (
        "Initial weights and the random numbers of starts and masks depended on seed and image "
        "alone, trained weights on the seed, the client and the rate, so that all attackers met "
        "the same problems."
    )


def _budget(attackers: Collection[dict], iterations: int) -> str:
    """The iterations of attackers that have no budget of their own; ends in a verb about all."""
    own = [attacker["iterations"] is not None for attacker in attackers]
    if all(own):
        return "All attacks were"
    whose = "Other attacks" if any(own) else "Attacks"
    return f"{whose} had at most {count(iterations, 'iteration')}, and all were"


def _trainings(clients: dict[str, dict], config: dict) -> str:
    """How networks were trained, and with which dropout rates."""
    settings = config["utility"]
    by_rates: dict[str, list[str]] = {}
    for name, client in clients.items():
        rates = sorted(training_rates(config, *training_of(client)))
        by_rates.setdefault(rates_in_words(rates), []).append(name)
    return (
        f"For accuracy, the same {'network was' if len(clients) == 1 else 'networks were'} trained "
        f"on {count(settings['seeds'], 'seed')} for {count(settings['epochs'], 'epoch')} "
        f"(optimiser {settings['optimiser']}, learning rate {settings['learning_rate']}, batches "
        f"of {settings['batch_size']}), from "
        f"{_starts(clients.values(), settings['initialisation'])}, with dropout at "
        f"{_by_client(by_rates) if len(by_rates) > 1 else next(iter(by_rates))}."
    )


def _network(client: dict, facts: pd.Series) -> str:
    """What a client's network is, where its weights come from, and what its batch norm does."""
    parts = [presets.network(client)]
    if client["network"] not in NETWORKS:
        parts.append(f"{facts['parameters']:,} parameters")
    if isinstance(facts["batch_norm"], str):
        parts.append(_BATCH_NORM[facts["batch_norm"]])
    return ", ".join(parts)


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
    """Where a client's network has dropout."""
    if is_module(client):
        return f"in {count(facts['dropout_layers'], 'dropout layer')}"
    return presets.site(client)


def _labels(facts: pd.Series) -> str:
    """What an attacker goes by who infers the labels of a client's images."""
    if isinstance(facts["labels_from"], str):
        return f"can be inferred from {facts['labels_from']}"
    return "have to be optimised with the images, as the gradient does not show them"


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

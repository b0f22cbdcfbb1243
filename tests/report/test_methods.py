"""The methods paragraph says what was run, with the references that it cites."""

import re
from pathlib import Path

import pandas as pd
import pytest

from dropleak.data import datasets
from dropleak.engine import defences
from dropleak.engine.attack import distances
from dropleak.engine.models import zoo
from dropleak.engine.models.zoo import NETWORKS
from dropleak.planning import config as configuration
from dropleak.planning.schema import load_presets, settings_of
from dropleak.planning.validation import complete
from dropleak.report import methods, presets
from dropleak.report.methods import BIBLIOGRAPHY, bibliography, paragraph

VERSIONS = {
    **{"dropleak": "0.1.0", "snakemake": "9.0", "torch": "2.1", "scipy": "1.0"},
    **{"pandas": "3.0", "seaborn": "0.13", "python": "3.12", "numpy": "2.0", "matplotlib": "3.9"},
}


def described(
    device="cpu",
    commit="0123456789abcdef",
    dirty=False,
    batch_norm="running",
    labels_from="the classifier's bias",
    torch=("2.0", "2.0"),
    **changes,
):
    config = complete({"experiment": "test"} | changes)
    clients, attackers = configuration.clients(config), configuration.attackers(config)
    jobs = {"host": ["a", "b"], "device": [device] * 2, "seconds": [3600.0, 1800.0]}
    return paragraph(
        config=config,
        clients={name: clients[name] for name in config["clients"]},
        attackers={name: attackers[name] for name in config["attackers"]},
        networks=pd.DataFrame(
            {"client": list(clients), "parameters": 1234, "dropout_layers": 2}
            | {"batch_norm": batch_norm, "labels_from": labels_from}
        ),
        dataset="the folder my_images",
        shape=[3, 32, 32],
        attacks=pd.DataFrame(jobs | {"engine_version": 3, "torch_version": torch}),
        utility=pd.DataFrame(jobs),
        versions=VERSIONS,
        revision={"commit": commit, "dirty": dirty},
    )


def of_client(**settings):
    """Configuration keys for a client with these settings."""
    return {"clients": ["mine"], "presets": {"clients": {"mine": settings}}}


def test_each_of_several_clients_is_described():
    text = described(images=8, clients=["lenet", "relu-convnet", "lenet-4"])
    assert r"Images an update: 4 images (\texttt{lenet-4}); 1 image (the others)." in text
    assert r"Networks: a convolutional network with ReLU" in text
    assert r"(\texttt{relu-convnet}); the LeNet of Zhu et al." in text
    assert "the same networks were trained" in text
    assert "all clients, rates and attackers met the same problems" in text


def test_what_clients_share_is_said_once():
    noises = {
        f"noise-{index}": {"defence": {"gaussian-noise": {"standard_deviation": 10.0**-index}}}
        for index in (1, 2)
    }
    text = described(clients=["lenet", *noises], presets={"clients": noises})
    assert text.count("the LeNet of") == text.count("Gaussian noise") == 1
    assert r"Defences: none (\texttt{lenet}); Gaussian noise on the gradient" in text
    assert r"(\texttt{lenet}); standard deviation 0.1 (\texttt{noise-1}); stand" in text


def test_attackers_are_named_by_client_if_they_differ():
    own = {"presets": {"clients": {"mine": {"attackers": ["dlg"]}}}}
    text = described(clients=["lenet", "mine"], attackers=["idlg"], **own)
    assert r"Attackers: \texttt{idlg} (\texttt{lenet}); \texttt{dlg} (\texttt{mine})." in text
    assert "Attackers:" not in described(clients=["lenet", "relu-convnet"])


def test_a_budget_of_an_attackers_own_is_said():
    own = {"presets": {"attackers": {"mine": {"iterations": 1200}}}}
    text = described(attackers=["idlg", "mine"], **own)
    assert "learning rate 1, at most 1,200 iterations." in text
    assert "Other attacks had at most 5,800 iterations" in text
    assert "Other attacks" not in described()
    only = described(attackers=["mine"], **own)
    assert "All attacks were computed in float32." in only
    assert "5,800" not in only


def test_the_only_other_client_is_named():
    text = described(clients=["lenet", "relu-convnet"])
    assert "the others" not in text


def test_it_describes_the_attacks():
    text = described(images=48, rates=[0.0, 0.3], attackers=["idlg", "dropout-inversion"])
    assert "48 test images" in text
    assert r"(32$\times$32$\times$3)" in text
    assert "at rates 0.0 and 0.3" in text
    assert r"\texttt{idlg}: labels inferred" in text
    assert "masks optimised" in text
    assert "5,800 iterations" in text
    assert r"commit \texttt{0123456789ab}, engine version 3" in text
    assert "3 core hours on 2 machines" in text


def test_it_says_when_attacks_stop_early():
    early = {"patience": 4000, "target_loss": 1e-5}
    text = described(attackers=["idlg", "mine"], presets={"attackers": {"mine": early}})
    assert "stopped at a loss below 1e-05 or after 4,000 iterations without a lower loss" in text
    assert text.count("stopped") == 1


def test_it_says_if_the_code_is_not_that_of_a_commit():
    assert r"commit \texttt{0123456789ab} with changes that are not committed" in described(
        dirty=True
    )
    assert "(commit not known, engine version 3)" in described(commit=None, dirty=None)


@pytest.mark.parametrize(
    ("dropout", "words", "proposed"),
    [
        ("classifier", r"before the classifier as proposed by Zheng \cite{zheng2021dropout}", True),
        ("convolutions", "after each convolution", False),
        ("both", "and also after each convolution", True),
    ],
)
def test_only_the_papers_site_of_dropout_is_called_its_proposal(dropout, words, proposed):
    text = described(rates=[0.0, 0.5], **of_client(dropout=dropout))
    assert f"{words} at rates 0.0 and 0.5;" in text
    assert ("Zheng" in text) == proposed


@pytest.mark.parametrize(
    ("defence", "words"),
    [
        ({}, "at rates 0.0, 0.1, 0.2, 0.3, 0.4 and 0.5; labels can"),
        (
            {"sign": {}},
            r"defended by the sign of every entry of the gradient \cite{bernstein2018signsgd};",
        ),
        (
            {"dp-sgd": {"norm": 1, "multiplier": 0.5}},
            r"on their mean \cite{abadi2016deep} with norm 1 and multiplier 0.5; labels",
        ),
    ],
)
def test_a_defence_is_described_with_its_settings(defence, words):
    assert words in described(**of_client(defence=defence))


def test_an_attacker_that_adapts_is_said_to():
    assert "adapted to the client's defence" in described(attackers=["adaptive"])
    assert "adapted" not in described(attackers=["idlg"])


def test_the_statistics_are_those_that_were_used():
    text = described(images=8, clients=["lenet-4"])
    assert r"Student's \cite{student1908probable} for means, of errors over updates and" in text
    assert "errors over images or updates" in described(images=8, clients=["lenet", "lenet-4"])
    assert r"Wilson's \cite{wilson1927probable} for the shares of successes" in text
    assert "differences by paired $t$-tests" in text
    assert "errors over images and" in described()


def test_hours_on_a_gpu_are_gpu_hours():
    assert "3 GPU hours (NVIDIA H200)" in described(device="NVIDIA H200")


def test_a_users_names_do_not_break_latex(tmp_path):
    for folder in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / folder).mkdir(parents=True)
        for n in range(4):
            (tmp_path / folder / f"{n}.png").touch()
    data = {"source": "folder", "root": str(tmp_path)}
    text = described(
        data=data,
        images=4,
        presets={"attackers": {"my-own": {"masks": "ignore"}}},
        attackers=["my-own"],
    )
    assert r"\texttt{my-own}" in text
    assert r"my\_images" in text


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", load_presets("attackers"))
def test_every_citation_has_one_complete_entry(name, network):
    text = described(attackers=[name], **of_client(network=network))
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", text) for key in keys.split(",")}
    references = bibliography(text)
    assert set(re.findall(r"^@\w+\{(.*),$", references, re.M)) == cited
    for entry in references.split("\n\n"):
        assert entry.count("{") == entry.count("}")
        for field in ("author", "title", "year"):
            assert f"  {field} = {{" in entry


def test_every_reference_is_cited():
    entries = set(re.findall(r"^@\w+\{(.*),$", BIBLIOGRAPHY.read_text(encoding="utf-8"), re.M))
    modules = (methods, presets, datasets, zoo, distances, defences)
    texts = [Path(module.__file__).read_text(encoding="utf-8") for module in modules]
    assert entries == set(re.findall(r"\\cite\{+(\w+)\}", "".join(texts)))


def _attacker_settings():
    return settings_of("attackers")["properties"]


def test_every_choice_of_an_attacker_has_its_own_description():
    """Except `none`, which needs none."""
    for key, schema in _attacker_settings().items():
        choices = [choice for choice in schema.get("enum", []) if choice != "none"]
        assert len({presets.SETTINGS[key][choice] for choice in choices}) == len(choices)


@pytest.mark.parametrize(
    ("network", "dropout"),
    [(name, dropout) for name, entry in NETWORKS.items() for dropout in entry.sites],
)
def test_every_network_is_described(network, dropout):
    text = described(**of_client(network=network, dropout=dropout))
    assert f"1 image in {NETWORKS[network].method}, " in text
    assert ("drawn anew for each client" in text) == NETWORKS[network].drawn_for_each_client


@pytest.mark.parametrize(
    ("batch_norm", "known"),
    [("running", "which an attacker knows"), ("batch", "which an attacker does not know")],
)
def test_a_users_network_and_its_batch_norm_are_described(tmp_path, batch_norm, known):
    (tmp_path / "my_network.py").touch()
    (tmp_path / "my_weights.pt").touch()
    files = {
        "network": f"{tmp_path}/my_network.py:build",
        "weights": f"{tmp_path}/my_weights.pt",
    }
    text = described(batch_norm=batch_norm, **of_client(**files, batch_norm=batch_norm))
    assert r"1 image in the network \texttt{build} of \texttt{my\_network.py}, with the" in text
    assert known in text
    assert r"the weights \texttt{my\_weights.pt} for all clients, 1,234 parameters" in text
    assert "in 2 dropout layers at rates 0.0, 0.1, 0.2, 0.3, 0.4 and 0.5; labels can" in text
    assert "from the attacked weights" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("labels_from", "words"),
    [
        ("the lowest row", "; labels can be inferred from the lowest row."),
        (None, "; labels have to be optimised with the images"),
    ],
)
def test_it_says_what_labels_are_inferred_from(labels_from, words):
    assert words in described(labels_from=labels_from)
    several = described(labels_from=labels_from, clients=["lenet", "relu-convnet"])
    assert several.count(words) == 1


@pytest.mark.parametrize("network", ["lenet", "mlp"])
def test_a_trained_network_is_described_with_its_training(network):
    text = described(rates=[0.0, 0.35], **of_client(network=network, weights="trained", epochs=1))
    assert f"1 image in {NETWORKS[network].method}, " in text
    assert "with the weights after 1 epoch of the first training for all clients" in text
    assert "drawn anew for each client" not in text
    assert "uniform in" not in text
    assert "trained weights on the seed, the client and the rate" in text
    assert "with dropout at rates 0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8 and" in text
    start = described(**of_client(network=network, weights="trained", epochs=0))
    assert "with the initial weights of the first training for all clients" in start
    starts = {"lenet": "from weights as by Glorot", "mlp": "from weights drawn anew for each seed"}
    assert starts[network] in text


def test_each_clients_network_is_trained_with_its_rates():
    """Those of a client's own, else those for accuracy; trained clients need those of attacks."""
    signs = {"defence": {"sign": {}}, "rates": [0.0]}
    mine = {"network": "mlp", "weights": "trained", "epochs": 1}
    text = described(
        clients=["lenet", "relu-convnet", "signs", "mine"],
        presets={"clients": {"signs": signs, "mine": mine}},
        rates=[0.3, 0.0],
        utility={"rates": [0.5, 0.0]},
    )
    rates = r"rate 0.0 (\texttt{signs}); rates 0.0, 0.3 and 0.5 (\texttt{mine})"
    assert f", with dropout at {rates}; rates 0.0 and 0.5 (the others)." in text
    assert ", with dropout at rates 0.0 and 0.5." in described(utility={"rates": [0.0, 0.5]})


def test_versions_are_those_that_made_the_attacks():
    """Attacks are kept when PyTorch is updated."""
    text = described(torch=("1.9", "1.10"))
    assert "PyTorch \\cite{paszke2019pytorch} 1.9 and 1.10," in text
    assert "engine version 3)" in text


def test_weights_that_a_module_draws_are_drawn_for_each_seed():
    assert "from weights drawn anew for each seed" in described(**of_client(network="mlp"))


def test_without_batch_norm_nothing_is_said_of_it():
    assert "batch norm" not in described(batch_norm=None, **of_client(network="mlp"))

"""Networks and weights in a user's files: what is read, and what is refused with one message."""

import pickle
import re
import sys
from pathlib import Path

import pytest
import torch
from bad import Payload
from safetensors.torch import save_file

from dropleak.engine.client.client import Client
from dropleak.errors import InputError

FILE = """
from torch import nn

def build(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Sigmoid(), nn.Linear(6, classes))
"""
EXITING = """

class Exiting(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.last = nn.Linear(64, classes)

    def forward(self, x):
        raise SystemExit(1)
"""
SHAPE = (1, 8, 8)


@pytest.fixture
def build(tmp_path):
    """Builds the network of a file with this text, with weights of this path or this state."""

    def build_one(text=FILE, function="build", weights=None, shape=SHAPE, **settings):
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        if isinstance(weights, dict):
            save_file(weights, tmp_path / "mine.safetensors")
            weights = tmp_path / "mine.safetensors"
        client = Client(f"{path}:{function}", weights=weights and str(weights), **settings)
        network = client.build(shape, 3)
        client.check(network, torch.empty(0))
        return network

    return build_one


@pytest.fixture
def state(build):
    """The weights that the function draws, made recognisable."""
    return {name: p + 1 for name, p in build().parameters.items()}


def test_what_a_function_draws_is_reproducible(build):
    before = torch.random.get_rng_state()
    one, other = build().parameters, build().parameters
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_are_those_of_the_file(build, state):
    for name, parameter in build(weights=state).parameters.items():
        assert torch.equal(parameter, state[name])


def test_a_state_dict_of_torch_is_read(build, state, tmp_path):
    torch.save(state, tmp_path / "mine.pt")
    found = build(weights=tmp_path / "mine.pt").parameters
    assert torch.equal(found["3.bias"], state["3.bias"])


def test_a_built_in_module_takes_weights(tmp_path):
    own = {name: p + 1 for name, p in Client("mlp").build(SHAPE, 3).parameters.items()}
    save_file(own, tmp_path / "mlp.safetensors")
    network = Client("mlp", weights=str(tmp_path / "mlp.safetensors")).build(SHAPE, 3)
    assert all(torch.equal(p, own[name]) for name, p in network.parameters.items())


def test_files_beside_it_can_be_imported_and_nothing_is_left(build, tmp_path):
    (tmp_path / "width_of_mine.py").write_text("WIDTH = 6\n", encoding="utf-8")
    path = list(sys.path)
    build(f"from width_of_mine import WIDTH\n{FILE}".replace("64, 6", "64, WIDTH"))
    assert sys.path == path
    assert {file.name for file in tmp_path.iterdir()} == {"mine.py", "width_of_mine.py"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"function": "bild"}, "has no function bild; did you mean build?"),
        ({"text": "1 / 0"}, "importing the file raises ZeroDivisionError: division by zero"),
        ({"text": "import sys; sys.exit('no')"}, "importing the file raises SystemExit: no"),
        ({"text": "import nowhere_to_be_found"}, "raises ModuleNotFoundError"),
        ({"text": "def build(shape): pass"}, "it takes (shape, classes) and returns a torch.nn"),
        ({"text": f"{FILE}{EXITING}", "function": "Exiting"}, "(SystemExit: 1)"),
        (
            {
                "text": FILE.replace("return nn.S", "return nn.DataParallel(nn.S").replace(
                    "))\n", ")))\n"
                )
            },
            "what DataParallel",
        ),
        ({"text": FILE.replace("nn.Linear(64, 6)", "nn.LazyLinear(6)")}, "has lazy layers"),
        ({"text": "import sys\ndef build(*_): sys.exit(0)"}, "the function raises SystemExit: 0"),
        ({"text": "def build(shape, classes): return 3"}, "the function returns int"),
        (
            {"text": "from torch import nn\ndef build(shape, classes): return nn.Linear"},
            "the function returns the class Linear",
        ),
        (
            {"text": FILE.replace("64, 6", "64, 6, device='meta'")},
            "are on the device meta",
        ),
        (
            {"text": FILE.replace("6, classes", "6, 4")},
            "it returns (2, 4) instead of logits of shape (2, 3)",
        ),
        (
            {"text": FILE.replace("nn.Linear(6, classes)", "nn.Dropout()")},
            "it returns (2, 6) instead of logits of shape (2, 3)",
        ),
        (
            {"text": FILE.replace("nn.Sequential", "nn.Flatten() or nn.Sequential")},
            "has no parameter that requires a gradient",
        ),
        ({"shape": (1, 9, 9)}, "does not take images of 1 x 9 x 9"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(build, change, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        build(**change)
    assert str(caught.value).startswith("network ")
    assert "mine.py" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("1.bias"), "has no 1.bias; save the state_dict"),
        (
            lambda state: state.update({"2.weight": torch.zeros(1)}),
            "has 2.weight, which the network has not",
        ),
        (
            lambda state: state.update({"1.bias": torch.zeros(7)}),
            "has 1.bias of shape (7,) instead of (6,)",
        ),
        (
            lambda state: state.update({name: p.to("meta") for name, p in state.items()}),
            "has no values, as it is of the device meta",
        ),
        (
            lambda state: state.update({"1.bias": torch.full((6,), torch.nan)}),
            "have NaN or infinity in 1.bias",
        ),
    ],
    ids=["missing", "surplus", "shape", "meta", "nan"],
)
def test_weights_of_another_network_are_refused(build, state, tmp_path, change, words):
    change(state)
    torch.save(state, tmp_path / "mine.pt")
    with pytest.raises(InputError, match=re.escape(words)):
        build(weights=tmp_path / "mine.pt")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_names_that_a_wrapper_gave_weights_are_understood(build, state, prefix):
    wrapped = {f"{prefix}{name}": p for name, p in state.items()}
    parameters = build(weights=wrapped).parameters
    assert all(torch.equal(p, state[name]) for name, p in parameters.items())


@pytest.mark.parametrize("name", ["weights.pt", "weights.pkl", "weights.safetensors"])
def test_a_pickle_is_never_unpickled(build, tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
    with pytest.raises(InputError, match="is neither safetensors nor a state dict"):
        build(weights=tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_a_checkpoint_with_more_than_weights_is_refused(build, state, tmp_path):
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "mine.pt")
    with pytest.raises(InputError, match="holds the keys epoch, state_dict; save the state_dict"):
        build(weights=tmp_path / "mine.pt")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_half_a_file_is_refused(build, state, tmp_path, name):
    path = tmp_path / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="or it is damaged"):
        build(weights=path)


def test_weights_of_any_precision_are_read(build, state):
    for kind in (torch.bfloat16, torch.float16, torch.float64):
        found = build(weights={name: p.to(kind) for name, p in state.items()}).parameters
        for name, parameter in found.items():
            assert torch.equal(parameter, state[name].to(kind).float())


def test_weights_that_are_not_there_are_named(build, tmp_path):
    with pytest.raises(InputError, match=r"mine\.pt cannot be read"):
        build(weights=Path(tmp_path, "mine.pt"))

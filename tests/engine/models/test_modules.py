"""Networks that are torch modules are what their entries say."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dropleak.engine import rng
from dropleak.engine.client.client import Client
from dropleak.engine.models import modules
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import NETWORKS
from dropleak.errors import InputError

MODULES = ["mlp", "vit", "convnet", "resnet18"]


def own(network):
    keys = rng.image_keys(0, torch.arange(1))
    return {name: p[0] for name, p in network.initial_parameters(keys).items()}


@pytest.mark.parametrize("name", MODULES)
def test_an_entry_is_true(name):
    network = Client(name).build((3, 32, 32), 10)
    parameters = own(network)
    assert sum(p.numel() for p in parameters.values()) == NETWORKS[name].parameters
    ones = [torch.ones(())] * len(network.dropout_shapes())
    with FlopCounterMode(display=False) as counter:
        logits = network.forward(parameters, torch.rand(1, 3, 32, 32), ones)
    assert logits.shape == (1, 10)
    millions = counter.get_total_flops() / 2e6
    assert millions == pytest.approx(NETWORKS[name].multiplications, rel=0.02)


@pytest.mark.parametrize("name", ["mlp", "vit", "convnet"])
def test_other_shapes_and_numbers_of_classes(name):
    network = Client(name).build((1, 20, 12), 3)
    assert network.dropout_shapes()
    masks = [torch.ones(2, *shape) for shape in network.dropout_shapes()]
    assert network.forward(own(network), torch.rand(2, 1, 20, 12), masks).shape == (2, 3)


def test_dropout_is_where_the_papers_have_it():
    layer = [(16, 65, 65), (65, 256), (65, 256), (65, 256)]
    assert Client("vit").build((3, 32, 32), 10).dropout_shapes() == [(65, 256), *4 * layer]
    assert Client("mlp").build((3, 32, 32), 10).dropout_shapes() == 3 * [(512,)]


def test_weights_depend_on_the_seed_alone():
    state = torch.random.get_rng_state()
    one, same, other = (own(Client("mlp").build((1, 8, 8), 10, s)) for s in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, parameter in one.items():
        assert torch.equal(parameter, same[name])
        assert not torch.equal(parameter, other[name])


def test_patches_do_not_overlap_the_border():
    with pytest.raises(InputError, match="30 x 32 is no multiple"):
        Client("vit").build((3, 30, 32), 10)


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    block = modules.ViT((3, 32, 32), 10).eval().layers[0].inner
    torchs = nn.MultiheadAttention(256, 16, batch_first=True)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(block.qkv.weight)
        torchs.in_proj_bias.zero_()
        torchs.out_proj.load_state_dict(block.out[0].state_dict())
    x = torch.rand(2, 65, 256)
    torch.testing.assert_close(block(x), torchs(x, x, x)[0], rtol=1e-4, atol=1e-5)


def test_torchvision_is_imported_for_what_needs_it_alone():
    code = (
        "import sys; from dropleak.engine.client.client import Client; "
        "assert 'torch' not in sys.modules; "
        "network = Client('mlp').build((1, 8, 8), 10); "
        "assert isinstance(network.classes, int); assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert isinstance(Client("resnet18").build((3, 32, 32), 10), ModuleNetwork)

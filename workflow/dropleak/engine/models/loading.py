"""Torch modules of a user: the function that makes one, imported from its file, and its weights.

The file is executed. Weights are not: they are read as safetensors, or with `weights_only`.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from textwrap import shorten

import torch
from torch import Tensor, nn
from torch.jit import ScriptModule
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import is_lazy

from dropleak.engine.models.layer import Shape
from dropleak.errors import InputError

Builder = Callable[[Shape, int], nn.Module]

_WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before the names of weights."""


def function_of(network: str) -> Builder:
    """The function of a network that is named `file.py:function`, for which the file is executed.

    Raises:
        InputError: the file raises an exception, or has no such function.
    """
    path, _, name = network.rpartition(":")
    spec = spec_from_file_location(f"network_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    file = module_from_spec(spec)
    sys.modules[spec.name] = file  # where dataclasses look for their module
    with _beside(path):
        try:
            spec.loader.exec_module(file)
        except (Exception, SystemExit) as error:  # whatever a user's code raises
            raise InputError(f"importing the file raises {_text(error)}; correct it") from error
    function = getattr(file, name, None)
    if not callable(function):
        others = [key for key, value in vars(file).items() if callable(value)]
        close = get_close_matches(name, others, n=1)
        raise InputError(
            f"the file has no function {name}{f'; did you mean {close[0]}?' if close else ''}"
        )

    def build(shape: Shape, classes: int) -> nn.Module:
        with _beside(path):
            return function(shape, classes)

    return build


def drawn(build: Builder, shape: Shape, classes: int, seed: int) -> nn.Module:
    """The module that a function makes, which draws the same weights for the same seed.

    Args:
        build: from the images' shape (channels, height, width) and the number of classes.
        shape, classes: its arguments.
        seed: of torch's random numbers, which are left as they were.

    Raises:
        InputError: it raises an exception, or does not return a module.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            module = build(shape, classes)
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # whatever a user's code raises
            raise InputError(
                f"for images of shape {shape} and {classes} classes the function raises "
                f"{_text(error)}; it takes (shape, classes) and returns a torch.nn.Module"
            ) from error
    if isinstance(module, type):
        raise InputError(
            f"the function returns the class {module.__name__}; return one of its objects"
        )
    if not isinstance(module, nn.Module):
        raise InputError(
            f"the function returns {type(module).__name__}; it must return a torch.nn.Module"
        )
    if any(map(_is_wrapper, module.modules())):
        raise InputError(
            "the function returns what DataParallel, torch.compile or torch.jit made of a module; "
            "return the module itself"
        )
    if any(map(is_lazy, module.parameters())):
        raise InputError("it has lazy layers, whose weights have no shapes yet; give their sizes")
    return module


def _is_wrapper(module: nn.Module) -> bool:
    kinds = nn.DataParallel, DistributedDataParallel, ScriptModule
    return isinstance(module, kinds) or hasattr(module, "_orig_mod")


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Give a module the weights of a file: its whole state dict and nothing else.

    Those of a wrapper around it will do too, as DataParallel saves them.

    Raises:
        InputError: it cannot be read without unpickling, or is not the state of this module.
    """
    state, own = dict(_read(Path(path))), module.state_dict()
    for prefix in _WRAPPERS:
        if not any(name.startswith(prefix) for name in own):
            consume_prefix_in_state_dict_if_present(state, prefix)
    problems = [
        f"has no {_some(own.keys() - state.keys())}" if own.keys() - state.keys() else None,
        f"has {_some(state.keys() - own.keys())}, which the network has not"
        if state.keys() - own.keys()
        else None,
        *(
            f"has {name} of shape {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ),
        "has no values, as it is of the device meta"
        if any(tensor.is_meta for tensor in state.values())
        else None,
    ]
    if found := list(filter(None, problems)):
        raise InputError(
            f"weights: {path} {'; '.join(found[:5])}; save the state_dict of this very network"
        )
    try:
        module.load_state_dict(state)
    except Exception as error:  # whatever a user's code raises
        raise InputError(f"weights: {path} cannot be used ({_text(error)})") from error


def check_state(module: nn.Module) -> None:
    """Check that a module has parameters for a client to share, and what they hold.

    Raises:
        InputError: it has none, or some of its state is no number.
    """
    trained = [name for name, p in module.named_parameters() if p.requires_grad]
    if not trained:
        raise InputError(
            "the network has no parameter that requires a gradient, so a client has none to share"
        )
    state = [*module.named_parameters(), *module.named_buffers()]
    if any(tensor.is_meta for _, tensor in state):
        raise InputError("the network's weights are on the device meta; make them on the CPU")
    bad = [name for name, t in state if t.is_floating_point() and not t.isfinite().all()]
    if bad:
        raise InputError(f"the network's weights have NaN or infinity in {_some(bad)}")


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # which attacks on others do without

            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # about old formats
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"weights: {path} cannot be read ({error.strerror or error})") from None
    except Exception:  # of many kinds
        raise InputError(
            f"weights: {path} is neither safetensors nor a state dict that torch reads with "
            "weights_only, or it is damaged; it is not unpickled, as this could execute anything; "
            "save the weights with safetensors.torch.save_file(network.state_dict(), ...)"
        ) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        held = (
            f"the keys {_some(map(str, state))}"
            if isinstance(state, Mapping)
            else type(state).__name__
        )
        raise InputError(f"weights: {path} holds {held}; save the state_dict alone")
    return state


def _some(names: object) -> str:
    """The first names in alphabetical order, and how many others there are."""
    ordered = sorted(names)  # type: ignore[call-overload]
    others = f" and {len(ordered) - 5} others" if len(ordered) > 5 else ""
    return ", ".join(ordered[:5]) + others


@contextmanager
def _beside(path: str) -> Iterator[None]:
    """Within it files beside one can be imported, and nothing is written there."""
    writes = sys.dont_write_bytecode
    sys.path.insert(0, str(Path(path).parent))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path.remove(str(Path(path).parent))
        sys.dont_write_bytecode = writes


def _text(error: BaseException) -> str:
    """An exception on one line."""
    return shorten(f"{type(error).__name__}: {error}", 300)

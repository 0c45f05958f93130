"""Opens safetensors files: weights for a module that the operator's own code makes.

Weights in this format are numbers and cannot do anything. The code that makes the module is
Python, so it must lie beneath a name that the operator of the server allows.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.backends.archive import read_once
from runtime.backends.base import LoadOptions, Signature, TensorSpec
from runtime.backends.torch_gate import PICKLE_ADVICE, is_pickle
from runtime.backends.torch_names import (
    may_batch,
    ordered,
    places,
    refuse_undeclared,
)
from runtime.backends.torch_results import in_order
from runtime.backends.torch_run import (
    ALLOWED,
    Opened,
    Precision,
    TorchBackend,
    ready_weights,
)
from runtime.errors import LeeboardError, ModelError

if TYPE_CHECKING:
    import torch

PLATFORM = "pytorch_module"
MODULE, ARGUMENTS = "module", "arguments"
MODULES_VARIABLE = "LEEBOARD_MODULES"
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*", re.ASCII)
MOST_NAMED = 3


def module_backend() -> TorchBackend:
    """Return a backend for ``.safetensors`` files."""
    return TorchBackend(open_module, (MODULE, ARGUMENTS))


def open_module(path: Path, options: LoadOptions, precision: Precision) -> Opened:
    """Make the module, give it the file's weights, and match its arguments."""
    weights = read_weights(path)
    refuse_undeclared("a module", options)
    factory = factory_of(path, options)
    module = made_by(factory, options)
    fill(module, weights)
    ready_weights(module, precision)
    inputs, call = arranged(module, options.inputs)
    outputs = ordered("output", options.outputs)
    signature = Signature(PLATFORM, inputs, outputs, may_batch(inputs, outputs))
    return Opened(signature, in_order(call, outputs))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file; raises ModelError for one that is none, or broken."""
    data = read_once(path)
    if is_pickle(data):
        raise ModelError(f"{path} {PICKLE_ADVICE}")
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError as error:
        raise ModelError(
            f"{path} needs safetensors, which cannot be imported ({error}): "
            "pip install 'leeboard[torch]'"
        ) from error
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{path} is not a whole safetensors file ({error}); copy it again"
        ) from error


def allowed_names(options: LoadOptions) -> list[str]:
    """Return the package and module names that factories may come from."""
    listed = options.extra.get(ALLOWED, os.environ.get(MODULES_VARIABLE, ""))
    return [name.strip() for name in listed.split(",") if name.strip()]


def factory_of(path: Path, options: LoadOptions) -> Callable[..., Any]:
    """Import the factory that the option names, if it is allowed."""
    name = options.extra.get(MODULE, "")
    if not DOTTED.fullmatch(name):
        raise ModelError(
            f"{path} has weights only; name what makes its module: option {MODULE}, for "
            f"example my_models.ranker:build (it is {name!r})"
        )
    split = name.rfind(":") if ":" in name else name.rfind(".")
    home, attribute = name[:split], name[split + 1 :]
    allowed = allowed_names(options)
    if not any(home == one or home.startswith(f"{one}.") for one in allowed):
        raise ModelError(
            f"module {home!r} may not be imported: allowed are "
            f"{', '.join(allowed) or 'none'}; the operator allows it with "
            f"--allow-module {home.partition('.')[0]}"
        )
    try:
        factory = getattr(import_module(home), attribute)
    except Exception as error:
        # It is the user's code: whatever its import raises is why it cannot be used.
        raise ModelError(
            f"option {MODULE}: {name} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    if not callable(factory):
        raise ModelError(f"option {MODULE}: {name} is not a function or a class")
    made: Callable[..., Any] = factory
    return made


def made_by(factory: Callable[..., Any], options: LoadOptions) -> torch.nn.Module:
    """Call the factory; raises ModelError for what it raises and for what is no module."""
    import torch

    text = options.extra.get(ARGUMENTS, "{}")
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise ModelError(f"option {ARGUMENTS} is not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise ModelError(f"option {ARGUMENTS} must be a JSON object, it is {text[:60]}")
    name = options.extra[MODULE]
    try:
        with torch.inference_mode(False):  # Some modules compute with their own weights.
            module = factory(**arguments)
    except LeeboardError:
        raise
    except Exception as error:
        # It is the user's code: whatever it raises is why there is no module.
        raise ModelError(
            f"{name} failed to make the module ({type(error).__name__}: {error}); correct "
            f"it, or option {ARGUMENTS}"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"{name} made a {type(module).__name__}, not a torch.nn.Module")
    return module.eval().requires_grad_(False)


def fill(module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give a module its weights, all of them, in its own dtypes and shapes.

    Of tensors that share their memory, the file needs to have only one.
    """
    own = module.state_dict()
    filled = {own[name].data_ptr() for name in weights if name in own}
    missing = sorted(
        n for n in own if n not in weights and own[n].data_ptr() not in filled - {0}
    )
    unexpected = sorted(set(weights) - set(own))
    if missing or unexpected:
        raise ModelError(
            "weights and module do not fit: "
            + f"the file lacks {some(missing)}; " * bool(missing)
            + f"the module has no {some(unexpected)}; " * bool(unexpected)
            + "use the factory and arguments that they were trained with"
        )
    for name, tensor in weights.items():
        wanted = own[name]
        if wanted.dtype != tensor.dtype or wanted.shape != tensor.shape:
            raise ModelError(
                f"weight {name!r} is {tensor.dtype} {list(tensor.shape)}, the module has "
                f"{wanted.dtype} {list(wanted.shape)}; save it as the module has it"
            )
    module.load_state_dict(dict(weights), strict=False)  # Compared above.


def some(names: Sequence[str]) -> str:
    """Return the first few names for a message."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def arranged(
    module: torch.nn.Module, declared: Sequence[TensorSpec]
) -> tuple[tuple[TensorSpec, ...], Callable[..., Any]]:
    """Return the inputs in the order of `forward`, and the module as a function of them."""
    parameters = [
        p
        for p in inspect.signature(module.forward).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if not parameters:  # It takes *args: the declared order is all there is.
        return ordered("input", declared), module
    names = [p.name for p in parameters]
    where = dict(zip(places("input", declared, names), declared, strict=True))
    for place, parameter in enumerate(parameters):
        if place not in where and parameter.default is parameter.empty:
            raise ModelError(
                f"the module's argument {parameter.name!r} is not declared; declare an "
                f"input of this name, or INPUT__{place}"
            )
    order = sorted(where)
    specs = tuple(where[place] for place in order)
    keyword_only = any(
        parameters[place].kind == parameters[0].KEYWORD_ONLY for place in order
    )
    if order == list(range(len(order))) and not keyword_only:
        return specs, module
    keywords = [names[place] for place in order]
    return specs, lambda *inputs: module(**dict(zip(keywords, inputs, strict=True)))

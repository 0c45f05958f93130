"""Opens TorchScript files (``.pt``, ``.ts``), a format that PyTorch calls deprecated.

Such a file carries its own program, in a language of PyTorch's without access to Python.
Its tensors have no types, so they must be declared.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.backends.archive import Archive, build_archive
from runtime.backends.base import LoadOptions, Signature, TensorSpec
from runtime.backends.torch_gate import open_torch
from runtime.backends.torch_names import (
    may_batch,
    ordered,
    places,
    refuse_undeclared,
)
from runtime.backends.torch_results import in_order
from runtime.backends.torch_run import Opened, Precision, TorchBackend, ready_weights
from runtime.errors import ModelError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

PLATFORM = "pytorch_libtorch"
REACHES_OUT = ("torch.from_file", "torch.save", "torch.load", "ops.aten.from_file",
               "ops.aten.save", "aten::save")  # fmt: skip
"""Calls by which a script could touch files."""

NUMBERS = {"int": int, "float": float, "bool": bool}


def script_backend() -> TorchBackend:
    """Return a backend for TorchScript files."""
    return TorchBackend(open_script)


def open_script(path: Path, options: LoadOptions, precision: Precision) -> Opened:
    """Load a script and match its arguments with the declared inputs."""
    _, archive = open_torch(path)
    if "constants.pkl" not in archive.members:
        raise ModelError(
            f"{path} is not a TorchScript file; a program of torch.export has the suffix "
            ".pt2, weights alone .safetensors"
        )
    refuse_undeclared("TorchScript", options)
    module = load_script(path, archive)
    logger.warning(
        "%s is TorchScript, which PyTorch has deprecated; export it with torch.export.save "
        "when you can",
        path,
    )
    ready_weights(module, precision)
    inputs, fill = arranged(module, options.inputs)
    outputs = ordered("output", options.outputs)
    signature = Signature(PLATFORM, inputs, outputs, may_batch(inputs, outputs))
    return Opened(signature, in_order(fill, outputs))


QUIET = threading.Lock()
"""Filters of warnings are the whole process's: two loads at once would mix them up."""


def load_script(path: Path, archive: Archive) -> torch.jit.ScriptModule:
    """Load a script from the members that were read and checked."""
    import torch

    for name in archive.members:
        refuse_reaching_out(archive, name)
    members = ((name, archive.read(name)) for name in archive.members)
    try:
        with QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Said once, in our words.
            jit: Any = torch.jit
            opened: Any = jit.load(build_archive(archive.root, members), "cpu")
    except Exception as error:
        # The loader raises whatever its parts do; each means that the file is unusable.
        lines = str(error).strip().splitlines() or [""]
        raise ModelError(
            f"{path} cannot be loaded as TorchScript by PyTorch {torch.__version__}: "
            f"{lines[0]}; copy it or make it again"
        ) from error
    module: torch.jit.ScriptModule = opened.eval()
    return module


def refuse_reaching_out(archive: Archive, name: str) -> None:
    """Raise ModelError when a member is program text that calls what touches files."""
    if not name.startswith("code/"):
        return
    content = archive.read(name)
    found = [word for word in REACHES_OUT if word.encode() in content]
    if found:
        raise ModelError(
            f"{archive.path} calls {found[0]}, which touches files; only models that "
            "compute are served"
        )


def arranged(
    module: torch.jit.ScriptModule, declared: Sequence[TensorSpec]
) -> tuple[tuple[TensorSpec, ...], Callable[..., Any]]:
    """Return the inputs in the order of `forward`, and `forward` as a function of them.

    An argument that is not declared must have a default. One that is a number gets the
    value of its tensor, which must be the only one.
    """
    forward: Any = module.forward
    arguments = forward.schema.arguments[1:]
    names = [argument.name for argument in arguments]
    where = dict(zip(places("input", declared, names), declared, strict=True))
    filled: list[Any] = []
    convert: dict[int, Callable[[Any], Any]] = {}
    for place, argument in enumerate(arguments):
        if place not in where and not argument.has_default_value():
            raise ModelError(
                f"the model's argument {argument.name!r} is not declared; declare an input "
                f"of this name, or INPUT__{place}"
            )
        filled.append(argument.default_value if place not in where else None)
        number = NUMBERS.get(str(argument.type))
        if place in where and number is not None:
            convert[place] = number
    order = sorted(where)
    specs = tuple(where[place] for place in order)
    if order == list(range(len(arguments))) and not convert:
        return specs, module

    def fill(*inputs: torch.Tensor | None) -> object:
        values = list(filled)
        for place, value in zip(order, inputs, strict=True):
            values[place] = value
            if value is not None and place in convert:
                values[place] = convert[place](value.item())
        return module(*values)

    return specs, fill

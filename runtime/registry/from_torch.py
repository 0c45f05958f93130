"""A module of PyTorch as a .pt2 file, or a ScriptModule as a .ts file.

The program is made on the CPU of a copy in evaluation mode, so a module that is being
trained stays as it is. Its first dimension is free: the number of rows.
"""

from __future__ import annotations

import copy
import inspect
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.backends.declared import Declared
from runtime.errors import ConfigError, ModelError
from runtime.registry.conversion import Converted, as_array, cause, named
from runtime.registry.layout import lay_out

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

LEAST_ROWS = 2
"""Of a sample: a program that is made with one row is made for one row."""

ROWS_HINT = (
    "Where the number of rows may not be free, export it yourself with torch.export and "
    "push the .pt2 file"
)


def convert(module: torch.nn.Module, sample: object, folder: Path) -> Converted:
    """Export a module to a folder; raises ConfigError without a sample, ModelError."""
    import torch

    names = arguments(module)
    given = tensors(sample, names)
    rows = torch.export.Dim("rows", min=1)

    shapes = {name: {0: rows} for name in given}
    try:
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Its own use of what it deprecates.
            served = copy.deepcopy(module).cpu().eval()
            program = torch.export.export(
                served, args=(), kwargs=dict(given), dynamic_shapes=shapes
            )
    except Exception as error:
        raise ModelError(
            f"torch.export cannot export this {type(module).__name__} with a free number "
            f"of rows: {cause(error)}. {ROWS_HINT}"
        ) from error
    return save(program, {name: as_array(value) for name, value in given.items()}, folder)


def save(program: ExportedProgram, sample: object, folder: Path) -> Converted:
    """Write an exported program to a folder."""
    import torch

    path = folder / "model.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, path)
    return Converted(lay_out(path), named(sample, []))


def convert_script(
    module: torch.jit.ScriptModule, sample: object, folder: Path
) -> Converted:
    """Write a ScriptModule to a folder; its tensors are declared as a sample shows them."""
    import torch

    given = tensors(sample, arguments(module))
    path = folder / "model.ts"
    try:
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated.
            script: Any = copy.deepcopy(module).cpu().eval()
            answer = script(*given.values())
            script.save(str(path))
    except Exception as error:
        raise ModelError(f"the ScriptModule cannot be run: {cause(error)}") from error
    inputs = tuple(declared(name, value) for name, value in given.items())
    outputs = declared_outputs(answer)
    settings = folder / "leeboard.yaml"
    settings.write_text(yaml_of(inputs, outputs))
    laid = lay_out(path)
    arrays = {name: as_array(value) for name, value in given.items()}
    files = {**laid.files, settings.name: settings}
    return Converted(type(laid)(files, laid.framework), arrays, inputs, outputs)


def arguments(module: torch.nn.Module) -> list[str]:
    """Return the names of ``forward``'s arguments: the model's inputs."""
    schema = getattr(getattr(module, "forward", None), "schema", None)
    if schema is not None:
        return [argument.name for argument in schema.arguments[1:]]
    parameters = inspect.signature(module.forward).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def tensors(sample: object, names: list[str]) -> dict[str, torch.Tensor]:
    """Return a sample as tensors of their own, by the argument that each is for.

    One row is doubled. Raises ConfigError for no sample, or one that does not fit.
    """
    import torch

    if sample is None:
        raise ConfigError(
            "a module of PyTorch needs sample=: a tensor of at least one row as `forward` "
            "takes it, a tuple of them, or {'argument': tensor}"
        )
    count = 1 if not isinstance(sample, (tuple, Mapping)) else len(sample)
    arrays = named(sample, names[:count] if not isinstance(sample, Mapping) else names)
    made = {}
    for name, array in arrays.items():
        if array.ndim == 0 or not len(array) or array.dtype.kind not in "fiub":
            raise ConfigError(f"the sample for {name!r} is no tensor with rows of numbers")
        tensor = torch.from_numpy(array.copy())
        while len(tensor) < LEAST_ROWS:
            tensor = torch.cat([tensor, tensor])
        made[name] = tensor
    return made


def declared(name: str, tensor: torch.Tensor) -> Declared:
    """Return a tensor as leeboard.yaml declares it: its datatype, and one row's dims."""
    from runtime.backends.torch_types import DTYPES

    known = {attribute: datatype for datatype, attribute in DTYPES.items()}
    datatype = known.get(str(tensor.dtype).removeprefix("torch."))
    if datatype is None or tensor.ndim == 0:
        raise ModelError(f"{name!r} is {tensor.dtype} {list(tensor.shape)}; no such tensor")
    return Declared(name, datatype, tuple(tensor.shape[1:]))


def declared_outputs(answer: object) -> tuple[Declared, ...]:
    """Return a module's outputs, named by place; ModelError where one is no tensor."""
    import torch

    values = list(answer) if isinstance(answer, (tuple, list)) else [answer]
    tensors_only = [value for value in values if isinstance(value, torch.Tensor)]
    if not values or len(tensors_only) < len(values):
        raise ModelError(
            "the ScriptModule answers other things than tensors; wrap it in a module that "
            "returns a tensor or a tuple of them"
        )
    return tuple(declared(f"OUTPUT__{n}", value) for n, value in enumerate(tensors_only))


def yaml_of(inputs: tuple[Declared, ...], outputs: tuple[Declared, ...]) -> str:
    """Return what leeboard.yaml says of a model's tensors."""
    lines = []
    for kind, every in (("inputs", inputs), ("outputs", outputs)):
        lines.append(f"{kind}:")
        for one in every:
            dims = list(one.dims or ())
            lines.append(
                f"  - {{name: {json.dumps(one.name)}, datatype: {one.datatype}, "
                f"dims: {dims}}}"
            )
    return "\n".join(lines) + "\n"

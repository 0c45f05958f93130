"""Small PyTorch models made on the spot, seeded: for tests, checks and benchmarks.

Each function writes one file and returns its path. Needs the packages `torch` and
`safetensors`, which are imported when the first model is made.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.backends.base import FREE, TensorSpec
from runtime.backends.torch_types import DTYPES

if TYPE_CHECKING:
    import torch

WIDTHS = (32, 64, 64, 8)
MLP_INPUTS = (TensorSpec("x", "FP32", (FREE, WIDTHS[0])),)
MLP_OUTPUTS = (TensorSpec("y", "FP32", (FREE, WIDTHS[-1])),)
"""What a person declares of `make_mlp` in a format that does not say it."""


def make_mlp(widths: Sequence[int] = WIDTHS, seed: int = 0) -> torch.nn.Module:
    """Return dense layers with ReLU between; its one argument is called ``x``."""
    import torch

    class Mlp(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[torch.nn.Module] = []
            for width_in, width_out in pairwise(widths):
                layers += [torch.nn.Linear(width_in, width_out), torch.nn.ReLU()]
            self.layers = torch.nn.Sequential(*layers[:-1])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.layers(x)
            return answer

    with torch.inference_mode(False), torch.random.fork_rng():
        torch.manual_seed(seed)
        return Mlp().eval()


def make_module(function: Callable[..., Any]) -> torch.nn.Module:
    """Return a module without weights that computes a function of tensors."""
    import torch

    class Computes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> object:
            return function(x)

    return Computes().eval()


def save_export(
    path: Path,
    module: torch.nn.Module,
    examples: Sequence[torch.Tensor],
    most: int | None = None,
    dynamic: bool = True,
) -> Path:
    """Export a module for any number of rows, or up to `most`."""
    import torch

    rows = torch.export.Dim("rows", min=1, max=most)
    shapes = tuple({0: rows} for _ in examples) if dynamic else None
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Its own use of what it deprecates.
        made = tuple(example.clone() for example in examples)
        program = torch.export.export(module, made, dynamic_shapes=shapes)
        torch.export.save(program, path)
    return path


def save_script(
    path: Path, module: torch.nn.Module, examples: Sequence[torch.Tensor] = ()
) -> Path:
    """Write a module as TorchScript: traced where there are examples, else compiled."""
    import torch

    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; this makes old files.
        jit: Any = torch.jit
        copies = tuple(example.clone() for example in examples)
        made = jit.trace(module, copies, strict=False) if examples else jit.script(module)
        jit.save(made, str(path))
    return path


def save_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> Path:
    """Write tensors as safetensors; its folder must be there."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
    return path


def example_of(datatype: str, shape: Sequence[int] = (2, 2, 3)) -> torch.Tensor:
    """Return zeros of a KServe datatype."""
    import torch

    return torch.zeros(tuple(shape), dtype=getattr(torch, DTYPES[datatype]))


def rewrite(source: Path, path: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Copy an archive with some members changed, added, or (None) left out."""
    with zipfile.ZipFile(source) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    root = next(iter(members)).partition("/")[0]
    for name, content in changes.items():
        members.pop(f"{root}/{name}", None)
        if content is not None:
            members[f"{root}/{name}"] = content
    built = io.BytesIO()
    with zipfile.ZipFile(built, "w", zipfile.ZIP_STORED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    path.write_bytes(built.getvalue())
    return path


def member(path: Path, name: str) -> bytes:
    """Return one member of an archive, named beneath its folder."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].partition("/")[0]
        return archive.read(f"{root}/{name}")


PYTHON_SCALE = '''"""Multiplies by a number."""

import numpy as np


class Model:
    """Multiplies its input by a factor."""

    def load(self, context):
        self.factor = np.float32(context.options.get("factor", "2"))

    def predict(self, batch):
        return {"y": batch["x"] * self.factor}
'''
"""A Python model: y = 2 x, FP32 in any shape."""


def save_python(path: Path, source: str = PYTHON_SCALE) -> Path:
    """Write a Python model."""
    path.write_text(source)
    return path

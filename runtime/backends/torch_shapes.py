"""Which sizes an exported program takes: checked once for each shape of its inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.backends.torch_words import GUARD_CALLS, parse_guard
from runtime.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

Dim = int | str
"""A size, or the text of the expression that stands for it."""


def dims_of(value: torch.Tensor) -> tuple[Dim, ...]:
    """Return a traced tensor's shape, expressions as text."""
    return tuple(dim if type(dim) is int else str(dim) for dim in value.shape)


def ranges_of(program: ExportedProgram) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest size of each size symbol."""
    return {
        str(symbol): (bound(allowed.lower), bound(allowed.upper))
        for symbol, allowed in program.range_constraints.items()
    }


def bound(value: object) -> float:
    """Return an end of a range as a number; symbolic infinity is infinite."""
    digits = str(value)
    return float(digits) if digits.isdigit() else math.inf


def compile_guard(text: str) -> tuple[str, Any]:
    """Return a guard's text and its code; it was held to comparing sizes."""
    return text, compile(parse_guard(text), "<guard>", "eval")


@dataclass(frozen=True, slots=True)
class ShapeCheck:
    """Checks input shapes against what a program was exported for."""

    model: str
    names: Sequence[str]
    dims: Sequence[tuple[Dim, ...]]
    ranges: Mapping[str, tuple[float, float]]
    guards: Sequence[tuple[str, Any]]
    nesting: tuple[Sequence[str], Any]

    def __call__(self, tensors: Sequence[torch.Tensor]) -> None:
        """Raise ModelError naming the input whose size the program does not take."""
        sizes: dict[str, int] = {}
        for name, wanted, tensor in zip(self.names, self.dims, tensors, strict=True):
            shape = list(tensor.shape)
            if len(shape) != len(wanted):
                raise self._refusal(name, shape, f"must have {len(wanted)} dimensions")
            for place, (dim, size) in enumerate(zip(wanted, shape, strict=True)):
                if isinstance(dim, int):
                    if dim != size:
                        raise self._refusal(name, shape, f"dimension {place} must be {dim}")
                    continue
                if sizes.setdefault(dim, size) != size:
                    raise self._refusal(
                        name, shape, f"dimension {place} must be {sizes[dim]}"
                    )
                least, most = self.ranges.get(dim, (0, math.inf))
                # Exporting cannot tell 0 and 1 from a least size of 2, and means none.
                if size > most or (least > 2 and size < least):
                    allowed = f"{least:g} to {most:g}"
                    raise self._refusal(name, shape, f"dimension {place} must be {allowed}")
        self._check_guards(tensors)

    def _check_guards(self, tensors: Sequence[torch.Tensor]) -> None:
        if not self.guards:
            return
        from torch.utils import _pytree

        names, nested = self.nesting
        arguments, keywords = _pytree.tree_unflatten(list(tensors), nested)
        given = dict(zip(names, arguments, strict=False)) | keywords
        for text, code in self.guards:
            if not eval(code, {"__builtins__": {}, "L": given, **GUARD_CALLS}):
                raise ModelError(
                    f"{self.model} was exported for inputs where {text}; these are not: "
                    "export it for such sizes, too"
                )

    def _refusal(self, name: str, shape: Sequence[int], wish: str) -> ModelError:
        return ModelError(
            f"{self.model}: input {name!r} has shape {list(shape)}; {wish}, as the model "
            "was exported"
        )

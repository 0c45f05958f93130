"""Batches in ordinary memory: what load checks and conformance checks give to a backend.

Stands in for the shared memory of a worker and is as strict: each output exactly once, of
the signature's datatype and shape, with the batch's rows.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from runtime.backends.base import FREE, Array, Signature, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.errors import ModelError

POISON = 0xA5
"""Fills reserved memory, so that what a backend did not write is seen."""

Shelf = dict[tuple[str, tuple[int, ...]], Array]
"""Output memory that outlives a batch: the same array for the same name and shape."""


@dataclass(frozen=True)
class MemoryInputs:
    """A batch's inputs; see `runtime.backends.base.Inputs`."""

    arrays: Mapping[str, Array]
    rows: int = 1
    key: Hashable | None = None

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def fresh(self, name: str) -> Array:
        """Return a tensor as a new array object."""
        return self.arrays[name].view()

    def detach(self) -> None:
        """Do nothing: this memory is the caller's, who does not write to it again."""


def admits(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    """Tell whether a tensor of this shape keeps its declaration."""
    return len(shape) == len(spec.shape) and all(
        wanted in (FREE, size) for wanted, size in zip(spec.shape, shape, strict=True)
    )


@dataclass
class MemoryOutputs:
    """A batch's outputs; see `runtime.backends.base.Outputs`.

    With `rows` every output's first dimension must be that. With a `shelf` the memory is
    taken from there and `key` is its identity.
    """

    signature: Signature
    rows: int | None = None
    shelf: Shelf | None = None
    arrays: dict[str, Array] = field(default_factory=dict)
    poison: int = POISON

    @property
    def key(self) -> Hashable | None:
        """The shelf's identity, or None where each batch gets memory of its own."""
        return None if self.shelf is None else id(self.shelf)

    def reserve(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return poisoned memory for one output."""
        spec = self._check(name, shape)
        if spec.datatype == "BYTES":
            raise ModelError(f"output {name!r} is BYTES, which has no fixed size; write it")
        shelf: Shelf = {} if self.shelf is None else self.shelf
        if (name, shape) not in shelf:
            shelf[name, shape] = np.empty(shape, NUMPY_TYPES[spec.datatype])
        memory = shelf[name, shape]
        memory.reshape(-1).view(np.uint8)[:] = self.poison
        self.arrays[name] = memory
        return memory

    def write(self, name: str, values: Array) -> None:
        """Copy one output."""
        spec = self._check(name, values.shape)
        if values.dtype != NUMPY_TYPES[spec.datatype]:
            raise ModelError(f"output {name!r} is {values.dtype}, declared {spec.datatype}")
        self.arrays[name] = values.copy()

    def finish(self) -> dict[str, Array]:
        """Return all outputs, or raise ModelError when one was never filled."""
        missing = [s.name for s in self.signature.outputs if s.name not in self.arrays]
        if missing:
            raise ModelError(f"output {missing[0]!r} was not filled")
        return self.arrays

    def _check(self, name: str, shape: tuple[int, ...]) -> TensorSpec:
        """Return the declaration of an output that may still come, in this shape."""
        spec = next((s for s in self.signature.outputs if s.name == name), None)
        if spec is None:
            raise ModelError(f"output {name!r} is not in the signature")
        if name in self.arrays:
            raise ModelError(f"output {name!r} was filled twice")
        if not admits(spec, shape):
            raise ModelError(f"output {name!r} came as {shape}, declared {spec.shape}")
        if self.rows is not None and shape[:1] != (self.rows,):
            raise ModelError(f"output {name!r} came as {shape} for a batch of {self.rows}")
        return spec


@dataclass
class MemoryResponses(MemoryOutputs):
    """The responses of a decoupled model; see `runtime.backends.base.Responses`.

    Nobody wants more than `most` of them or, but for the first, `most_bytes`, nor one that
    comes later than `seconds` after the beginning; `was_cut` then says so.
    """

    most: int = 1 << 30
    most_bytes: int = 1 << 62
    seconds: float = float("inf")
    responses: list[dict[str, Array]] = field(default_factory=list)
    was_cut: bool = False
    _may_fill: bool = False
    _began: float = field(default_factory=time.monotonic)

    def ready(self) -> bool:
        """Tell whether another response is wanted."""
        self._may_fill = self._wants_more()
        return self._may_fill

    def send(self) -> bool:
        """Keep one response; raises ModelError when an output was not filled."""
        if not self._may_fill:
            raise ModelError("a response was given that nobody was ready for")
        self.responses.append({n: values.copy() for n, values in self.finish().items()})
        self.arrays, self._may_fill = {}, False
        return self._wants_more()

    def end(self) -> list[dict[str, Array]]:
        """Return all responses; raises ModelError when one was filled and not given."""
        if self.arrays:
            raise ModelError("outputs were filled, and not given as a response")
        return self.responses

    def _wants_more(self) -> bool:
        late = time.monotonic() - self._began > self.seconds
        size = sum(v.nbytes for response in self.responses for v in response.values())
        enough = len(self.responses) >= self.most or size >= self.most_bytes
        self.was_cut = self.was_cut or late or enough
        return not self.was_cut

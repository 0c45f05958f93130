"""How conformance checks ask a backend, and how they compare what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from runtime.backends.base import Array, Backend, LoadOptions
from runtime.backends.load_check import MOST_RESPONSES
from runtime.backends.memory import (
    POISON,
    MemoryInputs,
    MemoryOutputs,
    MemoryResponses,
    Shelf,
)
from runtime.backends.sample import Warmup, make_inputs


class ConformanceError(AssertionError):
    """A backend broke a promise of the contract."""


@dataclass(frozen=True)
class Case:
    """One backend and one good model file; `warmup` gives inputs where dims are free."""

    make_backend: Callable[[], Backend]
    path: Path
    options: LoadOptions = field(default_factory=LoadOptions)
    warmup: Warmup | None = None

    def load(self) -> Backend:
        """Return a backend with the model loaded."""
        backend = self.make_backend()
        backend.load(self.path, self.options)
        return backend


def demand(kept: bool, promise: str) -> None:
    """Raise ConformanceError unless a promise was kept."""
    if not kept:
        raise ConformanceError(promise)


def sample(backend: Backend, case: Case, rows: int, seed: int = 0) -> dict[str, Array]:
    """Return inputs for a model, of `rows` rows where it batches."""
    signature = backend.signature()
    wanted = rows if signature.batchable else None
    arrays = make_inputs(signature, wanted, seed, case.warmup)
    if arrays is None:
        raise ConformanceError("the model has free dimensions: give the check a warmup")
    return arrays


def answer(
    backend: Backend,
    arrays: Mapping[str, Array],
    rows: int,
    shelf: Shelf | None = None,
    poison: int = POISON,
) -> dict[str, Array]:
    """Run one batch; outputs are copies.

    Those of a decoupled model are its first responses, the third one's y as ``y[2]``.
    """
    signature = backend.signature()
    key = None if shelf is None else ("inputs", id(arrays))
    inputs = MemoryInputs(arrays, rows if signature.batchable else 1, key)
    if signature.decoupled:
        responses = MemoryResponses(
            signature, None, shelf, poison=poison, most=MOST_RESPONSES
        )
        backend.run(inputs, responses)
        return by_response(responses)
    batch_rows = rows if signature.batchable else None
    outputs = MemoryOutputs(signature, batch_rows, shelf, poison=poison)
    backend.run(inputs, outputs)
    return {name: values.copy() for name, values in outputs.finish().items()}


def by_response(outputs: MemoryResponses) -> dict[str, Array]:
    """Return all responses as one answer."""
    return {
        f"{name}[{place}]": values
        for place, response in enumerate(outputs.end())
        for name, values in response.items()
    }


def sizes(backend: Backend) -> tuple[int, ...]:
    """Return the batch sizes to try."""
    return (1, 2, 3, 7) if backend.signature().batchable else (1,)


def demand_equal(
    a: Mapping[str, Array], b: Mapping[str, Array], promise: str, part: bool = False
) -> None:
    """Raise ConformanceError unless two sets of tensors are equal, NaN included.

    With `part` the second may have more of them.
    """
    demand(part or set(a) == set(b), f"{promise} ({len(b)} tensors instead of {len(a)})")
    for name in a:
        is_float = np.issubdtype(a[name].dtype, np.floating)
        equal = np.array_equal(a[name], b[name], equal_nan=is_float)
        demand(equal, f"{promise} ({name})")

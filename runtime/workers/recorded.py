"""What a worker was asked lately, kept for whoever takes its place.

A successor that has run what clients really send is warm where it matters and shows what
made inputs do not: an answer that is not finite, or of another shape. A worker keeps the
last requests of each shape in its own memory; they leave it only for a successor.

Rows of a batch are copied before the model runs, at most once in `PERIOD_NS` and for at
most one part in `SHARE` of the time; in between a batch costs one comparison.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runtime.backends.base import Array, Inputs, Signature, TensorSpec
from runtime.backends.datatypes import all_finite
from runtime.native.port import monotonic_ns

PERIOD_NS = 20_000_000
SHARE = 200
MOST_SHAPES = 8
MOST_REQUESTS = 64
"""Of one shape."""

MOST_ROWS = 4
SMALL_BYTES = 64 << 10
"""Of more than one row, no more than this is copied."""

ELEMENT_BYTES = 48
"""What an element of a BYTES tensor takes besides its text."""

NEVER = 1 << 63

Placed = tuple[int, Array | bytes, tuple[int, ...]]
"""An output as a worker filled it: index in the signature, values, shape."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One output of an answer: its name, its dims, and whether it was all finite.

    The dims are those of a row where requests have rows.
    """

    name: str
    dims: tuple[int, ...]
    finite: bool


@dataclass(frozen=True, slots=True)
class Request:
    """Inputs by name, as a backend was given them, and what was answered.

    `rows` is None where requests have none. `outputs` are empty for a decoupled model.
    """

    inputs: dict[str, Array]
    rows: int | None
    outputs: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """Requests that might have shared a batch, oldest first.

    The shapes of `inputs` are whole where requests have no rows (`batched` is false),
    else those of a row.
    """

    inputs: tuple[TensorSpec, ...]
    batched: bool
    requests: Sequence[Request]


Key = tuple[tuple[str, tuple[int, ...]], ...]


def size_of(arrays: Iterable[Array]) -> int:
    """Return the bytes that tensors take, texts included."""
    return sum(
        sum(ELEMENT_BYTES + len(text) for text in values.reshape(-1))
        if values.dtype == object
        else values.nbytes
        for values in arrays
    )


class Ring:
    """The last requests of each shape, bounded in bytes; one thread uses it.

    `due` says when the next batch is to be recorded, on the clock of `monotonic_ns`; it
    never is when `limit_bytes` is 0.
    """

    def __init__(self, signature: Signature, batched: bool, limit_bytes: int) -> None:
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._outputs = () if signature.decoupled else signature.outputs
        self._batched = batched
        self._limit = limit_bytes
        self._shapes: OrderedDict[Key, deque[tuple[Request, int]]] = OrderedDict()
        self.size = 0
        self.due = 0 if limit_bytes > 0 else NEVER

    def copy(self, inputs: Inputs) -> Request | None:
        """Copy some rows of a batch that is about to run; None: it is too large."""
        began = monotonic_ns()
        arrays = {name: inputs[name] for name in inputs}
        apparent = sum(values.nbytes for values in arrays.values())
        rows: int | None = None
        if self._batched:
            each = max(apparent // inputs.rows, 1)
            rows = min(inputs.rows, MOST_ROWS, max(SMALL_BYTES // each, 1))
            arrays = {name: values[:rows] for name, values in arrays.items()}
            apparent = rows * each
        made: Request | None = None
        if apparent <= self._limit:
            made = Request({name: v.copy() for name, v in arrays.items()}, rows)
        self._pause(began)
        return made

    def keep(self, request: Request, placed: Iterable[Placed]) -> None:
        """Keep a request whose batch went well, with what is to be known of its answer."""
        began = monotonic_ns()
        seen = tuple(self._see(request.rows, *output) for output in placed)
        size = size_of(request.inputs.values())
        if size <= self._limit:
            key = tuple(
                (name, values.shape[1:] if self._batched else values.shape)
                for name, values in request.inputs.items()
            )
            self._add(key, replace(request, outputs=seen), size)
        self._pause(began)

    def shapes(self) -> list[Shape]:
        """Return what is kept; the shape that was used last comes last."""
        return [
            Shape(
                tuple(TensorSpec(n, self._specs[n].datatype, dims) for n, dims in key),
                self._batched,
                [request for request, _ in kept],
            )
            for key, kept in self._shapes.items()
        ]

    def _pause(self, began: int) -> None:
        """Have the next batch wait for its turn, longer where recording is dear."""
        ended = monotonic_ns()
        pause = max(PERIOD_NS, SHARE * (ended - began))
        self.due = max(self.due, ended + pause)

    def _see(
        self, rows: int | None, index: int, values: Array | bytes, shape: tuple[int, ...]
    ) -> Seen:
        spec = self._outputs[index]
        if rows is None:
            dims = shape
        else:
            dims = shape[1:]
            values = values if isinstance(values, bytes) else values[:rows]
        finite = isinstance(values, bytes) or all_finite(values, spec.datatype)
        return Seen(spec.name, dims, finite)

    def _add(self, key: Key, request: Request, size: int) -> None:
        kept = self._shapes.setdefault(key, deque())
        self._shapes.move_to_end(key)
        kept.append((request, size))
        self.size += size
        if len(kept) > MOST_REQUESTS:
            self._drop(key)
        while len(self._shapes) > MOST_SHAPES:
            first = next(iter(self._shapes))
            for _ in range(len(self._shapes[first])):
                self._drop(first)
        while self.size > self._limit:
            self._drop(next(iter(self._shapes)))

    def _drop(self, key: Key) -> None:
        """Forget the oldest request of a shape."""
        kept = self._shapes[key]
        _, size = kept.popleft()
        self.size -= size
        if not kept:
            del self._shapes[key]

"""What the successor of a serving version must show besides: that nobody will notice.

Its signature must take whatever the old one's took, and what clients really sent must be
answered in the old shapes, and finitely where it was before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import numpy as np

from runtime.backends.base import FREE, Array, Backend, Signature
from runtime.backends.datatypes import all_finite
from runtime.backends.load_check import run_once, run_whole
from runtime.backends.memory import admits
from runtime.backends.successor import REMEDY, differences
from runtime.errors import ModelError
from runtime.workers.recorded import Request, Shape

logger = logging.getLogger(__name__)

BUDGET_S = 0.7
"""What running recorded requests may add to a load."""

ALONE_SHARE = 0.7
"""Of that, for requests alone; the rest is for batches of them."""

MOST_NOTES = 3
MOST_WARM_ROWS = 64
CORRECT = "correct the model, or allow it with --allow-signature-change"

Dims = Mapping[str, tuple[int, ...]]


def compare_signatures(old: Signature, new: Signature, lenient: bool) -> list[str]:
    """Return what differs for clients; raises ModelError for it unless `lenient`."""
    found = differences(old, new)
    if found and not lenient:
        raise ModelError(f"clients would notice: {'; '.join(found)}; {REMEDY}")
    return found


def usable(shapes: Sequence[Shape], signature: Signature) -> tuple[list[Shape], int]:
    """Return the requests that a signature takes, and how many it does not."""
    kept = [
        replace(shape, requests=[r for r in shape.requests if fits(shape, r, signature)])
        for shape in shapes
    ]
    before = sum(len(shape.requests) for shape in shapes)
    after = sum(len(shape.requests) for shape in kept)
    return [shape for shape in kept if shape.requests], before - after


def fits(shape: Shape, request: Request, signature: Signature) -> bool:
    """Tell whether a signature takes a request."""
    specs = {spec.name: spec for spec in signature.inputs}
    needed = {spec.name for spec in signature.inputs if not spec.optional}
    return needed <= request.inputs.keys() <= specs.keys() and all(
        specs[given.name].datatype == given.datatype
        and admits(specs[given.name], request.inputs[given.name].shape)
        for given in shape.inputs
    )


def warm_rows(shapes: Sequence[Shape], signature: Signature) -> dict[str, Array] | None:
    """Return inputs to warm a model with: rows of the shape that was used last.

    Only of requests that were answered finitely; None where there are none.
    """
    for shape in reversed(shapes):
        if shape.batched != signature.batchable:
            continue
        fine = [r for r in shape.requests if all(seen.finite for seen in r.outputs)]
        if fine and shape.batched:
            joined, _ = join(fine[::-1], MOST_WARM_ROWS)
            return joined.inputs
        if fine:
            return fine[-1].inputs
    return None


def join(requests: Sequence[Request], most_rows: int) -> tuple[Request, int]:
    """Return the first requests as one, of `most_rows` at most, and how many they are."""
    rows, count = 0, 0
    for request in requests:
        if count and rows + (request.rows or 0) > most_rows:
            break
        rows, count = rows + (request.rows or 0), count + 1
    parts = requests[:count]
    inputs = {
        name: np.concatenate([part.inputs[name] for part in parts])
        for name in parts[0].inputs
    }
    seen = tuple(
        replace(output, finite=all(part.outputs[place].finite for part in parts))
        for place, output in enumerate(parts[0].outputs)
        if all(len(part.outputs) > place for part in parts)
    )
    return Request(inputs, rows, seen), count


def agreed(requests: Sequence[Request]) -> dict[str, tuple[int, ...]]:
    """Return each output's dims, FREE where they were not the same for all requests.

    What differs between requests of one shape depends on their values, and may well come
    out otherwise. Outputs of different ranks are left out.
    """
    dims: dict[str, tuple[int, ...]] = {}
    ranks: dict[str, set[int]] = {}
    for request in requests:
        for seen in request.outputs:
            before = dims.setdefault(seen.name, seen.dims)
            ranks.setdefault(seen.name, set()).add(len(seen.dims))
            pairs = zip(before, seen.dims, strict=False)
            dims[seen.name] = tuple(a if a == b else FREE for a, b in pairs)
    return {name: sizes for name, sizes in dims.items() if len(ranks[name]) == 1}


@dataclass
class Replay:
    """Runs recorded requests on a proven model: alone, then joined.

    `largest` is the largest batch, 0 or 1 where rows are not joined. A `lenient` one keeps
    what differs as `notes` instead of raising ModelError.
    """

    backend: Backend
    largest: int
    lenient: bool = False
    clock: Callable[[], float] = time.monotonic
    notes: list[str] = field(default_factory=list)
    _differing: int = 0

    def run(self, shapes: Sequence[Shape]) -> str:
        """Run as many as there is time for, at least one; returns what was run."""
        began = self.clock()
        everything = sum(len(shape.requests) for shape in shapes)
        expected = [agreed(shape.requests) for shape in shapes]
        done, rows = 0, 0
        for place, request in newest_first(shapes):
            done += 1
            self._try(request, expected[place], f"recorded request {done} of {everything}")
            rows += request.rows or 1
            if self.clock() - began > ALONE_SHARE * BUDGET_S:
                break
        joined: list[str] = []
        if self.largest > 1 and not self.backend.signature().decoupled:
            row_s = (self.clock() - began) / rows
            for shape, dims in zip(reversed(shapes), reversed(expected), strict=True):
                left_s = began + BUDGET_S - self.clock()
                most = min(self.largest, int(left_s / row_s) if row_s > 0 else self.largest)
                joined += self._try_joined(shape, dims, most)
        if self._differing > len(self.notes):
            self.notes.append(f"{self._differing} recorded requests differ in all")
        kinds = "1 shape" if len(shapes) == 1 else f"{len(shapes)} shapes"
        found = f"{done} of {everything} requests of {kinds}"
        return f"{found}, batches of {', '.join(joined)} rows" if joined else found

    def _try_joined(self, shape: Shape, dims: Dims, most_rows: int) -> list[str]:
        """Run one batch of several requests; returns its rows, or nothing without one."""
        if not shape.batched or most_rows < 2:
            return []
        batch, count = join(shape.requests[::-1], most_rows)
        if count < 2 or (batch.rows or 0) > most_rows:
            return []
        self._try(batch, dims, f"{count} recorded requests in one batch")
        return [str(batch.rows)]

    def _try(self, request: Request, dims: Dims, called: str) -> None:
        how = self._run_one(request, dims)
        if not how:
            return
        inputs = ", ".join(f"{n} {list(v.shape)}" for n, v in request.inputs.items())
        words = f"{called} ({inputs}): {how}"
        if not self.lenient:
            raise ModelError(f"{words}; {CORRECT}")
        self._differing += 1
        if len(self.notes) < MOST_NOTES:
            self.notes.append(words)

    def _run_one(self, request: Request, dims: Dims) -> str:
        """Return how the answer differs from the old one; empty when it does not."""
        signature = self.backend.signature()
        try:
            if signature.decoupled:
                run_whole(self.backend, request.inputs)
                return ""
            rows = request.rows if self.largest > 0 else None
            outputs = run_once(self.backend, request.inputs, rows)
        except Exception as error:
            # The edge to somebody's code: whatever it raises, the old version did not.
            # The reason is told to clients, and its words may tell what another one sent.
            logger.warning("a recorded request failed", exc_info=True)
            return f"the model fails with {type(error).__name__}; the log has its words"
        datatypes = {spec.name: spec.datatype for spec in signature.outputs}
        for seen in request.outputs:
            if seen.name not in outputs:
                continue  # The signatures differ, which was said.
            values, was = outputs[seen.name], dims.get(seen.name)
            now = values.shape if request.rows is None else values.shape[1:]
            if was is not None and not same_dims(now, was):
                return (
                    f"output {seen.name!r} has the shape {list(now)}, and of the serving "
                    f"version {list(was)}"
                )
            if seen.finite and not all_finite(values, datatypes[seen.name]):
                return f"output {seen.name!r} is not finite, and was of the serving version"
        return ""


def same_dims(now: tuple[int, ...], was: tuple[int, ...]) -> bool:
    """Tell whether a shape is what it was, FREE dims being any."""
    return len(now) == len(was) and all(
        size in (FREE, given) for size, given in zip(was, now, strict=True)
    )


def newest_first(shapes: Sequence[Shape]) -> Iterator[tuple[int, Request]]:
    """Return the place of a shape and one of its requests, the shapes taking turns."""
    turns = zip_longest(*(reversed(shape.requests) for shape in shapes))
    for turn in turns:
        for place, request in reversed(list(enumerate(turn))):
            if request is not None:
                yield place, request

"""Proves that a freshly loaded model may serve, by running it.

Batching joins the rows of strangers, so it is allowed only after the model answered two
batch sizes with as many rows each, and no row's answer changed when the rows beside it did.
The same runs warm the model and show outputs that are not finite.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np

from runtime.backends.base import FREE, Array, Backend, Signature, TensorSpec
from runtime.backends.batch_timing import measure
from runtime.backends.datatypes import float_from_bf16
from runtime.backends.memory import (
    POISON,
    MemoryInputs,
    MemoryOutputs,
    MemoryResponses,
)
from runtime.backends.sample import Warmup, make_inputs
from runtime.errors import ModelError

SEED = 20_261_123
MOST_TIMINGS = 3
LONG_ENOUGH_S = 0.1
LARGEST_US = 2e6

MOST_RESPONSES = 16
MOST_RESPONSE_BYTES = 64 << 20
LONGEST_RESPONSES_S = 10.0
"""So many responses of a decoupled model are looked at, and none that come later."""

SAME_SIZE = {"FP64": 1e-9, "FP32": 1e-5, "FP16": 1e-2, "BF16": 2e-2}
"""How far a value may be off when only other rows of its batch changed, relative to itself,
plus a tenth of that relative to the largest value of its row. The same kernels run, so the
answers are normally equal to the bit. Datatypes not listed must be equal."""

OTHER_SIZE = {"FP64": 1e-3, "FP32": 5e-2, "FP16": 1e-1, "BF16": 2e-1}
"""The same between batch sizes, where other kernels may run: a well-trained classifier was
seen 0.5 % off on inputs it does not know, with rows that never influence each other."""

Tolerances = Mapping[str, float]


def run_once(
    backend: Backend, arrays: Mapping[str, Array], rows: int | None, poison: int = POISON
) -> dict[str, Array]:
    """Run one batch in ordinary memory and return its outputs.

    With `rows` every output must have as many. Output memory holds `poison` in every byte
    before. Of a decoupled model these are the first response's; none if there is none.
    """
    signature = backend.signature()
    if signature.decoupled:
        return next(iter(run_responses(backend, arrays, poison, 1).responses), {})
    outputs = MemoryOutputs(signature, rows, poison=poison)
    given = rows_of(backend, arrays) if rows is None else rows
    backend.run(MemoryInputs(arrays, given), outputs)
    return outputs.finish()


def rows_of(backend: Backend, arrays: Mapping[str, Array]) -> int:
    """Return the rows of a batch; 1 for a model that does not batch."""
    first = next(iter(arrays.values()), None)
    return 1 if first is None or not backend.signature().batchable else first.shape[0]


def run_responses(
    backend: Backend,
    arrays: Mapping[str, Array],
    poison: int = POISON,
    most: int = MOST_RESPONSES,
) -> MemoryResponses:
    """Give one request to a decoupled model and return its first responses."""
    outputs = MemoryResponses(
        backend.signature(),
        poison=poison,
        most=most,
        most_bytes=MOST_RESPONSE_BYTES,
        seconds=LONGEST_RESPONSES_S,
    )
    backend.run(MemoryInputs(arrays, rows_of(backend, arrays)), outputs)
    outputs.end()
    return outputs


def run_whole(
    backend: Backend, arrays: Mapping[str, Array], poison: int = POISON
) -> tuple[list[dict[str, Array]], bool]:
    """Return the answer to one request as its first responses, and whether they are all."""
    if not backend.signature().decoupled:
        return [run_once(backend, arrays, None, poison)], True
    outputs = run_responses(backend, arrays, poison)
    return outputs.responses, not outputs.was_cut


def as_numbers(values: Array, datatype: str) -> Array:
    """Return values that can be compared with a tolerance."""
    return float_from_bf16(values) if datatype == "BF16" else values.astype(np.float64)


def refuse_not_finite(signature: Signature, outputs: Mapping[str, Array]) -> None:
    """Raise ModelError naming the output that has a NaN or an infinity."""
    for spec in signature.outputs:
        if spec.datatype not in SAME_SIZE:
            continue
        if not np.isfinite(as_numbers(outputs[spec.name], spec.datatype)).all():
            raise ModelError(
                f"output {spec.name!r} is not finite for ordinary inputs; if the model "
                "needs other values, give some with --warmup FILE.npz"
            )


def difference(spec: TensorSpec, before: Array, after: Array, allowed: Tolerances) -> str:
    """Say how one row's answer changed; empty when it did not."""
    if before.shape != after.shape:
        return f"shape {after.shape} instead of {before.shape}"
    if spec.datatype not in allowed:
        return "" if np.array_equal(before, after) else "other values"
    if np.isinf(allowed[spec.datatype]):
        return ""
    a, b = (as_numbers(values, spec.datatype) for values in (before, after))
    differs = (a != b) & ~(np.isnan(a) & np.isnan(b))
    if not differs.any():
        return ""
    if not (np.isfinite(a[differs]).all() and np.isfinite(b[differs]).all()):
        return "values that are not finite in one of them only"
    relative, largest = allowed[spec.datatype], np.abs(a[np.isfinite(a)]).max()
    off = np.abs(a[differs] - b[differs])
    most = relative * np.abs(a[differs]) + 0.1 * relative * largest
    return "" if bool((off <= most).all()) else f"values off by up to {off.max():.2g}"


def as_rows(values: Array) -> Array:
    """Return a whole answer as rows; one without dimensions is a single row."""
    return values if values.ndim > 0 else values.reshape(1)


def cut(arrays: Mapping[str, Array], *rows: int) -> dict[str, Array]:
    """Return some rows of a batch as a batch."""
    return {name: values[list(rows)] for name, values in arrays.items()}


def first_difference(
    backend: Backend,
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    pairs: Iterable[tuple[int, int]],
    allowed: Tolerances,
) -> str:
    """Compare rows of two answers, by (row before, row after); empty when all agree."""
    for spec in backend.signature().outputs:
        for row, other in pairs:
            # Slices: a row of a BYTES tensor without dims would be no array.
            old = before[spec.name][row : row + 1]
            new = after[spec.name][other : other + 1]
            how = difference(spec, old, new, allowed)
            if how:
                return f"output {spec.name!r} has {how}"
    return ""


def why_not_batchable(
    backend: Backend, arrays: Mapping[str, Array], allowed: Tolerances = SAME_SIZE
) -> str:
    """Return why rows of this model may not be joined; empty when they may.

    Of six rows, the first three are a batch; the others replace a row's neighbours. Then
    the three change places.
    """
    try:
        base = run_once(backend, cut(arrays, 0, 1, 2), 3)
        outer_changed = run_once(backend, cut(arrays, 3, 1, 5), 3)
        inner_changed = run_once(backend, cut(arrays, 0, 4, 2), 3)
        moved = run_once(backend, cut(arrays, 1, 2, 0), 3)
    except ModelError as error:
        return f"a batch of 3 failed where one row did not: {error}"
    how = first_difference(
        backend, base, outer_changed, [(1, 1)], allowed
    ) or first_difference(backend, base, inner_changed, [(0, 0), (2, 2)], allowed)
    if how:
        return f"{how} when other rows of its batch change"
    places = [(1, 0), (2, 1), (0, 2)]
    if how := first_difference(backend, base, moved, places, allowed):
        return f"{how} when it stands elsewhere in its batch"
    try:
        alone = run_once(backend, cut(arrays, 1), 1)
    except ModelError as error:
        return f"a batch of one failed: {error}"
    apart = {name: max(allowed.get(name, 0.0), most) for name, most in OTHER_SIZE.items()}
    how = first_difference(backend, base, alone, [(1, 0)], {**allowed, **apart})
    return f"{how} alone and in a batch" if how else ""


def unguessable(signature: Signature) -> str:
    """Name the inputs whose free dimensions keep a model unwarmed."""
    first = 1 if signature.batchable else 0
    free = [
        f"{s.name} {list(s.shape)}" for s in signature.inputs if FREE in s.shape[first:]
    ]
    return ", ".join(free)


def time_one(backend: Backend, arrays: Mapping[str, Array]) -> float:
    """Return the microseconds of one run, the best of a few."""
    times: list[float] = []
    while len(times) < MOST_TIMINGS and sum(times) < LONG_ENOUGH_S:
        started = time.perf_counter()
        run_once(backend, arrays, None)
        times.append(time.perf_counter() - started)
    return min(times) * 1e6


def prove_batch(backend: Backend, warmup: Warmup | None, allowed: Tolerances) -> str:
    """Return why batches may not be formed; empty when two sizes proved that they may."""
    arrays = make_inputs(backend.signature(), 6, SEED, warmup)
    assert arrays is not None, "one row could be made"
    return why_not_batchable(backend, arrays, allowed)


def time_sizes(backend: Backend, max_rows: int, warmup: Warmup | None) -> dict[int, float]:
    """Warm and time batches up to `max_rows`: microseconds of CPU by rows.

    Sizes that would take too long are left out. The largest takes the most memory, so it
    is run once even where timing it would be too long, unless it is hopeless.
    """
    signature = backend.signature()
    made: dict[int, dict[str, Array]] = {}
    batched = signature.batchable and max_rows > 1

    def run(rows: int) -> None:
        if rows not in made:
            made.clear()
            wanted = rows if signature.batchable else None
            arrays = make_inputs(signature, wanted, SEED, warmup)
            assert arrays is not None, "one row could be made"
            made[rows] = arrays
        run_once(backend, made[rows], rows if batched else None)

    times = measure(run, max_rows)
    rows, us = next(reversed(times.items()), (1, 0.0))
    if max_rows not in times and us * max_rows / rows <= LARGEST_US:
        run(max_rows)
    return times


def refuse_other_kind(signature: Signature, decoupled: bool) -> None:
    """Raise ModelError unless the model gives as many responses as was asked for."""
    if decoupled and not signature.decoupled:
        raise ModelError(
            f"decoupled: a {signature.platform} model gives each request one response, and "
            "only a Python class gives more; remove decoupled"
        )
    if signature.decoupled and not decoupled:
        raise ModelError(
            "the model gives a request any number of responses; write decoupled: true"
        )


def same_bits(before: Array, after: Array) -> bool:
    """Tell whether an array still holds what it held, NaN included."""
    if before.dtype == object:
        return bool(np.array_equal(before, after))
    return before.tobytes() == after.tobytes()

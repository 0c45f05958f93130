"""Proves that a freshly loaded model may serve, by running it.

Batching joins the rows of strangers, so it is allowed only after the model answered two
batch sizes with as many rows each, and no row's answer changed when the rows beside it did.
The same runs warm the model and show outputs that are not finite.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from runtime.backends.base import FREE, Array, Backend, Signature, TensorSpec
from runtime.backends.batch_timing import best_rows, measure
from runtime.backends.datatypes import float_from_bf16
from runtime.backends.memory import MemoryInputs, MemoryOutputs
from runtime.backends.sample import Warmup, make_inputs
from runtime.errors import ModelError

SEED = 20_261_123
MOST_TIMINGS = 3
LONG_ENOUGH_S = 0.1

SAME_SIZE = {"FP64": 1e-9, "FP32": 1e-5, "FP16": 1e-2, "BF16": 2e-2}
"""How far a value may be off when only other rows of its batch changed, relative to itself,
plus a tenth of that relative to the largest value of its row. The same kernels run, so the
answers are normally equal to the bit. Datatypes not listed must be equal."""

OTHER_SIZE = {"FP64": 1e-3, "FP32": 5e-2, "FP16": 1e-1, "BF16": 2e-1}
"""The same between batch sizes, where other kernels may run: a well-trained classifier was
seen 0.5 % off on inputs it does not know, with rows that never influence each other."""

Tolerances = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What the check found.

    `batchable` is true when batching is proven; otherwise the model must be served with a
    max batch size of 0. `run_us` is the time of one warm run of one row, 0 when unwarmed.
    `best_rows` is the batch size that the model runs best, 0 when it was not measured.
    """

    batchable: bool
    warmed: bool
    notes: tuple[str, ...] = ()
    run_us: float = 0.0
    best_rows: int = 0


def run_once(
    backend: Backend, arrays: Mapping[str, Array], rows: int | None
) -> dict[str, Array]:
    """Run one batch in ordinary memory and return its outputs."""
    outputs = MemoryOutputs(backend.signature(), rows)
    backend.run(MemoryInputs(arrays, 1 if rows is None else rows), outputs)
    return outputs.finish()


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
            old, new = before[spec.name][row], after[spec.name][other]
            how = difference(spec, old, new, allowed)
            if how:
                return f"output {spec.name!r} has {how}"
    return ""


def why_not_batchable(backend: Backend, arrays: Mapping[str, Array]) -> str:
    """Return why rows of this model may not be joined; empty when they may.

    Of six rows, the first three are a batch; the others replace a row's neighbours.
    """
    try:
        base = run_once(backend, cut(arrays, 0, 1, 2), 3)
        outer_changed = run_once(backend, cut(arrays, 3, 1, 5), 3)
        inner_changed = run_once(backend, cut(arrays, 0, 4, 2), 3)
    except ModelError as error:
        return f"a batch of 3 failed where one row did not: {error}"
    how = first_difference(
        backend, base, outer_changed, [(1, 1)], SAME_SIZE
    ) or first_difference(backend, base, inner_changed, [(0, 0), (2, 2)], SAME_SIZE)
    if how:
        return f"{how} when other rows of its batch change"
    try:
        alone = run_once(backend, cut(arrays, 1), 1)
    except ModelError as error:
        return f"a batch of one failed: {error}"
    how = first_difference(backend, base, alone, [(1, 0)], OTHER_SIZE)
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


def prove_batch(backend: Backend, warmup: Warmup | None) -> str:
    """Return why batches may not be formed; empty when two sizes proved that they may."""
    arrays = make_inputs(backend.signature(), 6, SEED, warmup)
    assert arrays is not None, "one row could be made"
    return why_not_batchable(backend, arrays)


def find_best_rows(backend: Backend, max_rows: int, warmup: Warmup | None) -> int:
    """Measure batches up to `max_rows` and return the size that the model runs best."""
    signature = backend.signature()

    def run(rows: int) -> None:
        if rows not in made:
            made.clear()
            arrays = make_inputs(signature, rows, SEED, warmup)
            assert arrays is not None, "one row could be made"
            made[rows] = arrays
        run_once(backend, made[rows], rows)

    made: dict[int, dict[str, Array]] = {}
    one = make_inputs(signature, 1, SEED, warmup) or {}
    row_bytes = sum(values.nbytes for values in one.values())
    return best_rows(measure(run, max_rows), row_bytes, max_rows)


def check_loaded(
    backend: Backend,
    max_batch_size: int,
    warmup: Warmup | None = None,
    measured: bool = False,
) -> LoadReport:
    """Run a loaded model and report what it proved.

    `max_batch_size` 0 asks for no batching; `measured` also asks which batch size the model
    runs best, which takes up to a second. Raises ModelError when the model fails on one
    row, does not keep its signature, or answers with a NaN or an infinity.
    """
    signature = backend.signature()
    one = make_inputs(signature, 1 if signature.batchable else None, SEED, warmup)
    if one is None:
        note = (
            f"unwarmed and without batching: free dimensions of {unguessable(signature)} "
            "cannot be guessed; give real inputs with --warmup FILE.npz"
        )
        return LoadReport(batchable=False, warmed=False, notes=(note,))
    refuse_not_finite(signature, run_once(backend, one, None))
    reason = ""
    if max_batch_size > 0:
        reason = (
            prove_batch(backend, warmup)
            if signature.batchable
            else "the first dimension is not free in every input and output"
        )
    batchable = max_batch_size > 0 and not reason
    wanted = batchable and measured
    return LoadReport(
        batchable=batchable,
        warmed=True,
        notes=(f"no batching: {reason}",) if reason else (),
        run_us=time_one(backend, one),
        best_rows=find_best_rows(backend, max_batch_size, warmup) if wanted else 0,
    )

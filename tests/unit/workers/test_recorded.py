"""Which requests a worker keeps, for how long, and in how many bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import FREE, Array, Signature, TensorSpec
from runtime.backends.memory import MemoryInputs
from runtime.native.port import monotonic_ns
from runtime.workers import recorded
from runtime.workers.recorded import (
    MOST_REQUESTS,
    MOST_ROWS,
    MOST_SHAPES,
    NEVER,
    PERIOD_NS,
    SMALL_BYTES,
    Request,
    Ring,
    Seen,
)

SIGNATURE = Signature(
    "fake",
    (
        TensorSpec("x", "FP32", (FREE, FREE)),
        TensorSpec("text", "BYTES", (FREE,), optional=True),
    ),
    (TensorSpec("y", "FP32", (FREE, 2)), TensorSpec("words", "BYTES", (FREE,))),
    batchable=True,
)
MIB = 1 << 20


def ring(limit: int = MIB, batched: bool = True) -> Ring:
    return Ring(SIGNATURE, batched, limit)


def filled(value: float, rows: int = 1, width: int = 4) -> dict[str, Array]:
    return {"x": np.full((rows, width), value, np.float32)}


def keep(where: Ring, arrays: dict[str, Array], *placed: recorded.Placed) -> Request | None:
    """Record a batch, whose model went well."""
    rows = next(iter(arrays.values())).shape[0]
    request = where.copy(MemoryInputs(arrays, rows))
    if request is not None:
        where.keep(request, placed)
    return request


def kept(where: Ring) -> list[list[float]]:
    """Return the first value of every request, by shape."""
    return [
        [float(request.inputs["x"].flat[0]) for request in shape.requests]
        for shape in where.shapes()
    ]


def test_what_is_kept_is_a_copy() -> None:
    where, arrays = ring(), filled(3)
    keep(where, arrays)
    arrays["x"][:] = 7
    assert kept(where) == [[3]]


def test_of_a_large_batch_the_first_rows_are_kept() -> None:
    where, x = ring(), np.arange(40, dtype=np.float32).reshape(10, 4)
    request = keep(where, {"x": x})
    assert request is not None
    assert request.rows == MOST_ROWS
    assert request.inputs["x"].tolist() == x[:MOST_ROWS].tolist()
    (shape,) = where.shapes()
    assert (shape.inputs, shape.batched) == ((TensorSpec("x", "FP32", (4,)),), True)


@pytest.mark.parametrize(("width", "rows"), [(SMALL_BYTES // 4, 1), (SMALL_BYTES // 8, 2)])
def test_of_large_rows_fewer_are_kept(width: int, rows: int) -> None:
    request = keep(ring(), filled(1, 8, width))
    assert request is not None
    assert request.rows == rows


def test_a_model_without_rows_is_recorded_as_it_was_asked() -> None:
    where = ring(batched=False)
    request = keep(where, filled(1, 9))
    assert request is not None
    assert (request.rows, request.inputs["x"].shape) == (None, (9, 4))
    (shape,) = where.shapes()
    assert (shape.inputs[0].shape, shape.batched) == ((9, 4), False)


def test_the_last_requests_of_each_shape_are_kept() -> None:
    where = ring()
    for value in range(MOST_REQUESTS + 3):
        keep(where, filled(value))
    keep(where, filled(-1, width=5))
    first, second = kept(where)
    assert first == list(range(3, MOST_REQUESTS + 3))
    assert second == [-1]


def test_optional_inputs_and_texts_make_shapes_of_their_own() -> None:
    where = ring()
    texts: Array = np.array([b"a", b"b\0c"], object)
    keep(where, {**filled(1, 2), "text": texts})
    keep(where, filled(2, 2))
    with_text, without = where.shapes()
    assert [spec.name for spec in with_text.inputs] == ["x", "text"]
    assert with_text.requests[0].inputs["text"].tolist() == [b"a", b"b\0c"]
    assert [spec.name for spec in without.inputs] == ["x"]


def test_the_shape_that_was_not_used_for_longest_goes() -> None:
    where = ring()
    for width in range(1, MOST_SHAPES + 1):
        keep(where, filled(width, width=width))
    keep(where, filled(10, width=1))
    keep(where, filled(99, width=99))
    assert kept(where) == [*([n] for n in range(3, MOST_SHAPES + 1)), [1, 10], [99]]


def test_bytes_are_bounded_and_counted() -> None:
    where = ring(limit=100)
    for value in range(10):
        keep(where, filled(value))
    assert where.size == 96
    assert kept(where) == [[4, 5, 6, 7, 8, 9]]
    keep(where, filled(-1, width=20))
    assert kept(where) == [[9], [-1]]
    assert where.size == 96
    assert keep(where, filled(-2, width=26)) is None


def test_a_text_counts_with_what_holds_it() -> None:
    where = ring(limit=1000)
    texts: Array = np.array([b"a" * 60] * 2, object)
    keep(where, {**filled(1, 2), "text": texts})
    assert where.size == 32 + 2 * (recorded.ELEMENT_BYTES + 60)
    keep(where, {**filled(2, 2), "text": np.array([b"a" * 900, b""], object)})
    assert kept(where) == [[1]]  # Too large for the ring, whatever else went.


def test_of_an_answer_dims_and_whether_it_was_finite_are_kept() -> None:
    where = ring()
    y = np.zeros((9, 2), np.float32)
    y[MOST_ROWS:] = np.nan  # Other requests' rows.
    request = where.copy(MemoryInputs(filled(1, 9), 9))
    assert request is not None
    where.keep(request, [(0, y, (9, 2)), (1, b"raw", (9,))])
    y[0, 1] = np.inf
    where.keep(request, [(0, y, (9, 2))])
    first, second = where.shapes()[0].requests
    assert first.outputs == (Seen("y", (2,), True), Seen("words", (), True))
    assert second.outputs == (Seen("y", (2,), False),)


def test_bf16_answers_are_looked_at_by_their_bits() -> None:
    spec = TensorSpec("y", "BF16", (FREE,))
    where = Ring(replace(SIGNATURE, outputs=(spec,)), True, MIB)
    for bits in (0x3F80, 0x7FC0):
        keep(where, filled(1), (0, np.array([bits], np.uint16), (1,)))
    assert [r.outputs[0].finite for r in where.shapes()[0].requests] == [True, False]


def test_a_ring_without_bytes_is_never_due() -> None:
    assert ring().due <= monotonic_ns()
    assert ring(limit=0).due == NEVER


def test_after_a_record_the_next_one_has_to_wait() -> None:
    where = ring()
    before = monotonic_ns()
    keep(where, filled(1))
    assert where.due >= before + PERIOD_NS


def test_what_is_dear_to_record_is_recorded_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = ring()
    times = iter([0, 10 * PERIOD_NS])
    monkeypatch.setattr(recorded, "monotonic_ns", lambda: next(times))
    where.copy(MemoryInputs(filled(1), 1))
    assert where.due == 10 * PERIOD_NS * (1 + recorded.SHARE)


def test_a_request_that_is_too_large_is_not_even_copied() -> None:
    class Untouchable(np.ndarray[Any, np.dtype[np.float32]]):
        def copy(self, order: Any = "C") -> Any:
            raise AssertionError("it was copied")

    large = np.zeros((1, 300), np.float32).view(Untouchable)
    assert ring(limit=1000).copy(MemoryInputs({"x": large}, 1)) is None

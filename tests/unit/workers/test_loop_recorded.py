"""What the loop leaves in the ring, and that a question is heard between batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from runtime.backends.base import Array, Inputs
from runtime.native.port import STOPPED
from runtime.testing.fake_backend import ONE_TO_ONE, FakeBackend, FakeResponder
from runtime.workers.loop import BatchLoop
from runtime.workers.recorded import Placed, Request, Ring, Seen
from tests.unit.workers.fake_port import FakePort

CLAIMED = 0
MIB = 1 << 20
IDLE = -1
"""A descriptor that nobody writes to."""


class EachTime(Ring):
    """A ring that is due for every batch, and that a test may let run out of memory."""

    def __init__(self, full: str = "") -> None:
        super().__init__(ONE_TO_ONE, batched=True, limit_bytes=MIB)
        self._full = full

    def copy(self, inputs: Inputs) -> Request | None:
        if self._full == "copy":
            raise MemoryError
        request = super().copy(inputs)
        self.due = 0
        return request

    def keep(self, request: Request, placed: Iterable[Placed]) -> None:
        if self._full == "keep":
            raise MemoryError
        super().keep(request, placed)
        self.due = 0


@pytest.fixture
def watch() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe; the loop looks at the first."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def claimed(batches: int, rows: int = 2) -> FakePort:
    """A port with batches of a few rows of x."""
    port = FakePort()
    port.declare(1, ((4,), 16))
    port.lay(0, rows, np.arange(4 * rows, dtype=np.float32))
    port.claim((0, rows, rows, 0))
    port.claims = [CLAIMED] * batches + [STOPPED]
    return port


def served(
    port: FakePort, backend: FakeBackend, ring: Ring, watch: int = IDLE
) -> list[Request]:
    """Run until the port has had enough; returns what was recorded."""
    loop = BatchLoop(port.as_port(), backend, backend.signature(), batched=True, ring=ring)
    loop.run(watch)
    return [request for shape in ring.shapes() for request in shape.requests]


def test_a_batch_is_recorded_with_its_answer() -> None:
    (request,) = served(claimed(1), FakeBackend(), EachTime())
    assert request.inputs["x"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert (request.rows, request.outputs) == (2, (Seen("y", (4,), True),))


def test_an_answer_that_is_not_finite_is_recorded_as_such() -> None:
    def infinite(arrays: dict[str, Array]) -> dict[str, Array]:
        return {"y": np.full_like(arrays["x"], np.inf)}

    (request,) = served(claimed(1), FakeBackend(answer=infinite), EachTime())
    assert request.outputs == (Seen("y", (4,), False),)


def test_what_a_model_writes_to_its_inputs_is_not_recorded() -> None:
    port = claimed(1)

    def spoil(arrays: dict[str, Array]) -> dict[str, Array]:
        port.lay(0, 2, np.full(8, 99, np.float32))  # The memory that the batch lies in.
        return {"y": arrays["x"]}

    (request,) = served(port, FakeBackend(answer=spoil), EachTime())
    assert request.inputs["x"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_of_batches_in_a_row_one_is_recorded() -> None:
    ring = Ring(ONE_TO_ONE, batched=True, limit_bytes=MIB)
    backend = FakeBackend()
    loop = BatchLoop(
        (port := claimed(1)).as_port(), backend, ONE_TO_ONE, batched=True, ring=ring
    )
    loop.run(IDLE)
    ring.due = 1 << 62
    port.claims = [CLAIMED] * 5 + [STOPPED]
    loop.run(IDLE)
    assert (len(ring.shapes()[0].requests), len(backend.batches)) == (1, 6)


def test_of_a_batch_that_fails_nothing_is_recorded() -> None:
    backend = FakeBackend()
    backend.fail_on = lambda _: len(backend.batches) == 2
    port, ring = claimed(3), EachTime()
    assert len(served(port, backend, ring)) == 2
    assert (len(port.published), len(port.failed)) == (2, 1)


def test_of_a_batch_whose_outputs_are_refused_nothing_is_recorded() -> None:
    port, ring = claimed(1), EachTime()
    assert served(port, FakeBackend(answer=lambda _: {}), ring) == []
    assert len(port.failed) == 1


def test_of_a_decoupled_model_the_requests_are_recorded() -> None:
    port = claimed(1)
    (request,) = served(port, FakeResponder(), EachTime())
    assert request.inputs["x"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert (request.outputs, len(port.responses)) == ((), 3)


@pytest.mark.parametrize("full", ["copy", "keep"])
def test_no_room_to_record_is_no_trouble_for_a_batch(full: str) -> None:
    port = claimed(2)
    assert served(port, FakeBackend(), EachTime(full)) == []
    assert (len(port.published), port.failed) == (2, [])


def test_without_a_ring_nothing_is_copied() -> None:
    port, backend = claimed(2), FakeBackend()
    BatchLoop(port.as_port(), backend, ONE_TO_ONE, batched=True).run(IDLE)
    assert len(port.published) == 2


def test_a_question_is_heard_where_there_is_always_another_batch(
    watch: tuple[int, int],
) -> None:
    port, ring = claimed(9), EachTime()
    os.write(watch[1], b"?")
    served(port, FakeBackend(), ring, watch[0])
    assert len(port.published) == 1
    os.read(watch[0], 1)
    served(port, FakeBackend(), ring, watch[0])
    assert len(port.published) == 9

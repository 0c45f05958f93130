"""A port without a front end: claims that a test writes, in private memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from runtime.native.port import ROOM, STOPPED, WorkerPort

Segment = tuple[int, int, int, int]
Record = tuple[int, int, tuple[int, ...]]
ALIGNMENT = 64


class FakePort:
    """What `runtime.native.port.WorkerPort` shows, with knobs.

    `claims` are what `take` answers one after another, then STOPPED. `records` holds what
    was said of each output, `published` and `failed` what came of each batch. `present`
    says which inputs the batch has; all of them unless set. `responses` holds the first
    output of each response, `rooms` what is answered to questions for room, then ROOM, and
    with `cancel_after` nobody wants more than so many responses.
    """

    def __init__(self, room: int = 4096, batched: bool = True) -> None:
        self._inputs = bytearray(1 << 16)
        self._outputs = bytearray(1 << 16)
        self._batched = batched
        self._segments: list[Segment] = []
        self._dims: tuple[tuple[int, ...], ...] = ()
        self._row_bytes: tuple[int, ...] = ()
        self.present: tuple[int, ...] | None = None
        self.detached: list[tuple[int, int]] = []
        self.rows = 0
        self.layout_id = 0
        self.output_offset = 0
        self.output_capacity = room
        self.claims: list[int] = []
        self.layouts_read = 0
        self.records: dict[int, Record] = {}
        self.region = bytearray()
        self.published: list[tuple[int, bool, int, int]] = []
        self.responses: list[bytes] = []
        self.rooms: list[int] = []
        self.cancel_after = -1
        self.failed: list[tuple[int, bytes]] = []
        self.rings = 0

    def as_port(self) -> WorkerPort:
        """Return this object as the class that it stands for."""
        return cast(WorkerPort, cast(Any, self))

    def declare(self, layout_id: int, *inputs: tuple[tuple[int, ...], int]) -> None:
        """Set the batch's layout: row dims and bytes of a row for each input."""
        self.layout_id = layout_id
        self._dims = tuple(dims for dims, _ in inputs)
        self._row_bytes = tuple(size for _, size in inputs)

    def claim(self, *segments: Segment) -> None:
        """Set the parts that the batch lies in: offset, capacity, rows, bytes of text."""
        self._segments = list(segments)
        self.rows = sum(rows for _, _, rows, _ in segments)

    def lay(self, offset: int, capacity: int, *arrays: npt.NDArray[Any]) -> None:
        """Write inputs as the front end lays them out for `capacity` rows."""
        for array, row_bytes in zip(arrays, self._row_bytes, strict=True):
            self.lay_bytes(offset, array.tobytes())
            offset += -(-row_bytes * capacity // ALIGNMENT) * ALIGNMENT

    def lay_bytes(self, offset: int, raw: bytes) -> None:
        """Write raw bytes into input memory."""
        self._inputs[offset : offset + len(raw)] = raw

    def output(self, index: int, dtype: str = "float32") -> npt.NDArray[Any]:
        """Return an output as the front end would read it."""
        offset, size, dims = self.records[index]
        memory = self.region or self._outputs
        return np.frombuffer(memory[offset : offset + size], dtype).reshape(dims)

    def output_bytes(self, index: int) -> bytes:
        """Return the raw bytes of an output."""
        offset, size, _ = self.records[index]
        return bytes((self.region or self._outputs)[offset : offset + size])

    def inputs(self) -> memoryview:
        return memoryview(self._inputs).toreadonly()

    def outputs(self) -> memoryview:
        return memoryview(self._outputs)

    def take(self, timeout_ms: int, watch: int) -> int:
        return self.claims.pop(0) if self.claims else STOPPED

    def segments(self) -> list[Segment]:
        return self._segments

    def layout(self) -> tuple[bool, list[tuple[int, tuple[int, ...], int]]]:
        self.layouts_read += 1
        present = range(len(self._dims)) if self.present is None else self.present
        return self._batched, list(zip(present, self._dims, self._row_bytes, strict=True))

    def detach_inputs(self, offset: int, size: int) -> None:
        self.detached.append((offset, size))
        self._inputs = bytearray(self._inputs)  # The old memory stays as it is.

    def set_output(self, index: int, offset: int, size: int, dims: Sequence[int]) -> None:
        self.records[index] = (offset, size, tuple(dims))

    def grow(self, size: int) -> memoryview:
        self.region = bytearray(size)
        return memoryview(self.region)

    def await_room(self, timeout_ms: int, watch: int) -> int:
        return self.rooms.pop(0) if self.rooms else ROOM

    def publish(
        self, output_count: int, grown: bool, began_at: int, ended_at: int, more: bool
    ) -> bool:
        if more:
            self.responses.append(self.output_bytes(0))
            self.region = bytearray()
            return len(self.responses) != self.cancel_after
        self.published.append((output_count, grown, began_at, ended_at))
        return True

    def fail(self, code: int, message: bytes) -> None:
        self.failed.append((code, message))

    def ring(self) -> None:
        self.rings += 1

"""Recorded requests as a sealed file in memory, and files that are none."""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.errors import WorkerError
from runtime.workers.recorded import (
    MOST_REQUESTS,
    MOST_ROWS,
    MOST_SHAPES,
    Request,
    Seen,
    Shape,
)
from runtime.workers.recorded_file import MOST_HEADER_BYTES, SEALS, read, write

MIB = 1 << 20
TEXTS = np.array([[b"", b"\0\xff"], [b"three", b"4" * 300]], object)
FIXED = {
    name: np.arange(6).reshape(2, 3).astype(dtype)
    for name, dtype in NUMPY_TYPES.items()
    if name != "BYTES"
}


def shapes() -> list[Shape]:
    """Every datatype, requests with rows and without, and an answer."""
    specs = tuple(TensorSpec(name, name, (3,)) for name in FIXED)
    inputs = (*specs, TensorSpec("BYTES", "BYTES", (2,)))
    seen = (Seen("y", (2,), True), Seen("words", (), False))
    rows = Request({**FIXED, "BYTES": TEXTS}, 2, seen)
    whole = Request({"x": np.array(7, np.int64)}, None)
    return [
        Shape(inputs, True, [rows, rows]),
        Shape((TensorSpec("x", "INT64", ()),), False, [whole]),
    ]


Opened = Callable[[int], int]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Closes what a test has opened."""
    fds: list[int] = []

    def note(fd: int) -> int:
        fds.append(fd)
        return fd

    yield note
    for fd in fds:
        os.close(fd)


def sealed(raw: bytes, seals: int = SEALS) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, raw)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def file_of(header: object, tensors: bytes = b"") -> int:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return sealed(struct.pack("<Q", len(text)) + text + tensors)


def test_requests_come_back_as_they_were(opened: Opened) -> None:
    before = shapes()
    after = read(opened(write(before)), MIB)
    for old, new in zip(before, after, strict=True):
        assert (old.inputs, old.batched) == (new.inputs, new.batched)
        for was, request in zip(old.requests, new.requests, strict=True):
            assert (was.rows, was.outputs) == (request.rows, request.outputs)
            for name, values in was.inputs.items():
                assert request.inputs[name].dtype == values.dtype
                assert request.inputs[name].tolist() == values.tolist()
                assert request.inputs[name].flags.writeable


def test_a_tensor_without_elements_is_no_trouble(opened: Opened) -> None:
    nothing: dict[str, Any] = {"x": np.zeros((2, 0), "f4"), "t": np.zeros((2, 0), object)}
    specs = (TensorSpec("x", "FP32", (0,)), TensorSpec("t", "BYTES", (0,)))
    (shape,) = read(opened(write([Shape(specs, True, [Request(nothing, 2)])])), MIB)
    assert [v.shape for v in shape.requests[0].inputs.values()] == [(2, 0), (2, 0)]


def test_nobody_can_change_it_afterwards(opened: Opened) -> None:
    fd = opened(write(shapes()))
    assert not os.get_inheritable(fd)
    for change in (lambda: os.write(fd, b"x"), lambda: os.ftruncate(fd, 0)):
        with pytest.raises(PermissionError):
            change()


def one(**changes: object) -> dict[str, object]:
    """Describe a shape of one request, x, two rows of FP32."""
    request = {"rows": 2, "texts": [], "outputs": [["y", [1], True]]}
    about = {"inputs": [["x", "FP32", [1]]], "batched": True, "requests": [request]}
    own = {k: v for k, v in changes.items() if k in about}
    return {**about, "requests": [{**request, **changes}], **own}


def test_what_a_worker_writes_by_hand_can_be_read(opened: Opened) -> None:
    (shape,) = read(opened(file_of([one()], struct.pack("<2f", 1, 2))), MIB)
    assert shape.requests[0].inputs["x"].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"{", "Expecting"),
        (b"\xff", "decode"),
        (b"[" * 100_000, "recursion"),
        ([1], "not subscriptable"),
        ([{}], "inputs"),
        ({"shapes": 1}, "indices"),
        ([one()] * (MOST_SHAPES + 1), f"it has {MOST_SHAPES + 1} shapes"),
        ([one(requests=[])], "it has 0 requests"),
        (
            [one(requests=[{}] * (MOST_REQUESTS + 1))],
            f"it has {MOST_REQUESTS + 1} requests",
        ),
        ([one(inputs=[["x", "FP32", [1]]] * 1025)], "it has 1025 inputs"),
        ([one(inputs=[["x", "COMPLEX", [1]]])], "a datatype is unknown"),
        ([one(inputs=[["x", ["FP32"], [1]]])], "unhashable"),
        ([one(inputs=[[7, "FP32", [1]]])], "a name is no text"),
        ([one(inputs=[["x", "FP32", [-1]]])], "a shape is none"),
        ([one(inputs=[["x", "FP32", ["1"]]])], "a shape is none"),
        ([one(inputs=[["x", "FP32", [1] * 33]])], "a shape is none"),
        ([one(inputs=[["x", "FP32", [1 << 70]]])], "there is no FP32"),
        ([one(inputs=[["x", "FP32", [2]]])], "there is no FP32 [2, 2] at"),
        ([one(inputs=[["x", "BYTES", [1]]])], "there is no BYTES [2, 1] at"),
        ([one(inputs=[["x", "BYTES", [1]]], texts=[9])], "there is no BYTES [2, 1] at"),
        ([one(inputs=[["x", "BYTES", [1 << 60]]], texts=[8])], "there is no BYTES"),
        ([one(rows=0)], "a request has 0 rows"),
        ([one(rows=MOST_ROWS + 1)], f"a request has {MOST_ROWS + 1} rows"),
        ([one(rows=None)], "a shape is none"),
        ([one(outputs=[["y", [-1], True]])], "a shape is none"),
        ([one(outputs=[["y"]])], "not enough values"),
        ([one(), one()], "there is no FP32 [2, 1] at"),
    ],
)
def test_a_header_that_lies_is_refused(opened: Opened, header: object, words: str) -> None:
    fd = opened(file_of(header, struct.pack("<2I", 0, 0)))
    with pytest.raises(WorkerError, match="the recorded requests cannot be read") as caught:
        read(fd, MIB)
    assert words in str(caught.value)


@pytest.mark.parametrize("lengths", [(0, 5), (1 << 31, 0), (3, 0)])
def test_a_text_that_ends_elsewhere_is_refused(
    opened: Opened, lengths: tuple[int, int]
) -> None:
    header = [one(inputs=[["x", "BYTES", [1]]], texts=[8])]
    with pytest.raises(WorkerError, match="cannot be read"):
        read(opened(file_of(header, struct.pack("<2I", *lengths))), MIB)


def test_a_header_that_ends_beyond_the_file_is_refused(opened: Opened) -> None:
    with pytest.raises(WorkerError, match="its header has 99 bytes"):
        read(opened(sealed(struct.pack("<Q", 99) + b"[]")), MIB)


@pytest.mark.parametrize("seals", [0, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SHRINK])
def test_a_file_that_may_still_change_is_refused(opened: Opened, seals: int) -> None:
    with pytest.raises(WorkerError, match="it is not sealed"):
        read(opened(sealed(struct.pack("<Q", 2) + b"[]", seals)), MIB)


def test_a_file_beyond_what_is_kept_is_refused(opened: Opened) -> None:
    fd = opened(os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    os.ftruncate(fd, MOST_HEADER_BYTES + MIB + 1)  # All of it a hole.
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    with pytest.raises(WorkerError, match="it has 17825793 bytes"):
        read(fd, MIB)
    empty = opened(sealed(b""))
    with pytest.raises(WorkerError, match="it has 0 bytes"):
        read(empty, MIB)


def test_what_is_no_file_in_memory_is_refused(opened: Opened) -> None:
    ends = os.pipe()
    for fd in map(opened, ends):
        with pytest.raises(WorkerError, match="Invalid argument"):
            read(fd, MIB)

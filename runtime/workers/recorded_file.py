"""Recorded requests as a file in memory, on their way to a successor.

A sealed memfd: the length of a header, the header (JSON), the tensors' raw bytes one behind
the other. Whoever reads it trusts nothing of it but the kernel's seals: a worker that runs
somebody's code has written it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from runtime.backends.base import Array, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.errors import WorkerError
from runtime.rawbytes import pack_elements, unpack_elements
from runtime.workers.recorded import (
    MOST_REQUESTS,
    MOST_ROWS,
    MOST_SHAPES,
    Request,
    Seen,
    Shape,
)

HEADER_LENGTH = struct.Struct("<Q")
MOST_HEADER_BYTES = 16 << 20
MOST_INPUTS = 1024
MOST_DIMS = 32
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
NEEDED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE
LENGTH_BYTES = 4
"""What stands before each element of a BYTES tensor."""


def write(shapes: Sequence[Shape]) -> int:
    """Return a sealed memfd that holds them; the caller closes it."""
    raws: list[memoryview] = []
    header = [
        {
            "inputs": [(s.name, s.datatype, s.shape) for s in shape.inputs],
            "batched": shape.batched,
            "requests": [_describe(shape, request, raws) for request in shape.requests],
        }
        for shape in shapes
    ]
    text = json.dumps(header).encode()
    with contextlib.ExitStack() as stack:
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        fd = os.memfd_create("leeboard-recorded", flags)
        stack.callback(os.close, fd)
        with open(fd, "wb", closefd=False) as file:
            file.write(HEADER_LENGTH.pack(len(text)) + text)
            for raw in raws:
                file.write(raw)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        stack.pop_all()
    return fd


def _describe(shape: Shape, request: Request, raws: list[memoryview]) -> dict[str, object]:
    """Append a request's tensors and return what the header says of it."""
    texts: list[int] = []
    for spec in shape.inputs:
        values = request.inputs[spec.name]
        if spec.datatype == "BYTES":
            raw = pack_elements(values)
            texts.append(len(raw))
            raws.append(memoryview(raw))
        else:
            raws.append(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    outputs = [(seen.name, seen.dims, seen.finite) for seen in request.outputs]
    return {"rows": request.rows, "texts": texts, "outputs": outputs}


def read(fd: int, limit_bytes: int) -> list[Shape]:
    """Return what a memfd holds; the descriptor stays the caller's.

    `limit_bytes` bounds the tensors. Raises WorkerError for a file that is not as `write`
    makes them.
    """
    try:
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & NEEDED != NEEDED:
            raise ValueError("it is not sealed")
        size = os.fstat(fd).st_size
        if not HEADER_LENGTH.size <= size <= limit_bytes + MOST_HEADER_BYTES:
            raise ValueError(f"it has {size} bytes")
        with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as memory:
            return _parse(memory, size)
    except (
        OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError,
        struct.error,
    ) as error:  # fmt: skip
        raise WorkerError(f"the recorded requests cannot be read: {error}") from error


@dataclass
class Cursor:
    """Takes tensors off a mapped file, one behind the other."""

    memory: mmap.mmap
    at: int
    end: int

    def take(self, datatype: str, shape: tuple[int, ...], texts: Iterator[int]) -> Array:
        """Return the next tensor, in memory of its own; else raises ValueError."""
        count = prod(shape)
        if datatype == "BYTES":
            size = next(texts, -1)
            is_short = not LENGTH_BYTES * count <= size <= self.end - self.at
        else:
            size = count * NUMPY_TYPES[datatype].itemsize
            is_short = size > self.end - self.at
        if is_short:
            raise ValueError(f"there is no {datatype} {list(shape)} at {self.at}")
        raw = self.memory[self.at : self.at + size]
        self.at += size
        if datatype != "BYTES":
            return np.frombuffer(raw, NUMPY_TYPES[datatype]).reshape(shape).copy()
        values = unpack_elements(memoryview(raw), 0, count)
        if pack_elements(values) != raw:
            raise ValueError(f"a text ends beyond {self.at}")
        return values.reshape(shape)


def _parse(memory: mmap.mmap, size: int) -> list[Shape]:
    (length,) = HEADER_LENGTH.unpack_from(memory)
    if length > min(size - HEADER_LENGTH.size, MOST_HEADER_BYTES):
        raise ValueError(f"its header has {length} bytes")
    begin = HEADER_LENGTH.size + length
    header = json.loads(memory[HEADER_LENGTH.size : begin])
    cursor = Cursor(memory, begin, size)
    if len(header) > MOST_SHAPES:
        raise ValueError(f"it has {len(header)} shapes")
    return [_shape_from(item, cursor) for item in header]


def _shape_from(item: dict[str, Any], cursor: Cursor) -> Shape:
    inputs = tuple(
        TensorSpec(_name(name), _datatype(datatype), _dims(dims))
        for name, datatype, dims in item["inputs"]
    )
    batched, requests = item["batched"] is True, item["requests"]
    if len(inputs) > MOST_INPUTS:
        raise ValueError(f"it has {len(inputs)} inputs")
    if not 0 < len(requests) <= MOST_REQUESTS:
        raise ValueError(f"it has {len(requests)} requests of one shape")
    return Shape(
        inputs, batched, [_request_from(r, inputs, batched, cursor) for r in requests]
    )


def _request_from(
    item: dict[str, Any], inputs: tuple[TensorSpec, ...], batched: bool, cursor: Cursor
) -> Request:
    texts = iter(_dims(item["texts"], len(inputs)))
    rows = _dims([item["rows"]]) if batched else ()
    if rows and not 0 < rows[0] <= MOST_ROWS:
        raise ValueError(f"a request has {rows[0]} rows")
    arrays = {
        spec.name: cursor.take(spec.datatype, (*rows, *spec.shape), texts)
        for spec in inputs
    }
    outputs = tuple(
        Seen(_name(name), _dims(dims), finite is True)
        for name, dims, finite in item["outputs"]
    )
    return Request(arrays, rows[0] if rows else None, outputs)


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name is no text")
    return value


def _datatype(value: object) -> str:
    if value not in NUMPY_TYPES:
        raise ValueError("a datatype is unknown")
    return str(value)


def _dims(values: Sequence[object], most: int = MOST_DIMS) -> tuple[int, ...]:
    sizes = tuple(v for v in values if isinstance(v, int) and v >= 0)
    if len(values) > most or len(sizes) < len(values):
        raise ValueError("a shape is none")
    return sizes

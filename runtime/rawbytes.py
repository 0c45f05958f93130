"""BYTES tensors in KServe's raw layout: each element behind its uint32 length."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt


def unpack_elements(memory: memoryview, begin: int, count: int) -> npt.NDArray[Any]:
    """Return `count` elements from `begin` as an object array of bytes."""
    elements = np.empty(count, dtype=object)
    at = begin
    for index in range(count):
        (size,) = struct.unpack_from("<I", memory, at)
        elements[index] = bytes(memory[at + 4 : at + 4 + size])
        at += 4 + size
    return elements


def pack_elements(values: npt.NDArray[Any]) -> bytes:
    """Return the raw bytes of an array of bytes or text, in row-major order.

    Raises TypeError for anything else: `bytes` of a number is that many zeros.
    """
    parts: list[bytes] = []
    for value in values.reshape(-1):
        item = value.encode() if isinstance(value, str) else value
        if not isinstance(item, bytes):
            raise TypeError(f"{value} is neither bytes nor text")
        parts += (struct.pack("<I", len(item)), item)
    return b"".join(parts)

"""Batches as the front end lays them out, in the memory of a fake port."""

from __future__ import annotations

import numpy as np

from runtime.backends.base import FREE, Array, Signature, TensorSpec
from runtime.rawbytes import pack_elements
from runtime.workers.slots import InputReader
from tests.unit.workers.fake_port import FakePort

X = TensorSpec("x", "FP32", (FREE, 4))
SCALE = TensorSpec("scale", "INT64", (FREE,))
TEXT = TensorSpec("text", "BYTES", (FREE, 2))
PAIR = (((4,), 16), ((), 8))
"""Row dims and row bytes of the inputs x and scale."""


def signature(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = ()) -> Signature:
    return Signature("fake", inputs, outputs, batchable=True)


def x_rows(count: int, first: float = 0.0) -> Array:
    return (np.arange(count * 4, dtype=np.float32) + np.float32(first)).reshape(count, 4)


def scales(*values: int) -> Array:
    return np.array(values, np.int64)


def pair_port(capacity: int = 8) -> FakePort:
    """A port with a batch of two rows of x and scale at offset 128."""
    port = FakePort()
    port.declare(1, *PAIR)
    port.lay(128, capacity, x_rows(2), scales(7, 8))
    port.claim((128, capacity, 2, 0))
    return port


def pair_reader(port: FakePort) -> InputReader:
    return InputReader(port.as_port(), signature(X, SCALE))


def text_port(*texts: bytes) -> FakePort:
    """A port with rows of text (64 bytes of room) and scale."""
    port = FakePort()
    port.declare(1, ((2,), 0), ((), 8))
    port.lay_bytes(0, pack_elements(np.array(texts, object)))
    port.lay_bytes(64, scales(7, 8).tobytes())
    port.claim((0, 4, len(texts) // 2, 64))
    return port

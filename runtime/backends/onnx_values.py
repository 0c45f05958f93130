"""Values between NumPy and ONNX Runtime where the two differ: text, and BF16 bits."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING

import numpy as np

from runtime.backends.base import Array

if TYPE_CHECKING:
    import onnxruntime


def as_text(values: Array) -> Array:
    """Return `bytes` objects as text; what is not UTF-8 becomes a replacement character.

    Refusing it here would fail a whole batch for one request's bytes.
    """
    answer = np.empty(values.size, dtype=object)
    answer[:] = [value.decode("utf-8", "replace") for value in values.ravel().tolist()]
    return answer.reshape(values.shape)


def as_bytes(values: Array) -> Array:
    """Return text as `bytes` objects."""
    answer = np.empty(values.size, dtype=object)
    answer[:] = [value.encode() for value in values.ravel().tolist()]
    return answer.reshape(values.shape)


def view_bits(value: onnxruntime.OrtValue) -> Array:
    """Return the bits of a 16-bit tensor that NumPy has no type for; no copy is made."""
    shape = tuple(value.shape())
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, np.uint16)
    memory = (ctypes.c_uint16 * count).from_address(value.data_ptr())
    bits: Array = np.ctypeslib.as_array(memory)
    return bits.reshape(shape)


def from_ort(value: onnxruntime.OrtValue, datatype: str) -> Array:
    """Return the numbers that ONNX Runtime made, as a view that `value` keeps alive."""
    return view_bits(value) if datatype == "BF16" else value.numpy()

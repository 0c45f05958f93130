"""Values between NumPy and ONNX Runtime where the two differ: text, and BF16 bits."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING

import numpy as np

from runtime.backends.base import Array
from runtime.errors import InputError

if TYPE_CHECKING:
    import onnxruntime


def as_text(name: str, values: Array) -> Array:
    """Return `bytes` objects as text; raises InputError for what is not UTF-8.

    ONNX Runtime's strings are text, so other bytes could only be passed on altered. The
    front end runs a failed batch's requests again one by one: only the guilty one fails.
    """
    answer = np.empty(values.size, dtype=object)
    try:
        answer[:] = [value.decode() for value in values.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise InputError(
            f"input {name!r} has bytes that are not UTF-8; ONNX strings are text: {error}"
        ) from error
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

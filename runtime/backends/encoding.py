"""Arrays as a request's tensors: the model's shape, and KServe's raw bytes.

What clients need to ask a model. Nothing here changes a value in silence; the words
`called` begin every error, so a person learns which option or file is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from runtime.backends.base import FREE, Array
from runtime.backends.datatypes import NUMPY_TYPES, bf16_from_float, float_from_bf16
from runtime.errors import ConfigError
from runtime.rawbytes import pack_elements, unpack_elements

NUMBER_KINDS = "biuf"


def fits(wanted: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a shape is one that a model declares, free dimensions being any."""
    return len(shape) == len(wanted) and all(
        size in (FREE, given) for size, given in zip(wanted, shape, strict=True)
    )


def fit(called: str, array: Array, shape: Sequence[int]) -> Array:
    """Give an array the batch dimension that the model has and the person left out."""
    if len(array.shape) == len(shape) - 1 and shape[0] == FREE:
        array = array[np.newaxis]
    if not fits(shape, array.shape):
        raise ConfigError(
            f"{called} has shape {list(array.shape)}, the model expects {list(shape)}"
        )
    return array


def to_raw(called: str, array: Array, datatype: str) -> bytes:
    """Return an array in the raw layout of its datatype.

    Raises ConfigError for what would not be the same values afterwards; only floating
    point may lose digits.
    """
    try:
        if datatype == "BYTES":
            return pack_elements(array)
        if datatype == "BF16":
            return bf16_from_float(array.astype(np.float32)).tobytes()
        with np.errstate(all="ignore"):
            converted = np.ascontiguousarray(array, NUMPY_TYPES[datatype])
        is_exact = converted.dtype.kind != "f" and array.dtype.kind in NUMBER_KINDS
        if is_exact and not np.array_equal(converted, array):
            raise ValueError("it cannot hold these values")
        return converted.tobytes()
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{called} does not convert to {datatype}: {error}") from error


def from_raw(raw: bytes, datatype: str, shape: tuple[int, ...]) -> Array:
    """Return the array that raw bytes hold; BF16 becomes FP32."""
    if datatype == "BYTES":
        return unpack_elements(memoryview(raw), 0, prod(shape)).reshape(shape)
    array: Array = np.frombuffer(raw, NUMPY_TYPES[datatype]).reshape(shape)
    return float_from_bf16(array) if datatype == "BF16" else array

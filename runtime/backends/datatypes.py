"""KServe datatypes as NumPy holds them.

BF16 has no NumPy type and travels as the uint16 of its bits; BYTES elements are `bytes`
objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BF16": np.dtype(np.uint16),
    "BYTES": np.dtype(object),
}

FLOATS = frozenset({"FP16", "FP32", "FP64", "BF16"})
"""Datatypes that have a NaN and infinities."""


def bf16_from_float(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint16]:
    """Return the BF16 bits nearest to finite values; ties go to the even one."""
    bits = values.astype(np.float32).view(np.uint32)
    rounding = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return ((bits + rounding) >> np.uint32(16)).astype(np.uint16)


def float_from_bf16(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Return the values that BF16 bits stand for, exactly."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def all_finite(values: npt.NDArray[Any], datatype: str) -> bool:
    """Tell whether there is no NaN and no infinity; others than floats have none."""
    if datatype not in FLOATS:
        return True
    numbers = float_from_bf16(values) if datatype == "BF16" else values
    return bool(np.isfinite(numbers).all())

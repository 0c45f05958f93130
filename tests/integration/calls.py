"""Requests as tests write them, over tritonclient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton

Array = npt.NDArray[Any]

NAMES = {
    np.dtype(np.float32): "FP32",
    np.dtype(np.float64): "FP64",
    np.dtype(np.float16): "FP16",
    np.dtype(np.int8): "INT8",
    np.dtype(np.int32): "INT32",
    np.dtype(np.int64): "INT64",
    np.dtype(np.uint8): "UINT8",
    np.dtype(np.bool_): "BOOL",
    np.dtype(object): "BYTES",
}


def tensors(**arrays: Array) -> list[Any]:
    """Return tritonclient's inputs for named arrays."""
    inputs = []
    for name, array in arrays.items():
        tensor = triton.InferInput(name, list(array.shape), NAMES[array.dtype])
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs


def rows(count: int, first: float = 0.0, width: int = 4) -> Array:
    """Return `count` rows of distinct numbers."""
    values = np.arange(count * width, dtype=np.float32) + np.float32(first)
    return values.reshape(count, width)

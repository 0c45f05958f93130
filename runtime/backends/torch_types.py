"""Tensors between our arrays and PyTorch: datatypes, views without copies, thread state.

`torch` is imported by `import_torch` only, so that knowing of these formats costs nothing.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.backends.base import Array
from runtime.errors import ModelError

if TYPE_CHECKING:
    import torch

DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BF16": "bfloat16",
}
"""KServe datatype -> name of PyTorch's; PyTorch has no text."""

DATATYPES = {name: datatype for datatype, name in DTYPES.items()}


def import_torch() -> ModuleType:
    """Import PyTorch, or say how to install it."""
    try:
        import torch
    except ImportError as error:
        raise ModelError(
            f"this model needs PyTorch, which cannot be imported ({error}): "
            "pip install 'leeboard[torch]'"
        ) from error
    return torch


def dtype_of(name: str, datatype: str) -> torch.dtype:
    """Return PyTorch's type of a tensor's datatype; raises ModelError for text."""
    import torch

    if datatype not in DTYPES:
        raise ModelError(
            f"tensor {name!r} is {datatype}; PyTorch models take and give numbers and "
            "booleans only: turn text into numbers before, or in a Python model"
        )
    dtype: torch.dtype = getattr(torch, DTYPES[datatype])
    return dtype


def datatype_of(name: str, dtype: torch.dtype) -> str:
    """Return the KServe datatype of a tensor; raises ModelError for one without."""
    word = str(dtype).removeprefix("torch.")
    if word not in DATATYPES:
        raise ModelError(f"tensor {name!r} is {word}, which a request cannot carry")
    return DATATYPES[word]


class Writable:
    """Shows an array's memory as writable, and keeps the array alive.

    PyTorch has no read-only tensors and warns of such arrays. Writing still hits the
    memory's own protection; the load check finds models that write.
    """

    def __init__(self, array: Array) -> None:
        self._array = array
        about = dict(array.__array_interface__)
        about["data"] = (about["data"][0], False)
        self.__array_interface__: dict[str, Any] = about


def shown(array: Array) -> Array:
    """Return an array that PyTorch takes, on the same memory where it can, and new.

    A tensor on it refers to it for as long as anything uses the tensor's memory.
    """
    if min(array.strides, default=0) < 0:
        return array.copy()
    return np.asarray(Writable(array))


def view(array: Array, datatype: str) -> torch.Tensor:
    """Return an array as a tensor on the same memory; BF16 bits become BF16."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if datatype == "BF16" else tensor


def use_threads(count: int) -> None:
    """Have PyTorch compute with `count` threads when the calling thread calls it."""
    import torch

    torch.set_num_threads(count)
    with suppress(RuntimeError):  # Settable once; what counts is that nobody makes more.
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)


class InferenceMode(threading.local):
    """PyTorch's inference mode of each thread: on while anyone there has entered.

    Entering for every batch would cost a microsecond; a worker's thread enters once.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._guard: torch.inference_mode | None = None

    def enter(self) -> None:
        """Switch it on for the calling thread, until `leave` was called as often."""
        import torch

        if self._guard is None:
            self._guard = torch.inference_mode()
            self._guard.__enter__()
        self._depth += 1

    def leave(self) -> None:
        """Undo one `enter` of the calling thread; without one it does nothing."""
        if self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0 and self._guard is not None:
            self._guard.__exit__(None, None, None)
            self._guard = None


INFERENCE = InferenceMode()


def refuse_not_finite(name: str, tensor: torch.Tensor, is_parameter: bool) -> None:
    """Raise ModelError for a weight with NaN, or a parameter with infinity.

    A buffer may hold infinities: attention masks do.
    """
    import torch

    if not tensor.is_floating_point() or tensor.numel() == 0:
        return
    bad = ~torch.isfinite(tensor) if is_parameter else torch.isnan(tensor)
    if bool(bad.any()):
        raise ModelError(
            f"weight {name!r} has {int(bad.sum())} values that are not finite; the file is "
            "broken or training diverged: use a version from before"
        )

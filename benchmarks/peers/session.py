"""ONNX Runtime as the peers use it: one thread, no spinning, every optimisation.

The peers' programs import this in environments that are not ours: it needs ONNX Runtime
and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import onnxruntime

DTYPES = {"tensor(float)": "<f4", "tensor(int64)": "<i8"}
DATATYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}


class Tensor(TypedDict):
    """An input or output as the protocol's metadata has it; -1 is a free dimension."""

    name: str
    datatype: str
    shape: list[int]


def row_dims(tensor: onnxruntime.NodeArg) -> list[int]:
    """Return the fixed dimensions of one row of an input or output."""
    return [size for size in tensor.shape[1:] if isinstance(size, int)]


def describe(tensors: Sequence[onnxruntime.NodeArg]) -> list[Tensor]:
    """Return a session's inputs or outputs as metadata."""
    return [
        Tensor(
            name=tensor.name,
            datatype=DATATYPES[tensor.type],
            shape=[size if isinstance(size, int) else -1 for size in tensor.shape],
        )
        for tensor in tensors
    ]


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load a model with the options that our own workers use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )

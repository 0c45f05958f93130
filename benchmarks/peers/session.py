"""ONNX Runtime as the peers use it: one thread, no spinning, every optimisation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

DTYPES = {"tensor(float)": "<f4", "tensor(int64)": "<i8"}


def row_dims(tensor: onnxruntime.NodeArg) -> list[int]:
    """Return the fixed dimensions of one row of an input or output."""
    return [size for size in tensor.shape[1:] if isinstance(size, int)]


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

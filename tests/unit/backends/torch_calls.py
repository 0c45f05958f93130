"""What tests of the PyTorch backends share: opening a file, asking for one batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runtime.backends.base import FREE, Array, LoadOptions, TensorSpec
from runtime.backends.memory import MemoryInputs, MemoryOutputs, Shelf
from runtime.backends.torch_run import TorchBackend

X4 = TensorSpec("x", "FP32", (FREE, 4))
Y4 = TensorSpec("y", "FP32", (FREE, 4))


def loaded(
    made: Callable[[], TorchBackend], path: Path, options: LoadOptions | None = None
) -> TorchBackend:
    """Return a backend with a model."""
    backend = made()
    backend.load(path, options or LoadOptions())
    return backend


def ask(
    backend: TorchBackend, shelf: Shelf | None = None, key: object = None, **arrays: Array
) -> dict[str, Array]:
    """Run one batch."""
    rows = max((len(values) for values in arrays.values() if values.ndim), default=1)
    outputs = MemoryOutputs(backend.signature(), shelf=shelf)
    backend.run(MemoryInputs(arrays, rows, key), outputs)
    return {name: values.copy() for name, values in outputs.finish().items()}

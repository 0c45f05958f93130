"""PyTorch by itself: how many rows a second the model can do without a server.

    python -m benchmarks.peers.torch_bare MODEL.pt2 SECONDS ROWS...

For each batch size it runs batches on ready tensors for that long and prints a JSON list of
what was done, as `benchmarks.peers.bare` does for ONNX.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.bare import run_batches
from runtime.backends import backend_for
from runtime.backends.base import Array, Backend, LoadOptions
from runtime.backends.datatypes import NUMPY_TYPES


def open_backend(path: Path) -> Backend:
    """Return our backend with the model."""
    backend = backend_for(path)
    backend.load(path, LoadOptions())
    return backend


def open_bare(path: Path) -> Callable[..., Any]:
    """Return the model as PyTorch itself opens it."""
    module: Callable[..., Any] = torch.export.load(path).module()
    return module


def inputs_of(backend: Backend, rows: int) -> dict[str, Array]:
    """Return random inputs for a model."""
    rng = np.random.default_rng(0)
    return {
        spec.name: rng.integers(0, 1000, (rows, *spec.shape[1:])).astype(
            NUMPY_TYPES[spec.datatype]
        )
        for spec in backend.signature().inputs
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a PyTorch model without a server.")
    parser.add_argument("model", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("rows", type=int, nargs="+")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    backend, bare = open_backend(chosen.model), open_bare(chosen.model)
    found = []
    with torch.inference_mode():
        for rows in chosen.rows:
            arrays = inputs_of(backend, rows)
            tensors = [torch.from_numpy(array) for array in arrays.values()]
            found.append(run_batches(partial(bare, *tensors), rows, chosen.seconds))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

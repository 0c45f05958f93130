"""ONNX Runtime by itself: how many rows a second the model can do without a server.

    python -m benchmarks.peers.bare MODEL.onnx SECONDS ROWS...

For each batch size it runs batches for that long, inputs and outputs bound once to the same
memory, and prints a JSON list of what was done.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.session import DTYPES, open_session, row_dims

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

ELEMENT_TYPES = {"tensor(float)": 1, "tensor(int64)": 7}
"""ONNX's numbers of the datatypes."""

WARM_UP_RUNS = 3

Arrays = list["NDArray[np.float32] | NDArray[np.int64]"]


def bind(
    session: onnxruntime.InferenceSession, rows: int
) -> tuple[onnxruntime.IOBinding, Arrays]:
    """Bind random inputs, and outputs to be overwritten; keep the arrays while it runs."""
    binding = session.io_binding()
    rng = np.random.default_rng(0)
    arrays: Arrays = []
    for tensor in session.get_inputs():
        values = rng.integers(0, 1000, [rows, *row_dims(tensor)])
        array = values.astype(DTYPES[tensor.type])
        kind = ELEMENT_TYPES[tensor.type]
        binding.bind_input(tensor.name, "cpu", 0, kind, array.shape, array.ctypes.data)
        arrays.append(array)
    for tensor in session.get_outputs():
        array = np.empty([rows, *row_dims(tensor)], DTYPES[tensor.type])
        kind = ELEMENT_TYPES[tensor.type]
        binding.bind_output(tensor.name, "cpu", 0, kind, array.shape, array.ctypes.data)
        arrays.append(array)
    return binding, arrays


def run_bound(
    session: onnxruntime.InferenceSession, rows: int, seconds: float
) -> dict[str, float]:
    """Run batches whose memory is bound once."""
    binding, arrays = bind(session, rows)
    found = run_batches(partial(session.run_with_iobinding, binding), rows, seconds)
    assert arrays
    return found


def run_batches(call: Callable[[], object], rows: int, seconds: float) -> dict[str, float]:
    """Run batches of `rows` for about `seconds`; returns what was done in how long."""
    for _ in range(WARM_UP_RUNS):
        call()
    batches = 0
    cpu_began, began = time.process_time(), time.perf_counter()
    while time.perf_counter() < began + seconds:
        call()
        batches += 1
    return {
        "size": rows,
        "rows": rows * batches,
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu_began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a model without a server.")
    parser.add_argument("model", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("rows", type=int, nargs="+")
    chosen = parser.parse_args()
    session = open_session(chosen.model)
    print(json.dumps([run_bound(session, n, chosen.seconds) for n in chosen.rows]))


if __name__ == "__main__":
    main()

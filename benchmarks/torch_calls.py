"""PyTorch's small network, called bare and by what a worker does for each batch.

    python -m benchmarks.torch_calls FOLDER BLOCKS

prints JSON: for each format, microseconds of both in each block. A block is the least of
some short stretches of each, taken in turns. Bare is the module on a ready tensor, in
inference mode, with one thread. The worker's side reads a claimed batch, runs the backend
and finishes its outputs, in memory that it has seen before.

Differs from real use: the port is a stand-in, so claiming and publishing are not counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from runtime.backends import backend_for
from runtime.backends.base import Backend, LoadOptions
from runtime.native.port import WorkerPort
from runtime.testing import torch_models
from runtime.workers.slots import InputReader, SlotOutputs

WIDTH_IN, WIDTH_OUT = torch_models.WIDTHS[0], torch_models.WIDTHS[-1]
ROWS = 8
CALLS = 300
STRETCHES = 20
MICROSECONDS = 1e6


class OnePlace:
    """A port with the same batch claimed for ever."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.values = rng.uniform(-1, 1, (ROWS, WIDTH_IN)).astype(np.float32)
        self._inputs = memoryview(self.values.tobytes())
        self._outputs = memoryview(bytearray(4096))
        self.rows, self.layout_id = ROWS, 1
        self.output_offset, self.output_capacity = 0, 4096

    def inputs(self) -> memoryview:
        """Return the inputs' memory, read-only."""
        return self._inputs

    def outputs(self) -> memoryview:
        """Return the outputs' memory."""
        return self._outputs

    def segments(self) -> list[tuple[int, int, int, int]]:
        """Return where the batch lies."""
        return [(0, ROWS, ROWS, self._inputs.nbytes)]

    def layout(self) -> tuple[bool, list[tuple[int, tuple[int, ...], int]]]:
        """Return the layout of its one input."""
        return True, [(0, (WIDTH_IN,), 4 * WIDTH_IN)]

    def set_output(self, index: int, offset: int, size: int, dims: Sequence[int]) -> None:
        """Take note of nothing."""


def worker_call(backend: Backend) -> Callable[[], object]:
    """Return what a worker does with each batch."""
    port = cast(WorkerPort, cast(Any, OnePlace()))
    reader = InputReader(port, backend.signature())
    outputs = SlotOutputs(port, backend.signature(), batched=True)

    def call() -> None:
        inputs = reader.read()
        outputs.begin()
        backend.run(inputs, outputs)
        outputs.finish()

    return call


def loaded(path: Path) -> Backend:
    """Return a backend with the network."""
    extra = {
        "module": "runtime.testing.torch_models:make_mlp",
        "allowed_modules": "runtime.testing",
    }
    says_itself = path.suffix == ".pt2"
    options = LoadOptions(
        inputs=() if says_itself else torch_models.MLP_INPUTS,
        outputs=() if says_itself else torch_models.MLP_OUTPUTS,
        extra=extra if path.suffix == ".safetensors" else {},
    )
    backend = backend_for(path)
    backend.load(path, options)
    return backend


def least_us(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Return the microseconds of each call, the least of some stretches in turns."""
    least = [float("inf")] * len(calls)
    for _ in range(STRETCHES):
        for place, call in enumerate(calls):
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            spent = (time.perf_counter() - began) / CALLS
            least[place] = min(least[place], spent * MICROSECONDS)
    return least


def measure(folder: Path, blocks: int) -> dict[str, list[dict[str, float]]]:
    """Make the network in each format and measure it."""
    import torch

    module = torch_models.make_mlp()
    example = [torch.zeros(2, WIDTH_IN)]
    script = torch_models.save_script(folder / "torch-mlp.pt", module, example)
    paths = {
        "module": torch_models.save_weights(
            folder / "torch-mlp.safetensors", module.state_dict()
        ),
        "export": torch_models.save_export(folder / "torch-mlp.pt2", module, example),
        "script": script,
    }
    backends = {name: loaded(path) for name, path in paths.items()}
    jit: Any = torch.jit
    bare = {
        "module": module,
        "export": torch.export.load(paths["export"]).module(),
        "script": jit.load(str(script)),
    }
    x = torch.from_numpy(OnePlace().values)
    found: dict[str, list[dict[str, float]]] = {}
    for name, backend in backends.items():
        calls = (worker_call(backend), lambda name=name: bare[name](x))
        times = [least_us(calls) for _ in range(blocks)]
        found[name] = [{"worker_us": worker, "bare_us": alone} for worker, alone in times]
    return found


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))

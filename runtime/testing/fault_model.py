"""A model that goes wrong on demand, in the process and on the request that a test chooses.

A ``.fault`` file is served like any model. It is JSON::

    {"width": 4, "delay_s": 0.0, "deeds": {"13": "crash", "14": "hang"}}

The model answers y = x for rows of `width` FP32 values. A row whose first value stands in
`deeds` makes it do that deed when its batch runs: `crash` (SIGSEGV), `abort`, `kill`,
`exit`, `hang` (holding the GIL), `raise`, `out_of_memory` (raises MemoryError),
`fill_memory` (until something stops it), `leak` (16 MiB a batch), `wrong_shape` (a column
less), `not_a_number`, `write_input` (into read-only memory), `scribble` (over the page
shared with the front).

A version that should never have been published::

    {"load": "hang"}              does a deed while it is loaded
    {"always": "not_a_number"}    does it for every row
    {"free_answer": true}         declares y with free dims, so that it may have any shape

Served with ``decoupled: true`` it gives a request many responses, y = x, y = x + 1, ...::

    {"responses": {"count": 3, "delay_s": 0.1, "deed_after": 2}}

`count` of them (-1: they never end), a pause of `delay_s` before each; deeds are done when
`deed_after` were given.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from runtime.backends.base import (
    FREE,
    Array,
    Inputs,
    LoadOptions,
    Outputs,
    Responses,
    Signature,
    TensorSpec,
)
from runtime.errors import ModelError
from runtime.workers.faults import ACTIONS

LEAK_BYTES = 16 << 20
TO_ANSWERS = ("wrong_shape", "not_a_number", "write_input")
"""Deeds that need a batch."""


def scribble() -> None:
    """Overwrite the control page, wherever it is mapped."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "memfd:leeboard-control" in line:
            first, last = (int(text, 16) for text in line.split()[0].split("-"))
            ctypes.memset(first, 0xA5, last - first)


def raise_error() -> None:
    """Fail as a model does."""
    raise ModelError("told to fail")


def raise_memory_error() -> None:
    """Fail as a model without memory does."""
    raise MemoryError("told to run out of memory")


def touched_memory(size: int) -> mmap.mmap:
    """Return private memory of its own, every page of it in use."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, size, mmap.PAGESIZE):
        memory[at] = 1
    return memory


@dataclass(frozen=True, slots=True)
class Stream:
    """How many responses a request gets, and when something goes wrong with them."""

    count: int = 3
    delay_s: float = 0.0
    deed_after: int = 0


class FaultModel:
    """The backend of ``.fault`` files."""

    def __init__(self) -> None:
        self._held: list[mmap.mmap] = []

    def load(self, path: Path, options: LoadOptions) -> None:
        """Read what to do; raises ModelError for a file that does not say."""
        try:
            about: dict[str, Any] = json.loads(path.read_text())
            self._width = int(about.get("width", 4))
            self._delay_s = float(about.get("delay_s", 0.0))
            self._stream = Stream(**about.get("responses", {}))
            self._decoupled = options.decoupled
            self._on_load = str(about.get("load", ""))
            self._always = str(about.get("always", ""))
            self._is_free = bool(about.get("free_answer", False))
            self._deeds = {float(k): str(v) for k, v in about.get("deeds", {}).items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is no fault model: {error}") from error
        self._never = threading.Event()
        self._does: dict[str, Callable[[], object]] = {
            **ACTIONS,
            "raise": raise_error,
            "out_of_memory": raise_memory_error,
            "leak": lambda: self._held.append(touched_memory(LEAK_BYTES)),
            "scribble": scribble,
        }
        wanted = {*self._deeds.values(), self._always, self._on_load} - {""}
        unknown = wanted - {*self._does, *TO_ANSWERS}
        if unknown:
            raise ModelError(f"{path}: nobody knows how to {min(unknown)}")
        if self._on_load in self._does:
            self._does[self._on_load]()

    def signature(self) -> Signature:
        """Return y = x, in rows."""
        x, y = (TensorSpec(name, "FP32", (FREE, self._width)) for name in "xy")
        y = replace(y, shape=(FREE, FREE)) if self._is_free else y
        return Signature("fault", (x,), (y,), batchable=True, decoupled=self._decoupled)

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Answer, unless a row asks for something else."""
        x = inputs["x"]
        self._never.wait(self._delay_s)
        if self._decoupled:
            self._respond(x, cast(Responses, outputs))
        else:
            answer = self._do_deeds(x, np.array(x))
            outputs.write("y", answer)

    def close(self) -> None:
        """Let go of what was leaked."""
        while self._held:
            self._held.pop().close()

    def _respond(self, x: Array, outputs: Responses) -> None:
        answer, given = np.array(x), 0
        while True:
            if given == self._stream.deed_after:
                answer = self._do_deeds(x, answer)
            if given == self._stream.count:
                return
            self._never.wait(self._stream.delay_s)
            if not outputs.ready():
                return
            outputs.write("y", answer)
            answer, given = answer + 1, given + 1
            if not outputs.send():
                return

    def _do_deeds(self, x: Array, answer: Array) -> Array:
        for first in x[:, 0].tolist():
            answer = self._do(self._deeds.get(first, self._always), x, answer)
        return answer

    def _do(self, deed: str, x: Array, answer: Array) -> Array:
        if deed == "wrong_shape":
            return answer[:, : self._width - 1]
        if deed == "not_a_number":
            return np.full_like(answer, np.nan)
        if deed == "write_input":
            ctypes.memset(x.ctypes.data, 0, x.nbytes)
        elif deed:
            self._does[deed]()
        return answer

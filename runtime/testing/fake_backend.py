"""A backend with knobs: runs when told, fails when told, remembers what it saw."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from runtime.backends.base import Array, Inputs, LoadOptions, Outputs, Signature, TensorSpec
from runtime.errors import ModelError

Function = Callable[[dict[str, Array]], dict[str, Array]]

ONE_TO_ONE = Signature(
    "fake",
    (TensorSpec("x", "FP32", (-1, 4)),),
    (TensorSpec("y", "FP32", (-1, 4)),),
    batchable=True,
)


def doubled(arrays: dict[str, Array]) -> dict[str, Array]:
    """Answer y = 2 x."""
    return {"y": arrays["x"] * 2}


class FakeBackend:
    """Answers with a function of the inputs, one batch for each permit.

    `hold` takes the permits away: batches then stop inside `run`, which `entered` counts,
    until `release` gives some.
    """

    def __init__(
        self, signature: Signature = ONE_TO_ONE, answer: Function = doubled
    ) -> None:
        self._signature = signature
        self._answer = answer
        self._held = False
        self._permits = threading.Semaphore(0)
        self.entered = 0
        self.batches: list[int] = []
        self.seen: list[dict[str, Array]] = []
        self.fail_on: Callable[[dict[str, Array]], bool] = lambda _: False

    def hold(self) -> None:
        """Stop every batch inside `run` from now on."""
        self._held = True

    def release(self, batches: int = 1) -> None:
        """Let that many held batches finish."""
        for _ in range(batches):
            self._permits.release()

    def let_go(self) -> None:
        """Hold no longer, and let all held batches finish."""
        self._held = False
        self.release(1000)

    def load(self, path: Path, options: LoadOptions) -> None:
        """Load nothing."""

    def signature(self) -> Signature:
        """Return the signature that it was made with."""
        return self._signature

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run one batch when there is a permit."""
        arrays = {name: inputs[name].copy() for name in inputs}
        self.batches.append(inputs.rows)
        self.seen.append(arrays)
        self.entered += 1
        if self._held and not self._permits.acquire(timeout=60):
            raise ModelError("a held batch was never released")
        if self.fail_on(arrays):
            raise ModelError("told to fail")
        for name, values in self._answer(arrays).items():
            outputs.write(name, values)

    def close(self) -> None:
        """Free nothing."""

"""A backend with knobs: runs when told, fails when told, remembers what it saw."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from runtime.backends.base import (
    Array,
    Inputs,
    LoadOptions,
    Outputs,
    Responses,
    Signature,
    TensorSpec,
)
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
        arrays = self.enter(inputs)
        self.wait()
        if self.fail_on(arrays):
            raise ModelError("told to fail")
        for name, values in self._answer(arrays).items():
            outputs.write(name, values)

    def enter(self, inputs: Inputs) -> dict[str, Array]:
        """Remember a batch; returns copies of its arrays."""
        arrays = {name: inputs[name].copy() for name in inputs}
        self.batches.append(inputs.rows)
        self.seen.append(arrays)
        self.entered += 1
        return arrays

    def wait(self) -> None:
        """Wait for a permit where batches are held."""
        if self._held and not self._permits.acquire(timeout=60):
            raise ModelError("a held batch was never released")

    def close(self) -> None:
        """Free nothing."""


Stream = Callable[[dict[str, Array]], Iterable[dict[str, Array]]]


def three_times(arrays: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """Give y = x, y = 2 x and y = 3 x."""
    return ({"y": arrays["x"] * factor} for factor in (1, 2, 3))


class FakeResponder(FakeBackend):
    """Gives each request the responses that a function makes, one for each permit.

    `given` counts the responses that were sent, `ended` the requests that have none to
    come, and `unwanted` those of them that were ended because nobody waited.
    """

    def __init__(
        self, signature: Signature = ONE_TO_ONE, respond: Stream = three_times
    ) -> None:
        super().__init__(replace(signature, decoupled=True))
        self._respond = respond
        self.given = 0
        self.ended = 0
        self.unwanted = 0

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Give the responses as there are permits."""
        arrays = self.enter(inputs)
        wanted = True
        for response in self._respond(arrays):
            self.wait()
            wanted = self.give(response, cast(Responses, outputs))
            if not wanted:
                break
        self.unwanted += 0 if wanted else 1
        self.ended += 1

    def give(self, response: dict[str, Array], outputs: Responses) -> bool:
        """Give one response; False: nobody wants another."""
        if not outputs.ready():
            return False
        for name, values in response.items():
            outputs.write(name, values)
        wanted = outputs.send()
        self.given += 1
        return wanted

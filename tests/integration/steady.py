"""Clients that ask again and again, and hold each answer to the version that gave it."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing.waiting import LIMIT_S, wait_until
from tests.integration.calls import Array, rows, tensors

IN_FLIGHT = 8


@dataclass
class Record:
    """What came of requests: answers by version, and what was wrong with any."""

    versions: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass
class Asked:
    """A request on a stream: its rows, what was sure then, and who has answered."""

    x: Array
    sure: int
    versions: list[str] = field(default_factory=list)


class Steady:
    """Asks one model of y = version * x by unary calls and on streams, until it is left.

    An answer's values must fit its version, and its version must be one of `plan` that was
    not known to be over when the request was sent.

    Parameters
    ----------
    plan
        The versions in the order in which they come to serve; add to it before a swap.
    parts
        How many responses a request on a stream has.
    pause_s
        How long each client waits between an answer and the next request.
    """

    def __init__(
        self,
        url: str,
        model: str,
        unary: int = 2,
        streams: int = 1,
        parts: int = 1,
        pause_s: float = 0.002,
    ) -> None:
        self.model = model
        self.plan = [1]
        self.record = Record()
        self._url = url
        self._sure = 0  # Place in the plan of the version that is known to serve.
        self._parts = parts
        self._pause_s = pause_s
        self._stop = threading.Event()
        work = [self._ask_alone] * unary + [self._ask_on_a_stream] * streams
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(LIMIT_S)
        if error is None:
            assert not any(thread.is_alive() for thread in self._threads)
            self.check()

    def check(self) -> None:
        """Fail if any answer was wrong, late by a version, or an error."""
        faults = self.record.faults
        assert not faults, f"{len(faults)} faults, the first: {faults[:5]}"

    def expect(self, number: int) -> None:
        """Say that a version may answer from now on; call it before a swap begins."""
        self.plan.append(number)

    def wait_for(self, number: int) -> None:
        """Return once the version that was expected last answers: others are over."""
        before = self.record.versions[number]
        wait_until(
            lambda: self.record.versions[number] > before,
            lambda: f"version {number} answers: {self.record}",
        )
        self._sure = len(self.plan) - 1

    def wait_for_more(self, answers: int) -> None:
        """Return once so many more requests were answered."""
        before = self.record.versions.total()
        wait_until(
            lambda: self.record.versions.total() >= before + answers,
            lambda: f"{answers} more answers: {self.record}",
        )

    def _hold(self, result: Any, x: Array, sure: int) -> None:
        """Hold an answer to its version, and its version to what was known."""
        number = int(result.get_response().model_version)
        if number not in self.plan[sure:]:
            at_most = f"asked when {self.plan[sure]} served"
            self.record.faults.append(f"answered by version {number}, {at_most}")
        if not np.array_equal(result.as_numpy("y"), x * np.float32(number)):
            self.record.faults.append(f"not an answer of version {number}")
        self.record.versions[number] += 1

    def _ask_alone(self) -> None:
        asked = 0
        with triton.InferenceServerClient(self._url) as client:
            while not self._stop.wait(self._pause_s):
                asked += 1
                x, sure = rows(1 + asked % 3, first=asked % 1000), self._sure
                try:
                    self._hold(client.infer(self.model, tensors(x=x)), x, sure)
                except InferenceServerException as error:
                    self.record.faults.append(str(error))
                    return

    def _ask_on_a_stream(self) -> None:
        heard: queue.Queue[tuple[Any, Any]] = queue.Queue()
        waiting: dict[str, Asked] = {}
        asked = 0
        with triton.InferenceServerClient(self._url) as client:
            client.start_stream(lambda result, error: heard.put((result, error)))
            while waiting or not self._stop.is_set():
                self._stop.wait(self._pause_s)
                while len(waiting) < IN_FLIGHT and not self._stop.is_set():
                    asked += 1
                    x = rows(1, first=asked % 1000)
                    waiting[str(asked)] = Asked(x, self._sure)
                    client.async_stream_infer(
                        self.model, tensors(x=x), request_id=str(asked)
                    )
                if waiting and not self._take(heard, waiting):
                    return
            client.stop_stream()

    def _take(self, heard: queue.Queue[tuple[Any, Any]], waiting: dict[str, Asked]) -> bool:
        """Take one response; a decoupled model's come among those of other requests."""
        try:
            result, error = heard.get(timeout=LIMIT_S)
        except queue.Empty:
            result, error = None, "a stream was not answered"
        if error is not None:
            self.record.faults.append(str(error))
            return False
        name = result.get_response().id
        asked = waiting[name]
        self._hold(result, asked.x, asked.sure)
        asked.versions.append(result.get_response().model_version)
        if len(asked.versions) == self._parts:
            del waiting[name]
            if len(set(asked.versions)) > 1:
                parts = f"parts of one answer by versions {asked.versions}"
                self.record.faults.append(parts)
        return True

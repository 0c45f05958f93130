"""A server and a generator with knobs, for tests of what is around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from runtime.capacity.endpoint import OK, UNIMPLEMENTED, Options
from runtime.capacity.model import Model, Tensor
from runtime.errors import ServerError
from runtime.messages import (
    Message,
    ModelMetadataResponse,
    ModelReadyResponse,
    RepositoryIndexResponse,
    ServerReadyResponse,
)
from runtime.native.counted import Progress, Result

Declared = tuple[str, str, list[int]]

MLP = ([("x", "FP32", [-1, 3])], [("y", "FP32", [-1, 2])])


def metadata(inputs: Sequence[Declared], outputs: Sequence[Declared] = ()) -> Message:
    made = ModelMetadataResponse(name="fraud")
    for declared, tensors in ((inputs, made.inputs), (outputs, made.outputs)):
        for name, datatype, shape in declared:
            tensors.add(name=name, datatype=datatype, shape=shape)
    return made


def ready(is_ready: bool = True) -> Message:
    return ModelReadyResponse(ready=is_ready)


def server_ready(is_ready: bool = True) -> Message:
    return ServerReadyResponse(ready=is_ready)


def index(*names: str) -> Message:
    made = RepositoryIndexResponse()
    for name in names:
        made.models.add(name=name)
    return made


def tensor(name: str, datatype: str, *dims: int, batches: bool = True) -> Tensor:
    return Tensor(name, datatype, dims, batches)


def model(*inputs: Tensor, outputs: Sequence[Tensor] = ()) -> Model:
    return Model("fraud", "", inputs, tuple(outputs))


class FakeServer:
    """Answers calls by method: a message, a (code, words), or bytes; counts nothing else.

    A method without an answer is UNIMPLEMENTED.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "ModelReady": ready(),
            "ModelMetadata": metadata(*MLP),
            **answers,
        }
        self.asked: list[Options] = []
        self.messages: list[bytes] = []

    def call(self, options: Options, message: bytes) -> tuple[int, str, bytes]:
        self.asked.append(options)
        self.messages.append(message)
        answer = self.answers.get(options.method.rpartition("/")[2], (UNIMPLEMENTED, "no"))
        if isinstance(answer, ServerError):
            raise answer
        if isinstance(answer, tuple):
            return (*answer, b"")
        raw = answer if isinstance(answer, bytes) else answer.SerializeToString()
        return OK, "", raw


def progress(phase: str = "measuring", **changes: Any) -> Progress:
    made = {
        "phase": phase,
        "elapsed_s": 1.0,
        "sent": 0,
        "answered": 0,
        "ok": 0,
        "wrong": 0,
        "failed": 0,
        "in_flight": 0,
        "second": None,
    }
    return cast(Progress, {**made, **changes})


def second(at: int, ok: int = 10, failed: int = 0) -> dict[str, float]:
    times = {"p50_us": 100.0, "p99_us": 2_000.0, "max_us": 3_000.0}
    return {"second": at, "ok": ok, "failed": failed, **times}


def result(**changes: Any) -> Result:
    """Return the result of a run of two seconds in which all went well."""
    made = {
        "requests": 200,
        "ok": 200,
        "wrong": 0,
        "errors": {},
        "unsent": 0,
        "held_back": 0,
        "messages": {},
        "answered": 200,
        "answered_ok": 200,
        "seconds": 2.0,
        "latency_ns": dict.fromkeys(
            ("mean", "min", "p50", "p90", "p99", "p999", "max"), 5_000.0
        ),
        "lag_ns": {"p50": 100.0, "p99": 1_000.0, "max": 2_000.0},
        "histogram": [(5_000, 200)],
        "series": [second(0, 100), second(1, 100)],
        "busy_share": 0.2,
        "cpu_ns": 400_000,
        "connections_lost": 0,
        "retried": 0,
        "bytes_sent": 1,
        "bytes_received": 1,
        "ended": "time",
    }
    return cast(Result, {**made, **changes})


class FakeGenerator:
    """Goes through given phases, one for each wait, then is over.

    Parameters
    ----------
    course
        What `progress` says after each wait; the last is kept.
    interrupt_at
        The wait in which Ctrl-C is pressed.
    refusal
        Why it cannot start.
    stops
        Whether it ends when it is asked to.
    """

    def __init__(
        self,
        course: Sequence[Progress],
        found: Result | None = None,
        *,
        interrupt_at: int | None = None,
        refusal: str = "",
        stops: bool = True,
    ) -> None:
        self._course, self._found = list(course), found or result()
        self._interrupt_at, self._refusal, self._stops = interrupt_at, refusal, stops
        self._at = -1
        self.stopped = False
        self.given: tuple[Any, ...] = ()

    def make(self, *given: Any) -> FakeGenerator:
        self.given = given
        return self

    def start(self) -> None:
        if self._refusal:
            raise ServerError(self._refusal)

    def stop(self) -> None:
        self.stopped = True

    def wait(self, timeout_s: float) -> bool:
        if self.stopped:
            return self._stops
        self._at += 1
        if self._at == self._interrupt_at:
            raise KeyboardInterrupt
        return self._at >= len(self._course)

    def progress(self) -> Progress:
        return self._course[min(max(self._at, 0), len(self._course) - 1)]

    def result(self) -> Result:
        return self._found

"""Any mix of clients, rows, haste, changes of mind and deaths: all are answered once.

The workers are threads that run when told, so that a story decides the order of all that
matters: who waits, whose batch runs while its worker dies, who gives up meanwhile. At the
end the workers are let go. Every request then has one answer, which is its own, the
counters tell the same story as the clients, and nothing is left.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.backends.base import Signature, TensorSpec
from runtime.messages import Message, ModelInferRequest, ModelInferResponse
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer
from runtime.testing.waiting import wait_until

METHOD = "/inference.GRPCInferenceService/ModelInfer"
ANY_WIDTH = Signature(
    "fake",
    (TensorSpec("x", "FP32", (-1, -1)),),
    (TensorSpec("y", "FP32", (-1, -1)),),
    batchable=True,
)
WIDTHS = (1, 4, 300)
MOST_ROWS = 8
CLIENTS = 3
PATIENCE_S = 60.0
HASTE_S = 0.003

ASK, HURRY, CANCEL, RELEASE, LOSE = "ask", "hurry", "cancel", "release", "lose"

ASKS = st.tuples(
    st.sampled_from([ASK, ASK, ASK, HURRY]),
    st.integers(0, CLIENTS - 1),
    st.integers(1, MOST_ROWS + 1),  # One more than fits.
    st.sampled_from(WIDTHS),
)
STEPS = st.one_of(
    ASKS,
    ASKS,
    ASKS,
    st.tuples(st.just(CANCEL), st.integers(0, 30)),
    st.tuples(st.just(RELEASE), st.integers(1, 3)),
    st.tuples(st.just(LOSE), st.integers(0, 3)),
)
STORIES = st.tuples(st.integers(1, 3), st.lists(STEPS, min_size=8, max_size=60))

Story = tuple[int, list[tuple[Any, ...]]]


@dataclass
class Asked:
    """A request on its way, with what it must be answered."""

    x: np.ndarray
    call: Any
    answers: list[object] = field(default_factory=list)


def is_answered(asked: Asked) -> bool:
    return asked.answers != []


def message(x: np.ndarray, name: int) -> Message:
    request = ModelInferRequest(model_name="fake", id=str(name))
    request.inputs.add(name="x", datatype="FP32", shape=x.shape)
    request.raw_input_contents.append(x.tobytes())
    return request


class Stage:
    """A server with held workers, its clients, and what they asked."""

    def __init__(self, workers: int) -> None:
        self.backends: list[FakeBackend] = []
        options = InlineOptions(max_batch_size=MOST_ROWS)
        self.server = InlineServer(*(self._held() for _ in range(workers)), options=options)
        self.channels = [
            grpc.insecure_channel(self.server.grpc, [("leeboard", i)])
            for i in range(CLIENTS)
        ]
        self.asked: list[Asked] = []

    def _held(self) -> FakeBackend:
        backend = FakeBackend(ANY_WIDTH)
        backend.hold()
        self.backends.append(backend)
        return backend

    def ask(self, client: int, rows: int, width: int, haste: bool = False) -> None:
        """Send a request; one that is patient is waited for until the server has it."""
        number = len(self.asked)
        values = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
        x = values + np.float32(1000 * number)
        before = self.server.server_counts()["requests"]
        infer: Any = self.channels[client].unary_unary(
            METHOD,
            request_serializer=lambda made: made.SerializeToString(),
            response_deserializer=ModelInferResponse.FromString,
        )
        timeout = HASTE_S if haste else PATIENCE_S
        call = infer.future(message(x, number), timeout=timeout, wait_for_ready=True)
        asked = Asked(x, call)
        self.asked.append(asked)
        call.add_done_callback(asked.answers.append)
        wait_until(
            lambda: call.done() or self.server.server_counts()["requests"] > before,
            "it is known or over",
        )

    def cancel(self, number: int) -> None:
        """Give up one of the requests, whatever has become of it."""
        if self.asked:
            self.asked[number % len(self.asked)].call.cancel()

    def release(self, batches: int) -> None:
        """Let every worker finish so many batches."""
        for backend in self.backends:
            backend.release(batches)

    def lose(self, number: int) -> None:
        """Have one of the workers die, and another one stand in for it."""
        alive = [worker for worker in self.server.workers if not worker.stopped]
        self.server.lose(alive[number % len(alive)])
        self.server.workers.append(self.server.add_worker(self._held()))

    def finish(self) -> None:
        """Let all workers go, and wait for every answer."""
        for backend in self.backends:
            backend.let_go()
        for number, asked in enumerate(self.asked):
            wait_until(partial(is_answered, asked), f"request {number} is answered")
        self.server.assert_idle()

    def close(self) -> None:
        """Stop it all."""
        for backend in self.backends:
            backend.let_go()
        for channel in self.channels:
            channel.close()
        self.server.close()


def outcome(asked: Asked) -> str:
    """Return the status that a request heard; its tensors must be its own."""
    assert len(asked.answers) == 1
    if asked.call.cancelled():
        return "CANCELLED"
    code = asked.call.code()
    if code is grpc.StatusCode.OK:
        raw = asked.call.result().raw_output_contents[0]
        answer = np.frombuffer(raw, np.float32).reshape(asked.x.shape)
        assert (answer == asked.x * 2).all()
    return str(code.name)


FAILURES = ("invalid", "rejected", "deadline", "cancelled", "model_error", "worker_lost",
            "unavailable")  # fmt: skip


def check_counters(stage: Stage) -> None:
    """The server must have counted what the clients heard."""
    heard = Counter(outcome(asked) for asked in stage.asked)
    counts, server = stage.server.counts(), stage.server.server_counts()
    ended = counts["requests_ok"] + sum(counts[f"failed_{name}"] for name in FAILURES)
    assert ended == server["requests"] <= len(stage.asked)
    # An answer may cross its client's change of mind, so these are bounds.
    gave_up = heard["CANCELLED"] + heard["DEADLINE_EXCEEDED"]
    assert heard["OK"] <= counts["requests_ok"] <= heard["OK"] + gave_up
    assert counts["failed_deadline"] + counts["failed_cancelled"] <= gave_up
    assert counts["failed_invalid"] >= heard["INVALID_ARGUMENT"]
    assert counts["failed_worker_lost"] >= heard["INTERNAL"]
    assert counts["failed_model_error"] == counts["failed_unavailable"] == 0
    assert server["calls_started"] == server["calls_finished"]
    alive = [worker for worker in stage.server.workers if not worker.stopped]
    assert counts["workers"] == len(alive)


def tell(story: Story) -> None:
    """Play one story on a fresh server."""
    workers, steps = story
    stage = Stage(workers)
    deeds: dict[str, Callable[..., None]] = {
        ASK: stage.ask,
        HURRY: lambda client, rows, width: stage.ask(client, rows, width, haste=True),
        CANCEL: stage.cancel,
        RELEASE: stage.release,
        LOSE: stage.lose,
    }
    try:
        for name, *arguments in steps:
            deeds[name](*arguments)
        stage.finish()
        check_counters(stage)
    finally:
        stage.close()


def bounded(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@bounded(250)
@given(STORIES)
def test_every_request_is_answered_once_and_rightly_whatever_happens(story: Story) -> None:
    tell(story)


@pytest.mark.soak
@settings(bounded(int(20 * float(os.environ.get("LEEBOARD_SOAK_SECONDS", "60")))),
          derandomize=False)  # fmt: skip
@given(STORIES)
def test_every_request_is_answered_once_and_rightly_in_many_stories(story: Story) -> None:
    tell(story)

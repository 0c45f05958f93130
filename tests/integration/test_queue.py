"""Queues, deadlines, cancellations and deaths, with workers that run when told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline


def is_entered(backend: FakeBackend) -> bool:
    return backend.entered == 1


class Asker:
    """Sends requests on threads, in a known order."""

    def __init__(self, server: InlineServer) -> None:
        self._server = server
        self._client = triton.InferenceServerClient(server.grpc)
        self._pool = ThreadPoolExecutor(64)
        self._sent = server.server_counts()["requests"]

    def ask(self, x: np.ndarray, **options: Any) -> Future[np.ndarray]:
        """Send one request and wait until the server has it."""

        def call() -> np.ndarray:
            answer = self._client.infer("fake", tensors(x=x), **options)
            result: np.ndarray = answer.as_numpy("y")
            return result

        future = self._pool.submit(call)
        self._sent += 1
        wait_until(
            lambda: self._server.server_counts()["requests"] >= self._sent, "it arrived"
        )
        return future

    def close(self) -> None:
        self._pool.shutdown()
        self._client.close()


@pytest.fixture
def backend() -> FakeBackend:
    backend = FakeBackend()
    backend.hold()
    return backend


@pytest.fixture
def asker_for() -> Iterator[Any]:
    made: list[Asker] = []

    def make(server: InlineServer) -> Asker:
        made.append(Asker(server))
        return made[-1]

    yield make
    for asker in made:
        asker.close()


def occupy(server: InlineServer, backend: FakeBackend, asker: Asker) -> Future[np.ndarray]:
    """Have the worker run one row, held, so that everything else waits."""
    entered = backend.entered
    future = asker.ask(rows(1))
    wait_until(lambda: backend.entered == entered + 1, "the worker is busy")
    return future


def test_requests_that_wait_for_a_busy_worker_become_one_batch(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    first = occupy(server, backend, asker)
    waiting = [asker.ask(rows(2, first=10 * i)) for i in range(3)]
    backend.let_go()
    assert (first.result() == rows(1) * 2).all()
    for i, future in enumerate(waiting):
        assert (future.result() == rows(2, first=10 * i) * 2).all()
    assert backend.batches == [1, 6]


def test_a_full_batch_is_followed_by_another(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    occupy(server, backend, asker)
    waiting = [asker.ask(rows(3, first=i)) for i in range(4)]
    backend.let_go()
    for i, future in enumerate(waiting):
        assert (future.result() == rows(3, first=i) * 2).all()
    assert backend.batches == [1, 6, 6]


def test_a_full_queue_is_resource_exhausted_and_exact(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend, options=InlineOptions(max_queue_size=8))
    asker = asker_for(server)
    occupy(server, backend, asker)
    futures = [asker.ask(rows(1, first=i)) for i in range(10)]
    failed = [future for future in futures if future.done() or futures.index(future) >= 8]
    for future in failed:
        with pytest.raises(
            InferenceServerException, match="exceeds maximum queue size"
        ) as e:
            future.result()
        assert e.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    assert len(failed) == 2
    backend.let_go()
    assert server.counts()["failed_rejected"] == 2


def test_a_request_that_expires_in_the_queue_costs_no_compute(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    occupy(server, backend, asker)
    kept = asker.ask(rows(1, first=100))
    doomed = asker.ask(rows(2, first=200), timeout=1000)  # Microseconds.
    with pytest.raises(InferenceServerException) as caught:
        doomed.result()
    assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    backend.let_go()
    assert (kept.result() == rows(1, first=100) * 2).all()
    assert backend.batches == [1, 1]
    assert server.counts()["dead_rows_pruned"] == 2
    assert server.counts()["failed_deadline"] == 1


def test_a_cancelled_request_leaves_its_batch(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    occupy(server, backend, asker)
    kept = asker.ask(rows(1, first=100))
    heard = threading.Event()
    with triton.InferenceServerClient(server.grpc) as client:
        call = client.async_infer(
            "fake", tensors(x=rows(3, first=200)), lambda result, error: heard.set()
        )
        server.wait_for("queued", 2)
        call.cancel()
        assert heard.wait(30)
        server.wait_for("failed_cancelled", 1)
    backend.let_go()
    assert (kept.result() == rows(1, first=100) * 2).all()
    assert backend.batches == [1, 1]
    assert server.counts()["dead_rows_pruned"] == 3


def test_a_request_cancelled_while_it_runs_is_dropped_quietly(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    server = make_inline(backend)
    heard = threading.Event()
    with triton.InferenceServerClient(server.grpc) as client:
        call = client.async_infer(
            "fake", tensors(x=rows(1)), lambda result, error: heard.set()
        )
        wait_until(lambda: backend.entered == 1, "the worker is busy")
        call.cancel()
        assert heard.wait(30)
        server.wait_for("failed_cancelled", 1)
        backend.let_go()
        server.wait_for("open_batches", 0)
        assert client.infer("fake", tensors(x=rows(1))).as_numpy("y") is not None


def test_a_batch_is_held_back_for_the_queue_delay_until_it_is_full(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    hour = InlineOptions(max_queue_delay_us=3_600_000_000 - 1)
    server = make_inline(backend, options=hour)
    asker = asker_for(server)
    backend.let_go()
    futures = [asker.ask(rows(2, first=i)) for i in range(3)]
    assert not any(future.done() for future in futures)
    assert backend.batches == []
    futures.append(asker.ask(rows(2, first=3)))
    for i, future in enumerate(futures):
        assert (future.result() == rows(2, first=i) * 2).all()
    assert backend.batches == [8]


def test_an_idle_worker_takes_what_a_busy_one_was_promised(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    other = FakeBackend()
    other.hold()
    server = make_inline(backend, other)
    asker = asker_for(server)
    futures = [occupy_any(server, (backend, other), asker) for _ in range(2)]
    futures.append(asker.ask(rows(1, first=50)))
    other.let_go()
    assert (futures[2].result() == rows(1, first=50) * 2).all()
    assert len(other.batches) == 2
    backend.let_go()
    for future in futures:
        future.result()


def occupy_any(
    server: InlineServer, backends: tuple[FakeBackend, ...], asker: Asker
) -> Future[np.ndarray]:
    """Have one more of the workers run a row, held."""
    entered = sum(backend.entered for backend in backends)
    future = asker.ask(rows(1))
    wait_until(lambda: sum(b.entered for b in backends) == entered + 1, "one more is busy")
    return future


def test_a_dead_workers_batch_runs_again_on_its_sibling(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    first = occupy(server, backend, asker)
    waiting = asker.ask(rows(2, first=7))
    server.lose(server.workers[0])
    server.wait_for("deaths_killed", 1)
    sibling = FakeBackend()
    server.workers.append(server.add_worker(sibling))
    assert (first.result() == rows(1) * 2).all()
    assert (waiting.result() == rows(2, first=7) * 2).all()
    assert server.counts()["reruns"] == 1


def test_a_request_on_which_three_workers_died_is_answered_internal(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    doomed = occupy(server, backend, asker)
    server.lose(server.workers[0])
    server.wait_for("deaths_killed", 1)
    others = [FakeBackend(), FakeBackend()]
    for deaths, other in enumerate(others, 1):
        other.hold()
        server.workers.append(server.add_worker(other))
        wait_until(partial(is_entered, other), "it runs again")
        server.lose(server.workers[deaths])
    with pytest.raises(InferenceServerException) as caught:
        doomed.result()
    assert caught.value.status() == "StatusCode.INTERNAL"
    assert "every worker that ran it was killed" in caught.value.message()
    assert server.counts()["failed_worker_lost"] == 1
    for other in others:
        other.let_go()


def test_waiting_requests_hear_that_their_version_has_failed(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    server.lose(server.workers[0])
    server.wait_for("deaths_killed", 1)
    waiting = asker.ask(rows(1))
    server.wait_for("queued", 1)
    server.plane.fail_waiting(server.served, "the disk is gone")
    with pytest.raises(InferenceServerException, match="the disk is gone") as caught:
        waiting.result()
    assert caught.value.status() == "StatusCode.UNAVAILABLE"


def test_only_the_guilty_request_of_a_failing_batch_fails(
    make_inline: MakeInline, backend: FakeBackend, asker_for: Any
) -> None:
    server = make_inline(backend)
    asker = asker_for(server)
    occupy(server, backend, asker)
    backend.fail_on = lambda arrays: bool((arrays["x"] == 666).any())
    futures = [asker.ask(rows(1, first=666 if i == 2 else 10 * i + 1)) for i in range(5)]
    backend.let_go()
    for i, future in enumerate(futures):
        if i == 2:
            with pytest.raises(InferenceServerException, match="told to fail"):
                future.result()
        else:
            assert (future.result() == rows(1, first=10 * i + 1) * 2).all()
    assert backend.batches == [1, 5, 1, 1, 1, 1, 1]

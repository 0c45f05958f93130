"""Requests that wait longer than their queue lets them, and models that run only once."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.models.settings import QueuePolicy
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import Array, rows, tensors
from tests.integration.conftest import MakeInline

SOON_US = 1000
LATE_US = 3_600_000_000


@pytest.fixture
def backend() -> FakeBackend:
    backend = FakeBackend()
    backend.hold()
    return backend


def ask(server: InlineServer, x: Array, **options: Any) -> Array:
    with triton.InferenceServerClient(server.grpc) as client:
        found: Array = client.infer("fake", tensors(x=x), **options).as_numpy("y")
        return found


def occupy(
    pool: ThreadPoolExecutor, server: InlineServer, backend: FakeBackend
) -> Future[Array]:
    """Have the worker run one request, held, so that everything else waits."""
    future = pool.submit(ask, server, rows(1))
    wait_until(lambda: backend.entered == 1, "the worker is busy")
    return future


def test_a_request_that_waits_too_long_is_refused(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    policy = QueuePolicy(timeout_us=LATE_US, override=True)
    server = make_inline(backend, options=InlineOptions(policy=policy))
    with ThreadPoolExecutor(1) as pool:
        running = occupy(pool, server, backend)
        with pytest.raises(InferenceServerException, match="timeout expired") as hit:
            ask(server, rows(1), timeout=SOON_US)
        assert hit.value.status() == "StatusCode.UNAVAILABLE"
        assert server.counts()["failed_timeout"] == 1
        backend.let_go()
        assert running.result(60).tolist() == (rows(1) * 2).tolist()


def test_a_claimed_request_is_answered_however_long_it_takes(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    policy = QueuePolicy(timeout_us=500_000)
    server = make_inline(backend, options=InlineOptions(policy=policy))
    with ThreadPoolExecutor(1) as pool:
        running = occupy(pool, server, backend)
        # This one came later: when its time is out, so is that of the one that runs.
        with pytest.raises(InferenceServerException, match="Request timeout expired"):
            ask(server, rows(1))
        backend.let_go()
        assert running.result(60).tolist() == (rows(1) * 2).tolist()


def test_its_own_timeout_is_ignored_unless_it_may_override(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    policy = QueuePolicy(timeout_us=LATE_US)
    server = make_inline(backend, options=InlineOptions(policy=policy))
    with ThreadPoolExecutor(2) as pool:
        occupy(pool, server, backend)
        waits = pool.submit(ask, server, rows(1, first=5), timeout=1)
        with pytest.raises(InferenceServerException, match=r"Deadline|time"):
            ask(server, rows(1), client_timeout=0.3)
        assert not waits.done()
        backend.let_go()
        assert waits.result(60).tolist() == (rows(1, first=5) * 2).tolist()


def test_a_delayed_request_is_overtaken_and_answered(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    policy = QueuePolicy(timeout_us=LATE_US, delays=True, override=True)
    server = make_inline(backend, options=InlineOptions(policy=policy))
    with ThreadPoolExecutor(3) as pool:
        occupy(pool, server, backend)
        old = pool.submit(ask, server, rows(1, first=100), timeout=SOON_US)
        wait_until(lambda: server.server_counts()["requests"] == 2, "the old one waits")
        with pytest.raises(InferenceServerException, match=r"Deadline|time"):
            ask(server, rows(1), client_timeout=0.3)  # Times run out in their order.
        young = pool.submit(ask, server, rows(1, first=200))
        wait_until(lambda: server.server_counts()["requests"] == 4, "the young one waits")
        backend.let_go()
        assert old.result(60).tolist() == (rows(1, first=100) * 2).tolist()
        assert young.result(60).tolist() == (rows(1, first=200) * 2).tolist()
    assert [seen["x"][0, 0] for seen in backend.seen] == [0, 200, 100]


def test_a_model_that_runs_once_is_not_run_again(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    server = make_inline(backend, options=InlineOptions(retry=False))
    with ThreadPoolExecutor(2) as pool:
        running = occupy(pool, server, backend)
        waits = pool.submit(ask, server, rows(1, first=5))
        wait_until(lambda: server.server_counts()["requests"] == 2, "another one waits")
        server.lose(server.workers[0])
        with pytest.raises(InferenceServerException, match="side effects") as hit:
            running.result(60)
        assert hit.value.status() == "StatusCode.UNAVAILABLE"
        server.workers.append(server.add_worker(FakeBackend()))
        assert waits.result(60).tolist() == (rows(1, first=5) * 2).tolist()
        backend.let_go()
    assert server.counts()["reruns"] == 0


def test_a_batch_that_raises_fails_whole_when_it_may_run_only_once(
    make_inline: MakeInline, backend: FakeBackend
) -> None:
    server = make_inline(backend, options=InlineOptions(retry=False))
    backend.fail_on = lambda arrays: bool((arrays["x"] == 66).any())
    with ThreadPoolExecutor(3) as pool:
        occupy(pool, server, backend)
        asked = [pool.submit(ask, server, rows(1, first=first)) for first in (66, 5)]
        wait_until(lambda: server.server_counts()["requests"] == 3, "two wait")
        backend.let_go()
        for future in asked:
            with pytest.raises(InferenceServerException, match="told to fail") as hit:
                future.result(60)
            assert hit.value.status() == "StatusCode.INTERNAL"
    assert backend.batches == [1, 2]

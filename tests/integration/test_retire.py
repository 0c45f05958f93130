"""Versions that are replaced and withdrawn while clients ask."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing.fake_backend import ONE_TO_ONE, FakeBackend
from runtime.testing.inline import InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import Array, rows, tensors
from tests.integration.conftest import MakeInline


def times(factor: float) -> FakeBackend:
    """A backend that multiplies."""
    return FakeBackend(ONE_TO_ONE, lambda arrays: {"y": arrays["x"] * factor})


def ask(server: InlineServer) -> Array:
    with triton.InferenceServerClient(server.grpc) as client:
        answer: Array = client.infer("fake", tensors(x=rows(1))).as_numpy("y")
        return answer


def test_a_reload_answers_what_the_old_one_took(make_inline: MakeInline) -> None:
    old = times(2)
    old.hold()
    server = make_inline(old)
    retired = server.served
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, server)
        wait_until(lambda: old.entered == 1, "the old version runs")
        workers = server.replace(times(3))
        assert ask(server).tolist() == (rows(1) * 3).tolist()
        old.let_go()
        assert asked.result(60).tolist() == (rows(1) * 2).tolist()
    assert server.next_notice() == ("retired", retired.id, "")
    assert retired.id != server.served.id
    for worker in workers:
        server.dismiss(worker)


def test_a_version_that_was_withdrawn_is_unknown(make_inline: MakeInline) -> None:
    server = make_inline(times(2))
    server.withdraw()
    assert server.next_notice() == ("retired", server.served.id, "")
    with pytest.raises(InferenceServerException, match="model: 'fake' is not found"):
        ask(server)


def test_requests_without_end_see_every_reload_and_no_error(
    make_inline: MakeInline,
) -> None:
    server = make_inline(times(1))
    factors = list(range(2, 8))
    with ThreadPoolExecutor(2) as pool:
        stopped = False

        def keep_asking() -> set[float]:
            seen: set[float] = set()
            with triton.InferenceServerClient(server.grpc) as client:
                while not stopped:
                    answer = client.infer("fake", tensors(x=rows(1, first=1))).as_numpy("y")
                    seen.add(float(answer[0, 0]))
            return seen

        asking = [pool.submit(keep_asking) for _ in range(2)]
        for factor in factors:
            workers = server.replace(times(factor))
            assert server.next_notice()[0] == "retired"
            for worker in workers:
                server.dismiss(worker)
            batches = server.counts()["batches"]
            wait_until(
                lambda batches=batches: server.counts()["batches"] > batches,  # type: ignore[misc]
                "the next version answers",
            )
        stopped = True
        seen = set.union(*(future.result(60) for future in asking))
    assert {float(factor) for factor in factors} <= seen


def held() -> tuple[int, int]:
    """Descriptors of this process, and its mappings of shared memory of ours."""
    gc.collect()
    maps = Path("/proc/self/maps").read_text()
    return len(os.listdir("/proc/self/fd")), maps.count("leeboard-")


def test_rounds_of_reloads_leave_no_descriptor_and_no_memory(
    make_inline: MakeInline,
) -> None:
    server = make_inline(times(1))
    large = np.ones((8, 4), np.float32)
    with triton.InferenceServerClient(server.grpc) as client:
        client.infer("fake", tensors(x=large))
        before = held()
        for round_ in range(20):
            workers = server.replace(times(round_))
            assert server.next_notice()[0] == "retired"
            while workers:
                server.dismiss(workers.pop())
            answer = client.infer("fake", tensors(x=large)).as_numpy("y")
            assert answer[0, 0] == round_
        wait_until(lambda: held() == before, lambda: f"{held()} is {before}")

"""Decoupled Python models through real clients: any number of responses to a request."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.messages import ModelInferRequest
from runtime.testing.models import save_identity
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.counting import (
    CRASH,
    FOREVER,
    KILL,
    NAME,
    PERMITTED,
    RAISE,
    WRONG,
    Stream,
    ask,
    is_final,
    number_of,
    read_numbers,
    save_counting,
)
from tests.integration.test_streams import Answers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the decoupled model and an ordinary one."""
    folder = tmp_path_factory.mktemp("decoupled")
    save_counting(folder)
    (folder / "same" / "1").mkdir(parents=True)
    save_identity(folder / "same" / "1" / "model.onnx", "FP32", ["N", 3])
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[RunningServer]:
    with RunningServer(folder, "--instances", "2", "--strict") as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> Iterator[RunningServer]:
    """The server, which must be idle afterwards."""
    yield running
    running.assert_idle()


@pytest.fixture
def permits(folder: Path) -> Iterator[int]:
    """The pipe that lets the model go on, a byte for each response."""
    pipe = os.open(folder / NAME / "permits", os.O_RDWR)
    yield pipe
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        os.read(pipe, 1 << 16)  # What no request has taken.
    os.close(pipe)


def asked(*values: int) -> list[Any]:
    tensor = triton.InferInput("ask", [1, 3], "INT64")
    tensor.set_data_from_numpy(np.array([values]))
    return [tensor]


def ordinary(name: str) -> bytes:
    request = ModelInferRequest(model_name="same", id=name)
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    request.raw_input_contents.append(np.ones(3, np.float32).tobytes())
    return bytes(request.SerializeToString())


def responses(server: RunningServer) -> float:
    return server.total("leeboard_responses_total", model=NAME)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_tritonclient_reads_as_many_responses_as_the_model_yields(
    server: RunningServer, count: int
) -> None:
    before = responses(server), server.total("leeboard_requests_total", model=NAME)
    heard = Answers()
    with triton.InferenceServerClient(server.grpc) as client:
        client.start_stream(heard)
        client.async_stream_infer(
            NAME, asked(count, 2, 0), request_id="r", enable_empty_final_response=True
        )
        answers = heard.take(count + 1)
        client.stop_stream()
    assert heard.queue.empty()
    assert [error for _, error in answers if error is not None] == []
    results = [result for result, _ in answers]
    numbers = [int(result.as_numpy("number")[0, 0]) for result in results[:-1]]
    assert numbers == list(range(count))
    flags = [
        result.get_response().parameters["triton_final_response"].bool_param
        for result in results
    ]
    assert flags == [False] * count + [True]
    assert list(results[-1].get_response().outputs) == []
    assert {result.get_response().id for result in results} == {"r"}
    after = responses(server), server.total("leeboard_requests_total", model=NAME)
    assert (after[0] - before[0], after[1] - before[1]) == (count, 1)


def test_an_empty_last_response_comes_only_to_those_who_ask(server: RunningServer) -> None:
    with Stream(server.grpc) as stream:
        stream.ask(ask(2, name="a"), ask(0, name="none"))
        replies = list(stream.rest())
    assert [(r.infer_response.id, number_of(r), is_final(r)) for r in replies] == [
        ("a", 0, False),
        ("a", 1, False),
    ]
    assert stream.call.code() is grpc.StatusCode.OK


def test_requests_of_a_stream_are_interleaved(server: RunningServer) -> None:
    with Stream(server.grpc) as stream:
        for i in range(20):
            stream.ask(ask(i, name=f"d{i}", empty_final=True), ordinary(f"o{i}"))
        replies = list(stream.rest())
    by_name: dict[str, list[Any]] = {}
    for reply in replies:
        by_name.setdefault(reply.infer_response.id, []).append(reply)
    for i in range(20):
        *parts, last = by_name[f"d{i}"]
        assert [number_of(part) for part in parts] == list(range(i))
        assert [is_final(part) for part in parts] == [False] * i
        assert is_final(last)
        assert is_final(*by_name[f"o{i}"])
    names = [reply.infer_response.id for reply in replies]
    assert [n for n in names if n[0] == "o"] == [f"o{i}" for i in range(20)]


def test_responses_do_not_hold_up_the_answers_of_other_requests(
    server: RunningServer, permits: int
) -> None:
    with Stream(server.grpc) as stream:
        stream.ask(ask(2, deed=PERMITTED, name="slow"), ask(1, name="quick"), ordinary("o"))
        heard = {stream.read().infer_response.id for _ in range(2)}
        assert heard == {"quick", "o"}
        os.write(permits, b"..")
        assert [number_of(reply) for reply in stream.rest()] == [0, 1]


@pytest.mark.parametrize(
    ("deed", "words"),
    [(RAISE, "told to fail"), (WRONG, "output 'data' of predict is missing")],
    ids=["raise", "wrong"],
)
def test_a_request_that_fails_half_way_is_told_and_the_stream_goes_on(
    server: RunningServer, deed: int, words: str
) -> None:
    with Stream(server.grpc) as stream:
        stream.ask(ask(2, deed=deed, name="bad", empty_final=True))
        assert [number_of(stream.read()) for _ in range(2)] == [0, 1]
        failure = stream.read()
        assert words in failure.error_message
        assert failure.infer_response.id == "bad"
        stream.ask(ask(1, name="good"))
        (reply,) = stream.rest()
    assert (number_of(reply), reply.infer_response.id) == (0, "good")


def test_a_request_that_fails_half_way_may_end_the_stream_by_a_status(
    server: RunningServer,
) -> None:
    with Stream(server.grpc, ("triton_grpc_error", "true")) as stream:
        stream.ask(ask(2, deed=RAISE))
        assert [number_of(stream.read()) for _ in range(2)] == [0, 1]
        with pytest.raises(grpc.RpcError):
            stream.read()
        assert stream.call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "told to fail" in stream.call.details()


def test_workers_are_free_again_when_clients_cancel_endless_requests(
    server: RunningServer,
) -> None:
    before = server.total("leeboard_requests_total", model=NAME, outcome="cancelled")
    with ExitStack() as stack:
        for _ in range(2):  # Both workers.
            stream = stack.enter_context(Stream(server.grpc))
            stream.ask(ask(FOREVER))
            assert [number_of(stream.read()) for _ in range(3)] == [0, 1, 2]
    with Stream(server.grpc) as other:
        other.ask(ask(1), ask(1))
        assert [number_of(reply) for reply in other.rest()] == [0, 0]
    cancelled = server.total("leeboard_requests_total", model=NAME, outcome="cancelled")
    assert cancelled - before == 2


def test_a_model_stops_for_a_client_that_does_not_read(server: RunningServer) -> None:
    count, size = 2000, 64 << 10
    before = responses(server)
    with Stream(server.grpc) as stream:
        stream.ask(ask(count, size))
        number_of(stream.read())
        seen: list[float] = []

        def stopped() -> bool:
            seen.append(responses(server))
            return len(seen) >= 50 and len(set(seen[-50:])) == 1

        wait_until(stopped, "the model has stopped")
        assert seen[-1] - before < count / 2
        assert [number_of(reply) for reply in stream.rest()] == list(range(1, count))
    assert responses(server) - before == count


def test_a_deadline_ends_responses(server: RunningServer) -> None:
    with Stream(server.grpc, timeout=0.5) as stream:
        stream.ask(ask(FOREVER, 1000))
        numbers = read_numbers(stream)
        assert numbers == list(range(len(numbers)))
        assert stream.call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    with Stream(server.grpc) as other:
        other.ask(ask(1), ask(1))
        assert [number_of(reply) for reply in other.rest()] == [0, 0]


def test_a_unary_call_is_refused_in_tritons_words(server: RunningServer) -> None:
    with (
        triton.InferenceServerClient(server.grpc) as client,
        pytest.raises(
            InferenceServerException,
            match="ModelInfer RPC doesn't support models with decoupled transaction policy",
        ),
    ):
        client.infer(NAME, asked(1, 1, 0))


def test_metadata_of_the_model_says_that_it_is_decoupled(server: RunningServer) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        config = client.get_model_config(NAME).config
    assert config.model_transaction_policy.decoupled


def test_a_worker_killed_between_responses_fails_its_request_alone(
    server: RunningServer,
) -> None:
    died = server.total("leeboard_worker_deaths_total", model=NAME)
    with Stream(server.grpc) as stream:
        stream.ask(ask(3, deed=KILL, name="lost", empty_final=True))
        assert [number_of(stream.read()) for _ in range(3)] == [0, 1, 2]
        failure = stream.read()
        assert "the worker ended in the middle of the responses" in failure.error_message
        assert failure.infer_response.id == "lost"
        stream.ask(ask(1), ordinary("o"))
        assert {reply.error_message for reply in stream.rest()} == {""}
    wait_until(
        lambda: server.total("leeboard_worker_deaths_total", model=NAME) == died + 1,
        "the death is counted",
    )
    wait_until(lambda: server.total("leeboard_workers", model=NAME) == 2, "it is replaced")


def test_a_request_that_crashes_workers_after_responses_is_refused_at_last(
    server: RunningServer,
) -> None:
    bad = ask(2, deed=CRASH)
    said = []
    with Stream(server.grpc) as stream:
        for parts in (2, 2, 0):
            stream.ask(bad)
            assert [number_of(stream.read()) for _ in range(parts)] == [0, 1][:parts]
            said.append(stream.read().error_message)
            wait_until(
                lambda: server.total("leeboard_workers", model=NAME) == 2, "both work"
            )
        stream.ask(ask(1, name="innocent"))
        (reply,) = stream.rest()
    assert "the worker ended in the middle of the responses" in said[0]
    assert "SIGSEGV" in said[1]
    assert "SIGSEGV" in said[2]
    assert (number_of(reply), reply.infer_response.id) == (0, "innocent")
    assert server.total("leeboard_guilty_total", model=NAME) >= 1


def test_a_worker_killed_before_the_first_response_costs_nothing(
    server: RunningServer, permits: int
) -> None:
    before = set(server.worker_pids())
    with Stream(server.grpc) as stream:
        stream.ask(ask(2, deed=PERMITTED))
        wait_until(lambda: bool(holders(before, permits)), "a worker has the request")
        (holder,) = holders(before, permits)
        os.kill(holder, signal.SIGKILL)
        # Dying it might still take a byte.
        wait_until(lambda: not holders({holder}, permits), "it has ended")
        os.write(permits, b"..")
        assert [number_of(reply) for reply in stream.rest()] == [0, 1]
    wait_until(lambda: server.total("leeboard_workers", model=NAME) == 2, "it is replaced")


def holders(pids: set[int], pipe: int) -> list[int]:
    """Return the processes that have a pipe open."""
    path = os.readlink(f"/proc/self/fd/{pipe}")
    found = []
    for pid in pids:
        with suppress(OSError):  # It may end at any moment.
            held = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
            found += [pid] * (path in held)
    return found


def test_consecutive_numbers_come_under_load(server: RunningServer) -> None:
    """Several streams at once, each with several requests: none gets another's parts."""
    streams = [Stream(server.grpc) for _ in range(4)]
    for stream in streams:
        for name in "abc":
            stream.ask(ask(200, size=100, name=name))
    for stream in streams:
        with stream:
            heard: dict[str, list[int]] = {"a": [], "b": [], "c": []}
            for reply in stream.rest():
                heard[reply.infer_response.id].append(number_of(reply))
        for numbers in heard.values():
            assert len(numbers) == 200
            assert all(after == before + 1 for before, after in pairwise(numbers))

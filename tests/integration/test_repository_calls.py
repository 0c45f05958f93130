"""Calls that the control plane answers: loading and unloading of models by clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select

import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline

Call = tuple[int, str, bytes]


def next_call(server: InlineServer) -> Call:
    """Wait for a call that was handed over."""
    heard = select([server.plane.notices_fd], [], [], 60)[0]
    assert heard, "no call was handed over"
    server.plane.take_notices()
    ((call, method, message, identity),) = server.plane.take_calls()
    assert identity == ""
    return call, method, message


@contextmanager
def asking(act: Callable[[], object]) -> Iterator[list[BaseException | None]]:
    """Ask in a thread; what came of it is known after the block."""
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            act()
        except InferenceServerException as error:
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(60)


@pytest.fixture
def server(make_inline: MakeInline) -> InlineServer:
    return make_inline(FakeBackend())


@pytest.fixture
def client(server: InlineServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.grpc) as client:
        yield client


def test_a_load_is_answered_by_the_control_plane(
    server: InlineServer, client: triton.InferenceServerClient
) -> None:
    with asking(lambda: client.load_model("m", config="{}")) as outcome:
        call, method, message = next_call(server)
        assert method == "RepositoryModelLoad"
        assert b"m" in message
        server.plane.answer(call, 0, "", b"")
    assert outcome == [None]


def test_a_refusal_reaches_the_client_as_it_is(
    server: InlineServer, client: triton.InferenceServerClient
) -> None:
    with asking(lambda: client.unload_model("m")) as outcome:
        call, method, _ = next_call(server)
        assert method == "RepositoryModelUnload"
        server.plane.answer(call, 5, "no model is called m", b"")
    assert str(outcome[0]) == "[StatusCode.NOT_FOUND] no model is called m"


def test_inference_and_the_index_are_answered_meanwhile(
    server: InlineServer, client: triton.InferenceServerClient
) -> None:
    with asking(lambda: client.load_model("m")) as outcome:
        call, _, _ = next_call(server)
        answer = client.infer("fake", tensors(x=rows(1))).as_numpy("y")
        assert answer.tolist() == (rows(1) * 2).tolist()
        assert client.get_model_repository_index().models[0].name == "fake"
        server.plane.answer(call, 0, "", b"")
    assert outcome == [None]


def test_a_client_that_stops_waiting_is_forgotten(
    server: InlineServer, client: triton.InferenceServerClient
) -> None:
    with asking(lambda: client.load_model("m", client_timeout=0.2)) as outcome:
        call, _, _ = next_call(server)
    assert "DEADLINE_EXCEEDED" in str(outcome[0])
    wait_until(lambda: server.server_counts()["live_calls"] == 0, "the call has ended")
    server.plane.answer(call, 0, "", b"")
    assert client.is_server_live()


def test_a_drain_ends_what_was_not_answered(server: InlineServer) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        with asking(lambda: client.load_model("m")) as outcome:
            next_call(server)
            server.plane.begin_drain()
        assert "[StatusCode.UNAVAILABLE] the server is stopping" in str(outcome[0])

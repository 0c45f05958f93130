"""Quotas of identities, exact whatever happens at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import grpc
import pytest

from runtime.access.identities import Identity, Quota
from runtime.access.roles import Role
from runtime.messages import ModelInferRequest
from runtime.native.access import identity_counts, set_access
from runtime.server.access_guard import native_table
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.conftest import MakeInline
from tests.integration.guarded import SERVICE, bearer, identity

INFER = SERVICE + "ModelInfer"
PLACES, ASKED = 5, 40

Pending: TypeAlias = Any
"""A call on its way, as grpcio gives it."""


def row() -> bytes:
    request = ModelInferRequest(model_name="fake")
    request.inputs.add(name="x", datatype="FP32", shape=[1, 4])
    request.raw_input_contents.append(bytes(16))
    return bytes(request.SerializeToString())


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def server(backend: FakeBackend, make_inline: MakeInline) -> InlineServer:
    return make_inline(backend)


@pytest.fixture
def channels(server: InlineServer) -> Iterator[list[grpc.Channel]]:
    """Connections of their own."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    with ExitStack() as stack:
        yield [
            stack.enter_context(grpc.insecure_channel(server.grpc, options=own))
            for _ in range(4)
        ]


def post(server: InlineServer, *identities: Identity) -> None:
    set_access(server.plane, native_table(identities, True))


def ask(channel: grpc.Channel, token: str) -> Pending:
    invoke: Callable[..., Pending] = channel.unary_unary(INFER).future
    return invoke(row(), timeout=60, metadata=bearer(token))


def codes_of(calls: list[Pending]) -> list[str]:
    return [call.code().name for call in calls if call.done()]


def test_so_many_calls_and_not_one_more_are_open(
    server: InlineServer, backend: FakeBackend, channels: list[grpc.Channel]
) -> None:
    post(
        server,
        identity("x", Role.INFER, quota=Quota(concurrent=PLACES)),
        identity("y", Role.INFER),
    )
    backend.hold()
    calls = [ask(channels[at % 4], "x") for at in range(ASKED)]
    refused = ASKED - PLACES
    wait_until(lambda: len(codes_of(calls)) == refused, "all others are refused")
    assert codes_of(calls) == ["RESOURCE_EXHAUSTED"] * refused
    assert identity_counts(server.plane)["x"]["open"] == PLACES
    free = ask(channels[0], "y")
    backend.let_go()
    assert free.result(60) is not None
    assert sorted(call.code().name for call in calls) == (
        ["OK"] * PLACES + ["RESOURCE_EXHAUSTED"] * refused
    )
    counts = identity_counts(server.plane)
    wait_until(lambda: identity_counts(server.plane)["x"]["open"] == 0, "none is open")
    assert counts["x"]["concurrent"] == refused
    assert ask(channels[1], "x").result(60) is not None
    assert identity_counts(server.plane)["x"]["allowed"] == PLACES + 1


def test_a_client_that_leaves_gives_its_place_back(
    server: InlineServer, backend: FakeBackend, channels: list[grpc.Channel]
) -> None:
    post(server, identity("x", Role.INFER, quota=Quota(concurrent=1)))
    backend.hold()
    left = ask(channels[0], "x")
    wait_until(lambda: identity_counts(server.plane)["x"]["open"] == 1, "one is open")
    assert ask(channels[1], "x").code().name == "RESOURCE_EXHAUSTED"
    left.cancel()
    wait_until(lambda: identity_counts(server.plane)["x"]["open"] == 0, "it has left")
    stays = ask(channels[1], "x")
    backend.let_go()
    assert stays.code().name == "OK"


def test_tables_that_change_all_the_time_lose_no_count(
    server: InlineServer, channels: list[grpc.Channel]
) -> None:
    quota = Quota(requests_per_s=1e-6, burst=100)
    known = identity("x", Role.INFER, quota=quota)
    post(server, known)
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            post(server, known, identity("other", Role.VIEWER))

    changing = threading.Thread(target=change)
    changing.start()
    try:
        calls = [ask(channels[at % 4], "x") for at in range(300)]
        codes = [call.code().name for call in calls]
    finally:
        over.set()
        changing.join(60)
    assert codes.count("OK") == 100
    assert codes.count("RESOURCE_EXHAUSTED") == 200
    counts = identity_counts(server.plane)["x"]
    assert (counts["allowed"], counts["rate"]) == (100, 200)

"""A server is found, is ready, and says what its model is; or one sentence says why not."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from runtime.capacity.endpoint import read_model as read
from runtime.capacity.endpoint import resolve, split_target
from runtime.capacity.model import Model
from runtime.capacity.scenario import Ask
from runtime.errors import ConfigError, ServerError
from tests.unit.capacity.fakes import FakeServer, index, metadata, ready, server_ready

TARGET = "127.0.0.1:8001"


def read_model(server: FakeServer, **ask: Any) -> Model:
    return read(Ask(TARGET, "fraud", **ask), resolve(TARGET), server.call)


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("127.0.0.1:8001", ("127.0.0.1", 8001)),
        ("gpu-7.example:80", ("gpu-7.example", 80)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_a_target_is_a_host_and_a_port(target: str, parts: tuple[str, int]) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize(
    "target",
    ["", "localhost", ":8001", "localhost:", "localhost:http", "localhost:0", "a:65536",
     "::1:8001", "[::1]", "[localhost]:1", "http://localhost:8001",
     "localhost:\N{FULLWIDTH DIGIT EIGHT}"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(target: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a gRPC server; give HOST:PORT"):
        split_target(target)


def test_a_name_becomes_a_numeric_address_and_is_remembered() -> None:
    endpoint = resolve("localhost:8001")
    assert endpoint.host in ("127.0.0.1", "::1")
    assert endpoint.options("ModelInfer", ()).authority == "localhost:8001"


def test_of_several_addresses_the_one_that_accepts_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert resolve(f"localhost:{server.getsockname()[1]}").host == "127.0.0.1"


def test_an_unknown_name_is_said_to_be_unreachable() -> None:
    with pytest.raises(ServerError, match=r"nowhere\.invalid:1 cannot be reached: \w"):
        resolve("nowhere.invalid:1")


def test_a_model_with_free_first_dimensions_batches() -> None:
    model = read_model(FakeServer())
    assert (model.name, model.batches) == ("fraud", True)
    assert [(t.name, t.dims, t.declared) for t in model.inputs] == [("x", (3,), [-1, 3])]


@pytest.mark.parametrize("shapes", [[[3]], [[-1, 3], [3]], [[]], []])
def test_a_model_with_another_first_dimension_does_not(shapes: list[list[int]]) -> None:
    inputs = [(f"x{place}", "FP32", shape) for place, shape in enumerate(shapes)]
    model = read_model(FakeServer(ModelMetadata=metadata(inputs)))
    assert not model.batches
    assert [list(t.dims) for t in model.inputs] == shapes


def test_an_output_need_not_batch_with_its_model() -> None:
    outputs = [("y", "FP32", [-1, 2]), ("mean", "FP32", [2])]
    described = metadata([("x", "FP32", [-1])], outputs)
    model = read_model(FakeServer(ModelMetadata=described))
    assert [(t.dims, t.batches) for t in model.outputs] == [((2,), True), ((2,), False)]


def test_headers_go_with_every_question() -> None:
    server = FakeServer()
    read_model(server, headers=(("authorization", "secret"),))
    assert {options.headers for options in server.asked} == {(("authorization", "secret"),)}


def test_a_server_without_model_ready_is_asked_for_itself() -> None:
    server = FakeServer(ModelReady=(12, ""), ServerReady=server_ready())
    assert read_model(server).inputs


def test_a_server_that_knows_no_readiness_is_taken_for_ready() -> None:
    assert read_model(FakeServer(ModelReady=(12, ""))).inputs


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"ModelReady": ServerError("refused")}, "8001 cannot be reached: refused"),
        ({"ModelReady": (16, "who?")}, "answered UNAUTHENTICATED to ModelReady: who?"),
        ({"ModelReady": ready(False)}, "^fraud at 127.0.0.1:8001 is not ready; it cannot"),
        ({"ModelReady": (12, ""), "ServerReady": server_ready(False)}, "is not ready"),
        ({"ModelReady": ready(False), "ModelMetadata": (14, "loading")},
         "is not ready; it cannot be measured: loading$"),
        ({"ModelReady": (5, "none"), "ModelMetadata": (5, "none")},
         "127.0.0.1:8001 has no model 'fraud'$"),
        ({"ModelMetadata": (5, "none"), "RepositoryIndex": index("b", "a", "a")},
         "has no model 'fraud'; it has 'a', 'b'$"),
        ({"ModelMetadata": (5, ""), "RepositoryIndex": index(*"abcdefghi")}, "'h', ...$"),
        ({"ModelMetadata": (5, ""), "RepositoryIndex": index()}, "has no model 'fraud'$"),
        ({"ModelMetadata": (13, "oh")}, "answered INTERNAL to ModelMetadata: oh"),
        ({"ModelMetadata": b"HTTP/1.1"}, "something else; is it a KServe v2 server"),
    ],
)  # fmt: skip
def test_what_keeps_a_model_from_being_asked_is_one_sentence(
    answers: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServerError, match=words):
        read_model(FakeServer(**answers))


def test_a_version_is_part_of_the_models_name() -> None:
    server = FakeServer(ModelMetadata=(5, ""))
    with pytest.raises(ServerError, match="has no model 'fraud:9'"):
        read_model(server, version="9")

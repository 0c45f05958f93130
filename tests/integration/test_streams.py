"""ModelStreamInfer, health watches and reflection through real clients."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime import messages
from runtime.messages import ModelInferRequest, ModelStreamInferResponse
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.models import save_mlp
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


Bytes = Callable[[bytes], bytes]
IDENTITY: Bytes = bytes


def vector(value: float, rows: int = 1) -> list[Any]:
    """Return the inputs of the mlp: rows of 32 equal numbers."""
    tensor = triton.InferInput("x", [rows, 32], "FP32")
    tensor.set_data_from_numpy(np.full((rows, 32), value, np.float32))
    return [tensor]


class Answers:
    """What a stream's callback was told."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[Any, Any]] = queue.Queue()

    def __call__(self, result: Any, error: Any) -> None:
        self.queue.put((result, error))

    def take(self, count: int) -> list[tuple[Any, Any]]:
        """Wait for the next answers."""
        return [self.queue.get(timeout=30) for _ in range(count)]


@pytest.fixture
def answers(client: triton.InferenceServerClient) -> Iterator[Answers]:
    heard = Answers()
    client.start_stream(heard)
    yield heard
    client.stop_stream()


def test_answers_come_in_order_and_are_the_unary_ones(
    client: triton.InferenceServerClient, answers: Answers
) -> None:
    count = 500
    for i in range(count):
        client.async_stream_infer("mlp", vector(i / count, 1 + i % 3), request_id=str(i))
    heard = answers.take(count)
    assert all(error is None for _, error in heard)
    assert [result.get_response().id for result, _ in heard] == list(map(str, range(count)))
    for i in (0, 1, 250, 499):
        alone = client.infer("mlp", vector(i / count, 1 + i % 3)).as_numpy("y")
        np.testing.assert_allclose(heard[i][0].as_numpy("y"), alone, rtol=1e-5)


def test_streams_share_batches_with_everything_else(server: RunningServer) -> None:
    before = server.total("leeboard_batches_total", model="mlp")
    clients = [triton.InferenceServerClient(server.grpc) for _ in range(4)]
    heard = [Answers() for _ in clients]
    for each, to in zip(clients, heard, strict=True):
        each.start_stream(to)
    count = 300
    for i in range(count):
        for each in clients:
            each.async_stream_infer("mlp", vector(i), request_id=str(i))
    for each, to in zip(clients, heard, strict=True):
        ids = [result.get_response().id for result, _ in to.take(count)]
        assert ids == list(map(str, range(count)))
        each.stop_stream()
        each.close()
    assert server.total("leeboard_batches_total", model="mlp") - before < 4 * count


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    [
        ("nobody", lambda: vector(1.0), "unknown model: 'nobody'"),
        ("mlp", lambda: [], "x"),
    ],
    ids=["unknown model", "missing input"],
)
def test_a_wrong_request_is_told_and_the_stream_goes_on(
    client: triton.InferenceServerClient,
    answers: Answers,
    model: str,
    inputs: Callable[[], list[Any]],
    words: str,
) -> None:
    client.async_stream_infer("mlp", vector(1.0), request_id="before")
    client.async_stream_infer(model, inputs(), request_id="wrong")
    client.async_stream_infer("mlp", vector(2.0), request_id="after")
    (first, _), (nothing, error), (last, none) = answers.take(3)
    assert first.get_response().id == "before"
    assert nothing is None
    assert words in error.message()
    assert (last.get_response().id, none) == ("after", None)


def raw_request(model: str, request_id: str, width: int = 32) -> bytes:
    """Return a ModelInferRequest as it travels."""
    request = ModelInferRequest(model_name=model, id=request_id)
    request.inputs.add(name="x", datatype="FP32", shape=[1, width])
    request.raw_input_contents.append(np.ones((1, width), np.float32).tobytes())
    return bytes(request.SerializeToString())


def open_stream(channel: grpc.Channel, path: str = STREAM) -> Any:
    return channel.stream_stream(path, IDENTITY, IDENTITY)


def test_an_error_names_the_request_and_a_reply_says_that_it_is_final(
    server: RunningServer,
) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        requests = [raw_request("nobody", "7"), raw_request("mlp", "8"), b"\xff\xff"]
        replies = [
            ModelStreamInferResponse.FromString(raw)
            for raw in open_stream(channel)(iter(requests))
        ]
    assert [reply.infer_response.id for reply in replies] == ["7", "8", ""]
    assert "nobody" in replies[0].error_message
    assert replies[1].error_message == ""
    assert replies[1].infer_response.parameters["triton_final_response"].bool_param
    assert "ModelInferRequest" in replies[2].error_message


def test_a_client_may_ask_for_a_status_instead_of_error_messages(
    server: RunningServer,
) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        call = open_stream(channel)(
            iter([raw_request("mlp", "1"), raw_request("nobody", "2")]),
            metadata=(("triton_grpc_error", "true"),),
        )
        with pytest.raises(grpc.RpcError):
            list(call)
        assert call.code() is grpc.StatusCode.NOT_FOUND
        assert "nobody" in call.details()


def test_an_empty_stream_ends_well(server: RunningServer) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        call = open_stream(channel)(iter([]))
        assert list(call) == []
        assert call.code() is grpc.StatusCode.OK


def test_a_stream_cancelled_in_the_middle_leaves_nothing(server: RunningServer) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        asked: queue.Queue[bytes | None] = queue.Queue()
        call = open_stream(channel)(iter(asked.get, None))
        for i in range(100):
            asked.put(raw_request("mlp", str(i)))
        next(call)
        call.cancel()
        asked.put(None)


def test_large_messages_travel_both_ways(
    client: triton.InferenceServerClient, answers: Answers
) -> None:
    values = np.random.default_rng(3).random((4, 300_000), np.float32)
    tensor = triton.InferInput("x", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    for i in range(8):
        client.async_stream_infer("width", [tensor], request_id=str(i))
    for i, (result, error) in enumerate(answers.take(8)):
        assert error is None
        assert result.get_response().id == str(i)
        np.testing.assert_array_equal(result.as_numpy("y"), values)


def test_more_than_may_be_under_way_waits_for_its_turn(
    server: RunningServer,
) -> None:
    """The client writes all it has before it reads: flow control holds it back."""
    count = 5000
    with grpc.insecure_channel(server.grpc) as channel:
        call = open_stream(channel)(raw_request("mlp", str(i)) for i in range(count))
        ids = [ModelStreamInferResponse.FromString(raw).infer_response.id for raw in call]
    assert ids == list(map(str, range(count)))


def test_a_deadline_ends_a_stream_that_does_nothing(server: RunningServer) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        release = threading.Event()

        def silent() -> Iterator[bytes]:
            yield raw_request("mlp", "1")
            release.wait(30)

        call = open_stream(channel)(silent(), timeout=0.5)
        next(call)
        with pytest.raises(grpc.RpcError):
            next(call)
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        release.set()


def watch(channel: grpc.Channel, service: str) -> Any:
    request = messages.HealthCheckRequest(service=service).SerializeToString()
    return channel.unary_stream(WATCH, IDENTITY, IDENTITY)(request)


def status_of(raw: bytes) -> int:
    return int(messages.HealthCheckResponse.FromString(raw).status)


def test_watch_tells_the_state_of_a_model_and_of_the_server(server: RunningServer) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        for service, expected in (("mlp", 1), ("", 1), ("nobody", 3)):
            call = watch(channel, service)
            assert status_of(next(call)) == expected
            call.cancel()


def test_watch_hears_of_changes_and_of_the_end(repository: Any) -> None:
    with RunningServer(
        repository, "--model-control-mode", "explicit", "--load-model", "mlp"
    ) as server:
        with (
            grpc.insecure_channel(server.grpc) as channel,
            triton.InferenceServerClient(server.grpc) as client,
        ):
            model, whole, later = (watch(channel, s) for s in ("mlp", "", "width"))
            assert [status_of(next(call)) for call in (model, whole, later)] == [1, 1, 2]
            client.load_model("width")
            assert status_of(next(later)) == 1
            client.unload_model("mlp")
            assert status_of(next(model)) == 2
            asked: queue.Queue[bytes | None] = queue.Queue()
            idle = open_stream(channel)(iter(asked.get, None))
            asked.put(raw_request("nobody", "1"))
            next(idle)
            server.signal(15)
            assert status_of(next(whole)) == 2
            for call in (whole, model, idle):
                with pytest.raises(grpc.RpcError):
                    list(call)
                assert call.code() is grpc.StatusCode.UNAVAILABLE
            asked.put(None)
        assert server.wait() == 0


def test_a_stream_is_answered_to_its_end_when_the_server_drains(
    make_inline: Callable[..., Any],
) -> None:
    backend = FakeBackend()
    backend.hold()
    server = make_inline(backend)
    with grpc.insecure_channel(server.grpc) as channel:
        asked: queue.Queue[bytes | None] = queue.Queue()
        call = open_stream(channel)(iter(asked.get, None))
        asked.put(raw_request("fake", "1", width=4))
        wait_until(lambda: backend.entered > 0, "the model runs")
        server.plane.begin_drain()
        backend.release()
        assert ModelStreamInferResponse.FromString(next(call)).infer_response.id == "1"
        with pytest.raises(grpc.RpcError):
            next(call)
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        asked.put(None)


def reflect(channel: grpc.Channel, *requests: Any) -> list[Any]:
    raws = open_stream(channel, REFLECT)(iter([r.SerializeToString() for r in requests]))
    response = messages.message("grpc.reflection.v1.ServerReflectionResponse")
    return [response.FromString(raw) for raw in raws]


def test_reflection_lists_services_and_gives_their_files(server: RunningServer) -> None:
    ask = messages.message("grpc.reflection.v1.ServerReflectionRequest")
    with grpc.insecure_channel(server.grpc) as channel:
        listed, files, missing, named = reflect(
            channel,
            ask(list_services=""),
            ask(file_containing_symbol="inference.GRPCInferenceService.ModelInfer"),
            ask(file_containing_symbol="no.Such"),
            ask(file_by_filename="health.proto"),
        )
    names = [service.name for service in listed.list_services_response.service]
    assert names == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "inference.GRPCInferenceService",
    ]
    assert len(files.file_descriptor_response.file_descriptor_proto) == 2
    assert missing.error_response.error_code == 5
    assert "no.Such" in missing.error_response.error_message
    assert b"HealthCheckRequest" in named.file_descriptor_response.file_descriptor_proto[0]
    assert missing.original_request.file_containing_symbol == "no.Such"


def test_a_stream_lives_through_a_change_of_versions(tmp_path: Path) -> None:
    save_mlp(version_folder(tmp_path, "1") / "model.onnx")
    with (
        RunningServer(
            tmp_path, "--model-control-mode", "poll", "--repository-poll-secs", "0.1"
        ) as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        asked: queue.Queue[bytes | None] = queue.Queue()
        call = open_stream(channel)(iter(asked.get, None))
        versions: list[str] = []

        def ask() -> str:
            asked.put(raw_request("mlp", str(len(versions))))
            reply = ModelStreamInferResponse.FromString(next(call))
            assert reply.error_message == ""
            assert reply.infer_response.id == str(len(versions))
            versions.append(reply.infer_response.model_version)
            return versions[-1]

        assert ask() == "1"
        save_mlp(version_folder(tmp_path, "2") / "model.onnx")
        wait_until(lambda: ask() == "2", "the new version answers on the old stream")
        assert versions == sorted(versions)
        asked.put(None)
        assert list(call) == []


def version_folder(repository: Path, version: str) -> Path:
    folder = repository / "mlp" / version
    folder.mkdir(parents=True)
    return folder

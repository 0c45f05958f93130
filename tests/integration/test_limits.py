"""Large messages, many at once, readers that do not read, and sizes that lie."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import h2.config
import h2.connection
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from runtime.messages import ModelInferRequest
from runtime.testing import models
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline

INFER = "/inference.GRPCInferenceService/ModelInfer"


class RawClient:
    """A client of raw frames that sends what it likes and reads only when asked."""

    def __init__(self, url: str, receive_buffer: int = 0) -> None:
        host, port = url.split(":")
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect((host, int(port)))
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def call(self, message: bytes, declared: int | None = None, path: str = INFER) -> int:
        stream = self.h2.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":path", path),
                   (":authority", "test"), ("content-type", "application/grpc"),
                   ("te", "trailers")]  # fmt: skip
        self.h2.send_headers(stream, headers)
        size = len(message) if declared is None else declared
        body = b"\0" + size.to_bytes(4, "big") + message
        while body:
            room = min(self.h2.local_flow_control_window(stream), 16_384)
            if room == 0:
                self.flush()
                self.h2.receive_data(self.socket.recv(65_536))
                continue
            self.h2.send_data(stream, body[:room])
            body = body[room:]
        if declared is None:
            self.h2.end_stream(stream)
        self.flush()
        return stream

    def trailers(self, stream: int) -> dict[str, str]:
        """Read until the stream has ended and return its last headers."""
        found: dict[str, str] = {}
        while True:
            for event in self.h2.receive_data(self.socket.recv(65_536)):
                if getattr(event, "stream_id", None) != stream:
                    continue
                for name, value in getattr(event, "headers", None) or []:
                    found[name.decode()] = value.decode()
                if type(event).__name__ == "StreamEnded":
                    self.flush()
                    return found

    def close(self) -> None:
        self.socket.close()


def request_for(model: str, x: np.ndarray) -> bytes:
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name="x", datatype="FP32", shape=x.shape)
    request.raw_input_contents.append(x.tobytes())
    return bytes(request.SerializeToString())


@pytest.fixture
def big(tmp_path: Path) -> Path:
    return models.save_big(tmp_path / "big.onnx")


def test_128_messages_of_600_kb_at_once_on_one_connection(big: Path) -> None:
    async def ask(url: str) -> None:
        async with triton_aio.InferenceServerClient(url) as client:

            async def one(number: int) -> None:
                x = np.full((1, 150_000), number, np.float32)
                answer = await client.infer("big", tensors(x=x))
                assert (answer.as_numpy("y") == x).all()

            await asyncio.gather(*(one(number) for number in range(128)))

    with RunningServer(big) as server:
        asyncio.run(ask(server.grpc))
        assert server.total("leeboard_requests_total", outcome="ok") == 128


def test_a_message_larger_than_both_windows(big: Path) -> None:
    x = np.random.default_rng(3).random((40, 150_000), dtype=np.float32)  # 24 MB.
    with RunningServer(big) as server, triton.InferenceServerClient(server.grpc) as client:
        assert (client.infer("big", tensors(x=x)).as_numpy("y") == x).all()


def test_64_stalled_readers_do_not_slow_a_65th_client(big: Path) -> None:
    x = np.ones((4, 150_000), np.float32)
    message = request_for("big", x)
    with RunningServer(big) as server:
        stalled = [RawClient(server.grpc, receive_buffer=4096) for _ in range(64)]
        for reader in stalled:
            reader.call(message)  # The answer is larger than this client's windows.
        wait_until(
            lambda: server.total("leeboard_requests_total", outcome="ok") == 64,
            "all answered",
        )
        with triton.InferenceServerClient(server.grpc) as client:
            for number in range(20):
                y = np.full((4, 150_000), number, np.float32)
                answer = client.infer("big", tensors(x=y), client_timeout=30)
                assert (answer.as_numpy("y") == y).all()
        for reader in stalled:
            reader.close()
        wait_until(lambda: server.total("leeboard_output_grants") == 0, "memory is back")
        wait_until(lambda: server.total("leeboard_server_connections") == 0, "all closed")


def test_a_message_over_the_limit_is_refused_by_its_prefix(make_inline: MakeInline) -> None:
    server = make_inline(FakeBackend(), options=InlineOptions(max_message_bytes=1 << 20))
    raw = RawClient(server.grpc)
    stream = raw.call(b"", declared=0xFFFFFFFF)
    trailers = raw.trailers(stream)
    raw.close()
    assert trailers["grpc-status"] == "8"
    assert "4294967295" in trailers["grpc-message"]
    with triton.InferenceServerClient(server.grpc) as client:
        with pytest.raises(InferenceServerException) as caught:
            client.infer("fake", tensors(x=np.zeros((100_000, 4), np.float32)))
        assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
        assert client.infer("fake", tensors(x=rows(1))) is not None


def test_a_request_that_does_not_fit_the_input_memory_is_refused(
    make_inline: MakeInline,
) -> None:
    small = InlineOptions(input_bytes=1 << 20, max_batch_size=0)
    server = make_inline(FakeBackend(), options=small)
    with triton.InferenceServerClient(server.grpc) as client:
        with pytest.raises(InferenceServerException, match="input memory") as caught:
            client.infer("fake", tensors(x=np.zeros((100_000, 4), np.float32)))
        assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
        assert client.infer("fake", tensors(x=rows(1))) is not None


def test_a_truncated_message_is_the_clients_error(make_inline: MakeInline) -> None:
    server = make_inline(FakeBackend())
    raw = RawClient(server.grpc)
    message = request_for("fake", rows(2))[:-3]
    trailers = raw.trailers(raw.call(message))
    raw.close()
    assert trailers["grpc-status"] == "3"


def test_an_unknown_method_is_unimplemented(make_inline: MakeInline) -> None:
    server = make_inline(FakeBackend())
    raw = RawClient(server.grpc)
    path = "/inference.GRPCInferenceService/Nothing"
    trailers = raw.trailers(raw.call(b"", path=path))
    raw.close()
    assert trailers["grpc-status"] == "12"
    assert path in trailers["grpc-message"]


def test_a_connection_that_is_cut_in_the_middle_leaves_nothing(
    make_inline: MakeInline,
) -> None:
    server = make_inline(FakeBackend())
    message = request_for("fake", np.zeros((8, 4), np.float32))
    for cut in (0, 1, len(message) // 2, len(message) - 1):
        raw = RawClient(server.grpc)
        raw.call(message[:cut], declared=len(message))
        raw.close()
    wait_until(lambda: server.server_counts()["connections"] == 0, "all closed")
    server.assert_idle()

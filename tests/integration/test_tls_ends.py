"""TLS connections that end badly, slowly or never: nobody else waits, nothing is left."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, suppress

import numpy as np

from runtime.config import Transport
from runtime.messages import ModelInferRequest
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline
from tests.integration.secured import WIDE, Keys, RawClient, handshake, read_to_end


def test_a_slow_handshake_is_closed(make_inline: MakeInline, ours: Keys) -> None:
    soon = Transport(handshake_timeout_s=0.5)
    server = make_inline(FakeBackend(), options=ours.options(soon))
    with socket.create_connection(("127.0.0.1", server.plane.port), timeout=30) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01")  # The beginning of a hello.
        read_to_end(client)
    assert server.server_counts()["tls_handshakes"] == 0


def test_handshakes_that_never_end_do_not_keep_others_waiting(
    make_inline: MakeInline, ours: Keys
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    address = ("127.0.0.1", server.plane.port)
    with ExitStack() as stack:
        for _ in range(300):
            client = stack.enter_context(socket.create_connection(address, timeout=30))
            client.sendall(b"\x16\x03\x01\x02\x00\x01")  # The beginning of a hello.
        with ours.triton(server.grpc) as triton_client:
            for number in range(10):
                x = rows(1, first=number)
                y = triton_client.infer("fake", tensors(x=x)).as_numpy("y")
                assert (y == x * 2).all()
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")


def test_a_slow_reader_gets_its_answer_and_keeps_nobody_waiting(
    make_inline: MakeInline, ours: Keys
) -> None:
    backend = FakeBackend(WIDE)
    server = make_inline(backend, options=ours.options(max_batch_size=2))
    x = np.random.default_rng(5).random((1, 2_000_000), dtype=np.float32)
    request = ModelInferRequest(model_name="fake")
    request.inputs.add(name="x", datatype="FP32", shape=x.shape)
    request.raw_input_contents.append(x.tobytes())
    with handshake(server.plane.port, ours.context(), receive_buffer=4096) as client:
        reader = RawClient(client)
        stream = reader.call(request.SerializeToString())
        wait_until(lambda: server.counts()["requests_ok"] == 1, "answered, not read")
        with ours.triton(server.grpc) as quick:
            assert (quick.infer("fake", tensors(x=x)).as_numpy("y") == x * 2).all()
        answer = reader.read(stream)
    assert (x * 2).tobytes() in answer


def test_a_record_cut_short_leaves_nothing(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    context = ours.context()
    to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = context.wrap_bio(from_server, to_server, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", server.plane.port), timeout=30) as client:
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                client.sendall(to_server.read())
                from_server.write(client.recv(65_536))
            else:
                break
        secured.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        client.sendall(to_server.read()[:-5])
        client.shutdown(socket.SHUT_WR)
        read_to_end(client)
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")


def test_a_half_closed_connection_is_closed(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with handshake(server.plane.port, ours.context()) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4]) + bytes(5))
        client.recv(65_536)  # The server's SETTINGS.
        with suppress(OSError):  # What else it had said may be in the way of the goodbye.
            client.unwrap()
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")

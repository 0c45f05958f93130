"""The gRPC port with TLS: real clients, what is refused, and broken ends."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.config import Address, Transport
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.waiting import wait_until
from tests.integration.authority import Authority
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline
from tests.integration.secured import WIDE, Keys, handshake, is_live, keys, read_to_end


def test_tritonclient_and_grpcio_are_served(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with ours.triton(server.grpc) as client:
        answer = client.infer("fake", tensors(x=rows(3)))
        assert (answer.as_numpy("y") == rows(3) * 2).all()
    with ours.channel(server.grpc) as channel:
        assert is_live(channel)
    assert server.server_counts()["tls_handshakes"] == 2


def test_many_clients_at_once_each_get_their_own_rows(
    make_inline: MakeInline, ours: Keys
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    wrong: list[int] = []

    def ask(number: int) -> None:
        with ours.triton(server.grpc) as client:
            for turn in range(20):
                x = rows(2, first=1000.0 * number + turn)
                y = client.infer("fake", tensors(x=x)).as_numpy("y")
                if not (y == x * 2).all():
                    wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert server.counts()["requests_ok"] == 120


def test_eight_megabytes_go_both_ways(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(WIDE), options=ours.options(max_batch_size=2))
    x = np.random.default_rng(5).random((1, 2_000_000), dtype=np.float32)
    with ours.triton(server.grpc) as client:
        for _ in range(3):
            assert (client.infer("fake", tensors(x=x)).as_numpy("y") == x * 2).all()


def test_another_authoritys_client_refuses_the_server(
    make_inline: MakeInline, ours: Keys, tmp_path: Path
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    stranger = Authority(tmp_path, "stranger")
    with (
        ours.triton(server.grpc, authority=stranger) as client,
        pytest.raises(InferenceServerException, match="UNAVAILABLE"),
    ):
        client.infer("fake", tensors(x=rows(1)), client_timeout=10)
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")
    assert server.server_counts()["tls_handshakes_failed"] >= 1


@pytest.mark.parametrize("protocol", ["http/1.1", ""])
def test_a_client_without_h2_is_refused(
    make_inline: MakeInline, ours: Keys, protocol: str
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with (
        pytest.raises(ssl.SSLError, match="no application protocol"),
        handshake(server.plane.port, ours.context(protocol)),
    ):
        pass
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(
    make_inline: MakeInline, ours: Keys, version: str
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    context = ours.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with (
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
        handshake(server.plane.port, context),
    ):
        pass


@pytest.mark.parametrize(
    "ciphers",
    ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256", "NULL"],
)
def test_weak_ciphers_are_refused(
    make_inline: MakeInline, ours: Keys, ciphers: str
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    context = ours.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with (
        pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"),
        handshake(server.plane.port, context),
    ):
        pass


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_good_versions_get_a_good_cipher(
    make_inline: MakeInline, ours: Keys, version: str
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    context = ours.context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with handshake(server.plane.port, context) as client:
        cipher = client.cipher()
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]
        assert client.selected_alpn_protocol() == "h2"
        assert client.compression() is None


def test_plaintext_on_the_tls_port_ends(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with socket.create_connection(("127.0.0.1", server.plane.port), timeout=30) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        read_to_end(client)
    with (
        triton.InferenceServerClient(server.grpc) as plain,
        pytest.raises(InferenceServerException, match="UNAVAILABLE"),
    ):
        plain.infer("fake", tensors(x=rows(1)), client_timeout=10)
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")


def test_tls_on_the_plain_port_ends(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend())
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        handshake(server.plane.port, ours.context()),
    ):
        pass
    wait_until(lambda: server.server_counts()["connections"] == 0, "closed")


def test_one_server_speaks_both_on_two_ports(make_inline: MakeInline, ours: Keys) -> None:
    also = (Address("127.0.0.1", 0, "", False), Address("127.0.0.1", 0, "", True))
    server = make_inline(FakeBackend(), options=ours.options(also=also))
    first, plain, third = server.plane.ports
    with triton.InferenceServerClient(f"127.0.0.1:{plain}") as client:
        assert client.infer("fake", tensors(x=rows(1))) is not None
    for port in (first, third):
        with ours.triton(f"127.0.0.1:{port}") as client:
            assert client.infer("fake", tensors(x=rows(1))) is not None


def test_clients_do_not_notice_that_connections_grow_old(
    make_inline: MakeInline, ours: Keys
) -> None:
    young = Transport(max_connection_age_s=0.1)
    server = make_inline(FakeBackend(), options=ours.options(young))
    with ours.triton(server.grpc) as client:
        while server.server_counts()["tls_handshakes"] < 2:
            answer = client.infer("fake", tensors(x=rows(2)), client_timeout=30)
            assert (answer.as_numpy("y") == rows(2) * 2).all()


def test_new_certificates_serve_new_connections_while_a_call_is_in_flight(
    make_inline: MakeInline, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = keys(tmp_path / "old"), keys(tmp_path / "new")
    backend = FakeBackend()
    server = make_inline(backend, options=old.options())
    with old.triton(server.grpc) as before:
        backend.hold()
        waiting = before.async_infer
        answers: list[object] = []
        done = threading.Event()

        def hear(result: object, error: object) -> None:
            answers.append(error or result)
            done.set()

        waiting("fake", tensors(x=rows(1)), callback=hear)
        wait_until(lambda: backend.entered == 1, "the call runs")
        server.plane.set_tls(new.native)
        backend.let_go()
        with new.triton(server.grpc) as after:
            assert after.infer("fake", tensors(x=rows(2))) is not None
        assert done.wait(30)
        assert isinstance(answers[0], triton.InferResult)
        assert before.infer("fake", tensors(x=rows(1))) is not None  # The old connection.
    with (
        pytest.raises(grpc.FutureTimeoutError),
        old.channel(server.grpc.replace("127.0.0.1", "localhost")) as channel,
    ):
        grpc.channel_ready_future(channel).result(timeout=2)

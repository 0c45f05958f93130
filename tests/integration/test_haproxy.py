"""HAProxy in front: TLS and HTTP/2 to it, HTTP/2 from it, in the clear or with TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline
from tests.integration.programs import Haproxy, needed
from tests.integration.secured import WIDE, Keys, is_live


class Front:
    """Starts HAProxy in front of a server."""

    def __init__(self, ours: Keys, folder: Path) -> None:
        self._folder = folder
        self._program = needed("haproxy")
        self._pem = folder / "both.pem"
        self._pem.write_bytes(ours.server.certificate + ours.server.key)
        self._tls = (
            f"ssl verify required verifyhost localhost ca-file {ours.authority.path}"
        )
        self.started: list[Haproxy] = []

    def before(self, server: InlineServer, tls: bool = False) -> Haproxy:
        """Return a proxy before a server that speaks TLS or not."""
        how = f"{self._tls} alpn h2" if tls else "proto h2"
        proxy = Haproxy(self._program, self._folder, self._pem, f"{server.grpc} {how}")
        self.started.append(proxy)
        return proxy


@pytest.fixture
def front(ours: Keys, tmp_path: Path) -> Iterator[Front]:
    front = Front(ours, tmp_path)
    yield front
    for proxy in front.started:
        proxy.close()


@pytest.mark.parametrize("tls", [False, True])
def test_clients_are_served_through_it(
    make_inline: MakeInline, ours: Keys, front: Front, tls: bool
) -> None:
    server = make_inline(FakeBackend(), options=ours.options() if tls else InlineOptions())
    proxy = front.before(server, tls)
    with ours.triton(proxy.url) as client:
        for number in range(50):
            x = rows(2, first=number)
            assert (client.infer("fake", tensors(x=x)).as_numpy("y") == x * 2).all()
    with ours.channel(proxy.url) as channel:
        assert is_live(channel)
    assert server.counts()["requests_ok"] == 50
    assert server.server_counts()["tls_handshakes"] >= int(tls)


def test_many_clients_share_its_few_connections(
    make_inline: MakeInline, ours: Keys, front: Front
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    proxy = front.before(server, tls=True)
    wrong: list[int] = []

    def ask(number: int) -> None:
        with ours.triton(proxy.url) as client:
            for turn in range(20):
                x = rows(1, first=1000.0 * number + turn)
                if not (client.infer("fake", tensors(x=x)).as_numpy("y") == x * 2).all():
                    wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert server.counts()["requests_ok"] == 160


@pytest.mark.parametrize("tls", [False, True])
def test_eight_megabytes_go_both_ways_through_it(
    make_inline: MakeInline, ours: Keys, front: Front, tls: bool
) -> None:
    plain = InlineOptions(max_batch_size=2)
    options = ours.options(max_batch_size=2) if tls else plain
    server = make_inline(FakeBackend(WIDE), options=options)
    x = np.random.default_rng(5).random((1, 2_000_000), dtype=np.float32)
    with ours.triton(front.before(server, tls).url) as client:
        assert (client.infer("fake", tensors(x=x)).as_numpy("y") == x * 2).all()


def test_errors_and_deadlines_pass_through_it(
    make_inline: MakeInline, ours: Keys, front: Front
) -> None:
    backend = FakeBackend()
    server = make_inline(backend)
    with ours.triton(front.before(server).url) as client:
        with pytest.raises(InferenceServerException, match="unknown") as caught:
            client.infer("unknown", tensors(x=rows(1)))
        assert caught.value.status() == "StatusCode.NOT_FOUND"
        backend.hold()
        with pytest.raises(InferenceServerException) as caught:
            client.infer("fake", tensors(x=rows(1)), client_timeout=0.3)
        assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
        backend.let_go()
        assert client.infer("fake", tensors(x=rows(1))) is not None


def test_a_drain_loses_nothing_that_was_accepted(
    make_inline: MakeInline, ours: Keys, front: Front
) -> None:
    backend = FakeBackend()
    server = make_inline(backend)
    with ours.triton(front.before(server).url) as client:
        client.infer("fake", tensors(x=rows(1)))
        backend.hold()
        answers: list[object] = []
        done = threading.Event()

        def hear(result: object, error: object) -> None:
            answers.append(error)
            done.set()

        client.async_infer("fake", tensors(x=rows(1)), callback=hear)
        wait_until(lambda: backend.entered == 2, "the call runs")
        server.plane.begin_drain()
        backend.let_go()
        assert done.wait(30)
        assert answers == [None]
        assert server.next_notice()[0] == "drained"

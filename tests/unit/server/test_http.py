"""The HTTP endpoint, asked by good clients and bad ones."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from runtime.errors import ServerError
from runtime.metrics.exposition import Scrape
from runtime.server.http import MOST_CLIENTS, Endpoint
from runtime.testing.waiting import wait_until

HOST = "127.0.0.1"
EMPTY = Scrape(tuple, CollectorRegistry())
TEXT = "text/plain; charset=utf-8"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Heard(NamedTuple):
    """An answer as a client sees it."""

    status: int
    content_type: str | None
    length: str | None
    body: bytes


def ask(
    endpoint: Endpoint, path: str, method: str = "GET", host: str = HOST, accept: str = ""
) -> Heard:
    client = HTTPConnection(host, endpoint.port, timeout=30)
    try:
        client.request(method, path, headers={"Accept": accept} if accept else {})
        answer = client.getresponse()
        kind, length = (answer.getheader(f"Content-{n}") for n in ("Type", "Length"))
        return Heard(answer.status, kind, length, answer.read())
    finally:
        client.close()


class Switch:
    """What an endpoint asks whether the server is ready."""

    def __init__(self) -> None:
        self.on = True
        self.before: Callable[[], object] = bool

    def __call__(self) -> bool:
        self.before()
        return self.on


@pytest.fixture
def ready() -> Switch:
    return Switch()


@pytest.fixture
def endpoint(ready: Switch) -> Iterator[Endpoint]:
    registry = CollectorRegistry()
    Gauge("leeboard_answer", "The answer.", registry=registry).set(42)
    made = Endpoint(HOST, 0, Scrape(tuple, registry), ready)
    yield made
    made.close()


def test_metrics_are_in_openmetrics_where_that_is_asked_for(endpoint: Endpoint) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    heard = ask(endpoint, "/metrics", accept=accept)
    assert str(heard.content_type).startswith("application/openmetrics-text; version=1")
    assert heard.body.endswith(b"leeboard_answer 42.0\n# EOF\n")


def test_metrics_are_in_prometheus_text_format(endpoint: Endpoint) -> None:
    heard = ask(endpoint, "/metrics")
    assert (heard.status, heard.length) == (200, str(len(heard.body)))
    assert str(heard.content_type).startswith("text/plain; version=")
    assert heard.body.decode().splitlines() == [
        "# HELP leeboard_answer The answer.",
        "# TYPE leeboard_answer gauge",
        "leeboard_answer 42.0",
    ]


def test_a_query_does_not_change_the_path(endpoint: Endpoint) -> None:
    assert ask(endpoint, "/metrics?name[]=x") == ask(endpoint, "/metrics")


@pytest.mark.parametrize("path", ["/metrics", "/live", "/ready", "/nothing"])
def test_head_answers_as_get_does_without_the_body(endpoint: Endpoint, path: str) -> None:
    assert ask(endpoint, path, "HEAD") == ask(endpoint, path)._replace(body=b"")


@pytest.mark.parametrize("path", ["/", "/nothing", "/metrics/", "/METRICS"])
def test_other_paths_say_what_is_here(endpoint: Endpoint, path: str) -> None:
    words = b"/metrics, /live and /ready are here\n"
    assert ask(endpoint, path) == Heard(404, TEXT, str(len(words)), words)


def test_other_methods_are_not_implemented(endpoint: Endpoint) -> None:
    assert ask(endpoint, "/metrics", "POST").status == 501


def test_a_server_that_is_not_ready_lives(endpoint: Endpoint, ready: Switch) -> None:
    assert ask(endpoint, "/ready") == Heard(200, TEXT, "6", b"ready\n")
    ready.on = False
    assert ask(endpoint, "/ready") == Heard(503, TEXT, "10", b"not ready\n")
    assert ask(endpoint, "/live") == Heard(200, TEXT, "5", b"live\n")


def test_too_many_clients_are_turned_away_until_one_goes(endpoint: Endpoint) -> None:
    def connect() -> socket.socket:
        return socket.create_connection((HOST, endpoint.port), timeout=30)

    clients = [connect() for _ in range(MOST_CLIENTS)]
    with connect() as late:
        assert late.recv(1) == b""
    clients.pop().close()

    def is_served() -> bool:
        with connect() as client:
            client.sendall(b"GET /live HTTP/1.0\r\n\r\n")
            return read_all(client).endswith(b"live\n")

    wait_until(is_served, "there is room again")
    for client in clients:
        client.close()


def read_all(client: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection, in whatever way."""
    read = b""
    try:
        while data := client.recv(4096):
            read += data
    except ConnectionResetError:
        return read
    return read


def test_a_client_that_goes_away_is_no_error(
    endpoint: Endpoint, ready: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked, gone = threading.Event(), threading.Event()

    def wait_for_the_end() -> None:
        asked.set()
        gone.wait(30)

    ready.before = wait_for_the_end
    with socket.create_connection((HOST, endpoint.port)) as client:
        client.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        asked.wait(30)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    gone.set()
    wait_until(
        lambda: any("went away" in text for text in caplog.messages), "it is noticed"
    )
    assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []
    ready.before = bool
    assert ask(endpoint, "/ready").status == 200


class Broken(Collector):
    """Fails at every scrape."""

    def collect(self) -> Iterable[Metric]:
        raise LookupError("the counters are gone")


def test_an_error_of_ours_is_logged_and_the_next_client_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    registry.register(Broken())
    endpoint = Endpoint(HOST, 0, Scrape(tuple, registry), lambda: True)
    with socket.create_connection((HOST, endpoint.port), timeout=30) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert read_all(client) == b""
    assert ask(endpoint, "/live").status == 200
    endpoint.close()
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "got no answer" in record.getMessage()
    assert "the counters are gone" in caplog.text


def test_a_port_in_use_is_a_server_error(endpoint: Endpoint) -> None:
    words = f"cannot listen on {HOST}:{endpoint.port}: Address already in use"
    with pytest.raises(ServerError, match=words):
        Endpoint(HOST, endpoint.port, EMPTY, lambda: True)


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as attempt:
        try:
            attempt.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address_is_listened_on() -> None:
    endpoint = Endpoint("::1", 0, EMPTY, lambda: True)
    assert ask(endpoint, "/live", host="::1").status == 200
    endpoint.close()


def test_closing_ends_the_thread_and_frees_the_port(endpoint: Endpoint) -> None:
    (thread,) = [t for t in threading.enumerate() if t.name == "leeboard-http"]
    endpoint.close()
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, endpoint.port))
    endpoint.close()
    Endpoint(HOST, endpoint.port, EMPTY, lambda: True).close()

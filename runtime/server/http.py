"""The HTTP endpoint: ``/metrics`` for Prometheus, ``/live`` and ``/ready`` for probes."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import NamedTuple

from runtime.errors import ServerError
from runtime.metrics.exposition import Page

logger = logging.getLogger(__name__)

CLIENT_TIMEOUT_S = 10.0
"""How long a client may take to send its request or to read the answer."""

MOST_CLIENTS = 32


Peer = socket.socket | tuple[bytes, socket.socket]


class Answer(NamedTuple):
    """Status, content type and body of one answer."""

    status: int
    content_type: str
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of the known paths; everything else is 404 or 501."""

    server: Endpoint
    timeout = CLIENT_TIMEOUT_S
    server_version = "leeboard"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with headers and body."""
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with headers only."""
        self._send(with_body=False)

    def _send(self, with_body: bool) -> None:
        accepted = ",".join(self.headers.get_all("Accept", []))
        answer = self.server.answer(self.path.partition("?")[0], accepted)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep scrapes out of the log."""
        logger.debug("%s " + format, self.address_string(), *args)


class Endpoint(ThreadingHTTPServer):
    """A small HTTP server on threads of its own; `close` ends it.

    `scrape` makes the page of ``/metrics`` for an Accept header.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = MOST_CLIENTS  # Five would delay a burst by a second.

    def __init__(
        self,
        host: str,
        port: int,
        scrape: Callable[[str], Page],
        is_ready: Callable[[], bool],
    ) -> None:
        self._scrape = scrape
        self._is_ready = is_ready
        self._room = threading.BoundedSemaphore(MOST_CLIENTS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise ServerError(
                f"cannot listen on {host}:{port}: {error.strerror}"
            ) from error
        self._thread = threading.Thread(
            target=self.serve_forever, name="leeboard-http", kwargs={"poll_interval": 0.1}
        )
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without asking the resolver for our name, which may take its time."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.port

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def close(self) -> None:
        """Stop listening and end the thread."""
        self.shutdown()
        self._thread.join(CLIENT_TIMEOUT_S)
        self.server_close()

    def process_request(self, request: Peer, client_address: object) -> None:
        """Serve one client on a thread; too many at once are turned away."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Peer, client_address: object) -> None:
        """Serve one client and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Peer, client_address: object) -> None:
        """Tell a client that went away, which is no error, from one of ours."""
        if isinstance(sys.exception(), OSError):
            logger.debug("HTTP client %s went away", client_address, exc_info=True)
        else:
            logger.exception("HTTP client %s got no answer", client_address)

    def answer(self, path: str, accept: str = "") -> Answer:
        """Return the answer for a path; `accept` is the request's header of that name."""
        if path == "/metrics":
            return Answer(200, *self._scrape(accept))
        if path == "/live":
            return Answer(200, "text/plain; charset=utf-8", b"live\n")
        if path == "/ready":
            ready = self._is_ready()
            text = b"ready\n" if ready else b"not ready\n"
            return Answer(200 if ready else 503, "text/plain; charset=utf-8", text)
        return Answer(
            404, "text/plain; charset=utf-8", b"/metrics, /live and /ready are here\n"
        )

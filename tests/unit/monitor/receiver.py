"""Something on loopback that takes what sinks post, with knobs for trouble."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class Receiver:
    """Answers each POST with the next of `codes`, 200 after them; keeps what came."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                receiver.bodies.append(self.rfile.read(size))
                receiver.headers.append(dict(self.headers))
                receiver.paths.append(self.path)
                receiver.open.wait(30)
                code = receiver.codes.pop(0) if receiver.codes else 200
                self.send_response(code)
                if code in (302, 307):
                    self.send_header("Location", "/elsewhere")
                words = b"no \x1b[31m" if code >= 400 else b""
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                with suppress(ConnectionError):  # Whoever posted has left.
                    self.wfile.write(words)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def values(self) -> list[Any]:
        """What came, as JSON values."""
        return [json.loads(body) for body in self.bodies]

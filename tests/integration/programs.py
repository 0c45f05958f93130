"""Programs of others that tests run: found, or skipped with the reason; required in CI."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest


def find(program: str) -> str | None:
    """Return a program's path, or None."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin"  # Debian keeps daemons there.
    return shutil.which(program, path=places)


def needed(program: str) -> str:
    """Return a program's path; skip the test without it, and fail it in CI."""
    found = find(program)
    if found is None:
        words = (
            f"{program} is not installed (tools/bootstrap.py --system clients does that)"
        )
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


class Haproxy:
    """HAProxy on a free port with TLS in front, HTTP/2 on both sides.

    `pem` holds the certificate and its key. `server` is the address of the server behind,
    with how to speak to it: ``127.0.0.1:8001 proto h2``.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        pem: Path,
        server: str,
        prefix: tuple[str, ...] = (),
    ) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(listener.getsockname()[1])
        config = folder / "haproxy.cfg"
        config.write_text(f"""
global
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend door
    bind fd@{listener.fileno()} ssl crt {pem} alpn h2
    default_backend servers
backend servers
    server one {server}
""")
        self._log_path = folder / "haproxy.log"
        with listener, self._log_path.open("w") as log:
            self.process = subprocess.Popen(
                [*prefix, program, "-db", "-f", str(config)],
                pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def url(self) -> str:
        """Where clients find it, under the name that the certificate has."""
        return f"localhost:{self.port}"

    def log(self) -> str:
        """Return what it has said."""
        return self._log_path.read_text()

    def close(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

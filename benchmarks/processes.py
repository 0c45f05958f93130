"""Starting, accounting and stopping the processes that are measured.

Every process is started by us with an argument list, leads a session of its own, and is
ended by its id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.machine import CORES, ROOT, raise_priority
from runtime.capacity.local import family
from runtime.errors import LeeboardError

START_S = 120.0
STOP_S = 10.0
POLL_S = 0.001


class BenchmarkError(LeeboardError):
    """A measurement could not be made; the message says which and why."""


def environment() -> dict[str, str]:
    """Return ours, with the repository importable and bytecode kept as it is by default."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "1"}


def pinned(core: int, *command: str) -> list[str]:
    """Return a command that runs on one processor; its process keeps the same id."""
    return ["taskset", "-c", str(core), *command]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers; `http` is 0 for one without metrics.

    `control` is the control port's address, as clients write it, where there is one.
    """

    grpc: int
    http: int = 0
    control: str = ""

    @property
    def target(self) -> str:
        """The gRPC address as clients write it."""
        return f"127.0.0.1:{self.grpc}"


class Server:
    """A server on the server's processor, started and found ready; `close` ends it.

    It must write a JSON file with `grpc_port` when it is ready. `ready_s` is the time from
    starting the process to the file being there, by our clock.
    """

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        ready = folder / f"{name}.ready.json"
        ready.unlink(missing_ok=True)
        self._log_path = folder / f"{name}.log"
        command = [sys.executable, *arguments, "--ready-file", str(ready)]
        with self._log_path.open("w") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                pinned(CORES.server, *command),
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder,
                env=environment(), start_new_session=True, text=True,
            )  # fmt: skip
        raise_priority(self.process.pid)
        try:
            about = self._await(ready)
            self.ready_s = time.perf_counter() - began
            ports = about["grpc_port"], about.get("http_port", 0)
            self.address = Address(*ports, about.get("control") or "")
        except BaseException:
            self.close()
            raise

    def _await(self, ready: Path) -> dict[str, Any]:
        end_by = time.monotonic() + START_S
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > end_by:
                said = self.log_text()[-2000:]
                raise BenchmarkError(f"{self.name} did not become ready:\n{said}")
            time.sleep(POLL_S)
        about: dict[str, Any] = json.loads(ready.read_text())
        return about

    @property
    def metrics_url(self) -> str:
        """The address of /metrics, or nothing for a server without."""
        return f"127.0.0.1:{self.address.http}/metrics" if self.address.http else ""

    def family(self) -> list[int]:
        """Return the processes that serve: the front, its zygote, and its workers."""
        return family(self.process.pid)

    def log_text(self, begin: int = 0) -> str:
        """Return what the process has printed so far, from the `begin`-th byte on."""
        with self._log_path.open("rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def log_bytes(self) -> int:
        """Return how many bytes the process has printed so far."""
        return self._log_path.stat().st_size

    def tell(self, line: str) -> None:
        """Write a line to the process's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """End the process: politely, then, after ten seconds, with its children."""
        members = self.family()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def leeboard(model: Path, folder: Path, *options: str) -> Server:
    """Start our server with one model and default settings."""
    arguments = ["-m", "runtime.cli", "serve", str(model), "--grpc-port", "0",
                 "--http-port", "0", "--control-port", "0", *options]  # fmt: skip
    return Server(f"leeboard-{model.stem}", arguments, folder)


def grpcio_sync(model: Path, folder: Path) -> Server:
    """Start the baseline server with the same model."""
    return Server(
        f"grpcio-{model.stem}", ["-m", "benchmarks.peers.grpcio_sync", str(model)], folder
    )

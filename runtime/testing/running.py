"""A real server in a process of its own, for tests, demos and benchmarks.

Examples
--------
::

    with RunningServer("models/", "--instances", "2") as server:
        client = tritonclient.grpc.InferenceServerClient(server.grpc)
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

import runtime
from runtime.errors import ServerError
from runtime.testing.waiting import wait_until

READY_S = 120.0
EXIT_S = 60.0

GAUGES = (
    "leeboard_queued",
    "leeboard_open_batches",
    "leeboard_output_grants",
    "leeboard_server_live_calls",
    "leeboard_server_connections",
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def children_of(pid: int) -> list[int]:
    """Return the processes that `pid` started and that still run."""
    found = []
    # A thread, or all of them, may end between the two looks.
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in task.read_text().split()]
    return found


def command_of(pid: int) -> str:
    """Return a process's command line; nothing once it has gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


class RunningServer:
    """``leeboard serve`` with free ports; entering waits until it is ready.

    Without a path the arguments, a file or the environment have to say one.
    """

    def __init__(
        self, path: Path | str | None, *arguments: str, prefix: tuple[str, ...] = ()
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="leeboard-")
        self._ready_file = Path(self._folder.name, "ready.json")
        self._command = [
            *prefix, sys.executable, "-P", "-m", "runtime.cli", "serve",
            *([] if path is None else [str(path)]),
            "--grpc-port", "0", "--http-port", "0", "--control-port", "0",
            "--ready-file", str(self._ready_file),
            *arguments,
        ]  # fmt: skip
        self.about: dict[str, Any] = {}
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> RunningServer:
        """Start the server and wait until it is ready; raises ServerError with its log."""
        self.start()
        try:
            wait_until(self._settled, lambda: "ready\n" + "".join(self.log), READY_S)
            if not self._ready_file.exists():
                raise ServerError(
                    "the server ended before it was ready:\n" + "".join(self.log)
                )
        except BaseException:
            self.stop()
            raise
        import json

        self.about = json.loads(self._ready_file.read_text())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Start the process without waiting for it; once only."""
        if self._process is not None:
            raise ServerError(f"this server was started already, as process {self.pid}")
        root = str(Path(runtime.__file__).resolve().parent.parent)
        paths = [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            )
        except OSError as error:
            self._folder.cleanup()
            raise ServerError(f"cannot start {self._command[0]}: {error}") from error
        self._reader = threading.Thread(
            target=self._read_log, name="server-log", daemon=True
        )
        self._reader.start()

    @property
    def grpc(self) -> str:
        """The gRPC address."""
        return str(self.about["grpc"])

    @property
    def http(self) -> str:
        """The HTTP address."""
        return str(self.about["http"])

    @property
    def pid(self) -> int:
        """The front process."""
        assert self._process is not None
        return self._process.pid

    def worker_pids(self) -> list[int]:
        """Return the worker processes that run now, whoever started them."""
        found = []
        for child in children_of(self.pid):
            is_zygote = "runtime.workers.zygote" in command_of(child)
            found += children_of(child) if is_zygote else [child]
        return found

    def zygote_pids(self) -> list[int]:
        """Return the zygotes that run now."""
        children = children_of(self.pid)
        return [pid for pid in children if "runtime.workers.zygote" in command_of(pid)]

    def open_descriptors(self) -> int:
        """Return how many descriptors the front process holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def get(self, path: str, accept: str = "*/*") -> str:
        """Return the body of an HTTP path; raises urllib's HTTPError for 4xx and 5xx."""
        asked = Request(f"http://{self.http}{path}", headers={"Accept": accept})
        with urlopen(asked, timeout=10) as answer:
            return str(answer.read().decode())

    def samples(self) -> Samples:
        """Return all of /metrics by name and labels."""
        from prometheus_client.parser import text_string_to_metric_families

        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.get("/metrics"))
            for sample in family.samples
        }

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (sample, carried), value in self.samples().items()
            if sample == name and wanted <= set(carried)
        )

    def assert_idle(self) -> None:
        """Wait until every gauge of requests, memory and connections is zero."""
        for gauge in GAUGES:
            wait_until(
                lambda gauge=gauge: self.total(gauge) == 0,  # type: ignore[misc]
                lambda gauge=gauge: f"{gauge} is 0, not {self.total(gauge)}",  # type: ignore[misc]
            )

    def signal(self, number: int) -> None:
        """Send a signal to the front process."""
        os.kill(self.pid, number)

    def wait(self, limit_s: float = EXIT_S) -> int:
        """Wait for the end and return the exit status."""
        assert self._process is not None
        status = self._process.wait(limit_s)
        self._reader.join(EXIT_S)
        self._folder.cleanup()
        return status

    def stop(self) -> int:
        """Stop the server as Ctrl-C does and return its exit status."""
        assert self._process is not None
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._folder.cleanup()
            raise ServerError("the server did not end:\n" + "".join(self.log)) from None

    def _settled(self) -> bool:
        assert self._process is not None
        told = any(line.startswith("gRPC ") for line in list(self.log))
        return (told and self._ready_file.exists()) or self._process.poll() is not None

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.log.append(line)

"""A peer's server as a process: started on the server's processor, found ready, ended.

Ready is the first right answer through gRPC, by our clock from the start of the process;
that is the same moment for every server, whatever it calls ready itself. The port was free
a moment before, and the listener must be a process that we started: otherwise the figures
would be a stranger's.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.machine import CORES, raise_priority
from benchmarks.peers.place import Launch, Peer, Place
from benchmarks.processes import BenchmarkError, environment, pinned
from runtime.capacity.local import accepting, family, listeners, sockets_of

START_S = 90.0
STOP_S = 8.0
POLL_S = 0.005
HOST = "127.0.0.1"
SAID = 1500
"""How much of a server's log is told when it does not start."""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on just now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class PeerServer:
    """One server with one model; `close` ends it and all its processes.

    Parameters
    ----------
    place
        Without ports; free ones are taken.
    answers
        Asks once and tells whether the answer is there and right; raises BenchmarkError
        for a wrong one.
    """

    def __init__(self, peer: Peer, place: Place, answers: Callable[[str], bool]) -> None:
        self.name = f"{peer.name} with {place.model.stem}"
        grpc_port, http_port, metrics_port = free_ports(3)
        place = replace(
            place, grpc_port=grpc_port, http_port=http_port, metrics_port=metrics_port
        )
        place.folder.mkdir(parents=True, exist_ok=True)
        self._log_path = place.folder / "server.log"
        self.port = grpc_port
        launch = peer.launch(place)
        began = time.perf_counter()
        self.process = self._start(launch, place.folder)
        raise_priority(self.process.pid)
        try:
            self._await(answers)
            self.ready_s = time.perf_counter() - began
        except BaseException:
            self.close()
            raise

    @property
    def target(self) -> str:
        """The gRPC address as clients write it."""
        return f"{HOST}:{self.port}"

    def _start(self, launch: Launch, folder: Path) -> subprocess.Popen[bytes]:
        with self._log_path.open("w") as log:
            return subprocess.Popen(
                pinned(CORES.server, *launch.command),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                env={**environment(), **launch.environment}, start_new_session=True,
            )  # fmt: skip

    def _await(self, answers: Callable[[str], bool]) -> None:
        end_by = time.monotonic() + START_S
        while True:
            if self.process.poll() is not None or time.monotonic() > end_by:
                said = self._log_path.read_text(errors="replace")[-SAID:]
                raise BenchmarkError(f"{self.name} did not answer; it said:\n{said}")
            if self._is_ours() and answers(self.target):
                return
            time.sleep(POLL_S)

    def _is_ours(self) -> bool:
        inodes = accepting(listeners(), HOST, self.port)
        if not inodes:
            return False
        ours = {inode for pid in self.family() for inode in sockets_of(pid)}
        if not inodes <= ours:
            raise BenchmarkError(f"a stranger listens on the port of {self.name}")
        return True

    def family(self) -> list[int]:
        """Return the processes that serve."""
        return family(self.process.pid)

    def close(self) -> None:
        """End the processes: politely, then, after some seconds, by force."""
        members = self.family()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)
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

"""Starting a worker's process: what it is given, and how its end is learned.

There are two ways, the same to the caller: a fresh interpreter (here) and a fork of a
process that has imported everything (`zygotes`). Either way the worker gets one end of a
channel, a pipe for its words, and its *life line*: a pipe whose other end only the front
holds. The kernel kills the worker when the front is gone, whatever it is doing then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import runtime
from runtime.errors import WorkerError
from runtime.workers import channel
from runtime.workers.priority import usual_place

UNKNOWN_STATUS = 1 << 16
"""The exit status of a process whose parent ended before it could tell."""


class Child(Protocol):
    """A started process, whoever its parent is."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def pidfd(self) -> int:
        """Readable once the process has ended; -1 where the kernel refuses one."""

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal, or None while it is not known."""

    def kill(self) -> None:
        """End it by SIGKILL; nothing happens when it has ended."""

    def close(self) -> None:
        """Let go of it once it has ended."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The worker's ends of its connections; the front closes them once it has started."""

    talk: int
    words: int
    life: int


@dataclass(frozen=True, slots=True)
class Started:
    """A started worker and the front's ends."""

    child: Child
    talk: socket.socket
    words: int
    life: int


def worker_environment() -> dict[str, str]:
    """Return the environment of a worker: quiet libraries, our package, one BLAS thread."""
    package_root = str(Path(runtime.__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "ORT_DISABLE_TELEMETRY": "1",
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PYTHONPATH": os.pathsep.join(p for p in (package_root, inherited) if p),
        "PYTHONUNBUFFERED": "1",
    }


def open_pidfd(pid: int) -> int:
    """Return a pidfd, or -1 where it is refused (seccomp, gVisor)."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


class ColdChild:
    """A fresh interpreter, our own child."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pidfd = open_pidfd(process.pid)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def pidfd(self) -> int:
        """Readable once the process has ended; -1 where the kernel refuses one."""
        return self._pidfd

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


def run_interpreter(
    module: str,
    ends: list[int],
    words: int,
    *arguments: str,
    interpreter: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a fresh interpreter on one of our modules; descriptors come first.

    It is this process's own, with `worker_environment`, unless others are given.
    """
    command = [interpreter or sys.executable, "-P", "-m", module, *map(str, ends)]
    with usual_place():
        return subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            pass_fds=ends,
            env=environment or worker_environment(),
            start_new_session=False,
        )


class Connections:
    """Both ends of a worker's connections; leaving closes what was not taken."""

    def __init__(self) -> None:
        self._front = contextlib.ExitStack()
        self._worker = contextlib.ExitStack()
        try:
            self._open()
        except OSError:
            self.__exit__()
            raise

    def _open(self) -> None:
        self._talk, passed = channel.pair()
        self._front.enter_context(self._talk)
        self._worker.enter_context(passed)
        self._words, printed = os.pipe()
        self._front.callback(os.close, self._words)
        self._worker.callback(os.close, printed)
        held, self._life = os.pipe()
        self._worker.callback(os.close, held)
        self._front.callback(os.close, self._life)
        self.ends = Ends(passed.fileno(), printed, held)

    def started(self, child: Child) -> Started:
        """Take the front's ends: the worker runs and has its own."""
        self._front.pop_all()
        return Started(child, self._talk, self._words, self._life)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()
        self._front.close()


def start_cold(
    name: str,
    interpreter: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Started:
    """Start a worker in a fresh interpreter, this process's own unless one is given.

    Raises WorkerError, and keeps no descriptor, when the system has no room for it.
    """
    try:
        with Connections() as lines:
            process = run_interpreter(
                "runtime.workers.main",
                [lines.ends.talk, lines.ends.life],
                lines.ends.words,
                interpreter=interpreter,
                environment=environment,
            )
            return lines.started(ColdChild(process))
    except OSError as error:
        raise WorkerError(f"{name}: the worker cannot be started: {error}") from error


def describe_status(status: int) -> str:
    """Return an exit status for people.

    Examples
    --------
    >>> describe_status(-11), describe_status(3)
    ('SIGSEGV', 'exit status 3')
    """
    if status == UNKNOWN_STATUS:
        return "for a reason that nobody could tell"
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"

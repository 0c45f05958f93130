"""One worker process as the control plane sees it: start, load, attach, end.

Starting is cold: a fresh interpreter that imports the model's framework. All waiting is
done by an asyncio loop; the request path never comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import runtime
from runtime.backends.base import Signature
from runtime.backends.load_check import LoadReport
from runtime.errors import ModelError, WorkerError
from runtime.native.served import Served, WorkerLink
from runtime.workers import channel
from runtime.workers.logs import LineForwarder
from runtime.workers.main import FD_NAMES, signature_from

logger = logging.getLogger(__name__)

ATTACH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a worker is asked to load, and how long that may take."""

    name: str
    path: Path
    max_batch_size: int
    measured: bool = False
    threads: int = 1
    warmup: Path | None = None
    cache_dir: Path | None = None
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker said of the model it has loaded."""

    signature: Signature
    report: LoadReport
    load_s: float


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


def start_process(name: str) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a worker; returns it, our end of its channel, and the pipe of its words.

    Raises WorkerError, and keeps no descriptor, when the system has no room for it.
    """
    try:
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            talk, passed = channel.pair()
            ours.enter_context(talk)
            theirs.enter_context(passed)
            words, printed = os.pipe()
            ours.callback(os.close, words)
            theirs.callback(os.close, printed)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "runtime.workers.main", str(passed.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                pass_fds=[passed.fileno()],
                env=worker_environment(),
                start_new_session=False,
            )
            ours.pop_all()
    except OSError as error:
        raise WorkerError(f"{name}: the worker cannot be started: {error}") from error
    return process, talk, words


class WorkerProcess:
    """A running worker; `close` ends it for good.

    Raises WorkerError when the system has no process or descriptor left for it.
    """

    def __init__(self, name: str, on_exit: Callable[[WorkerProcess, int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._on_exit = on_exit
        self._messages: asyncio.Queue[channel.Message | None] = asyncio.Queue(maxsize=8)
        self._process, self._talk, words = start_process(name)
        self._lines = LineForwarder(words, name, logger)
        self._talk.setblocking(False)
        self._pidfd = self._open_pidfd()
        self._loop.add_reader(self._talk.fileno(), self._read_talk)
        self._loop.add_reader(self._lines.fd, self._read_lines)
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    async def load(self, request: LoadRequest) -> Loaded:
        """Have the worker load and check the model.

        Raises ModelError with the worker's reason, and WorkerError when the worker ends or
        takes too long.
        """
        warmup, cache = request.warmup, request.cache_dir
        channel.send(
            self._talk,
            {
                "kind": "load",
                "path": str(request.path),
                "threads": request.threads,
                "max_batch_size": request.max_batch_size,
                "measured": request.measured,
                "warmup": str(warmup) if warmup else None,
                "cache_dir": str(cache) if cache else None,
            },
        )
        answer = await self._answer("loading the model", request.timeout_s)
        if answer["kind"] != "loaded":
            raise ModelError(answer.get("reason", f"unexpected answer {answer}"))
        report = dict(answer["report"], notes=tuple(answer["report"]["notes"]))
        return Loaded(
            signature_from(answer["signature"]), LoadReport(**report), answer["load_s"]
        )

    async def attach(self, served: Served, link: WorkerLink, batched: bool) -> None:
        """Pass the shared memory; afterwards the link may be given to the data plane."""
        fds = {**link.fds, "inputs": served.inputs_fd}
        message = {
            "kind": "attach",
            "input_bytes": served.input_bytes,
            "output_bytes": link.output_bytes,
            "batched": batched,
        }
        channel.send(self._talk, message, [fds[name] for name in FD_NAMES])
        await self._answer("attaching shared memory", ATTACH_TIMEOUT_S)
        if self._process.returncode is not None:
            # Its end was heard before its answer was read; nobody will hear of it again.
            raise WorkerError(f"{self._name}: the worker ended while attaching")
        pidfd = os.dup(self._pidfd) if self._pidfd >= 0 else -1
        link.set_process(self.pid, pidfd)

    def kill(self) -> None:
        """End the process at once; its end is reported like any other."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def close(self, timeout_s: float) -> None:
        """Hang up, wait for the end, and insist when it does not come."""
        self._on_exit = lambda _process, _status: None
        with contextlib.suppress(OSError):
            self._talk.shutdown(socket.SHUT_RDWR)
        deadline = self._loop.time() + timeout_s
        while self._process.poll() is None:
            if self._loop.time() >= deadline:
                self.kill()
                self._process.wait()
            await asyncio.sleep(0.005)
        self._forget()

    async def _answer(self, doing: str, timeout_s: float) -> channel.Message:
        try:
            answer = await asyncio.wait_for(self._messages.get(), timeout_s)
        except TimeoutError:
            self.kill()
            raise WorkerError(
                f"{self._name}: the worker was ended: {doing} took over {timeout_s:g} s"
            ) from None
        if answer is None:
            raise WorkerError(f"{self._name}: the worker ended while {doing}")
        return answer

    def _read_talk(self) -> None:
        received = channel.receive(self._talk)
        if received is None:
            self._loop.remove_reader(self._talk.fileno())
            self._say(None)
            if self._pidfd < 0:
                self._loop.call_soon(self._reap)
            return
        message, fds = received
        for fd in fds:  # A worker has nothing to send us.
            os.close(fd)
        self._say(message)

    def _say(self, message: channel.Message | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._messages.put_nowait(message)

    def _read_lines(self) -> None:
        if not self._lines.pump():
            self._loop.remove_reader(self._lines.fd)

    def _reap(self) -> None:
        status = self._process.wait()
        self._forget()
        self._on_exit(self, status)

    def _forget(self) -> None:
        if self._talk.fileno() < 0:
            return
        for fd in (self._talk.fileno(), self._lines.fd, self._pidfd):
            if fd >= 0:
                self._loop.remove_reader(fd)
        self._lines.drain()
        self._lines.close()
        self._say(None)
        self._talk.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _open_pidfd(self) -> int:
        try:
            return os.pidfd_open(self._process.pid)
        except OSError:
            return -1  # Refused (seccomp, gVisor): the channel's hang-up tells instead.

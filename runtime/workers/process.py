"""One worker process as the control plane sees it: load, attach, end.

All waiting is done by an asyncio loop; the request path never comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from runtime.backends.base import Signature
from runtime.backends.plan import LoadPlan, as_message, signature_from
from runtime.backends.report import LoadReport, report_from
from runtime.errors import ModelError, WorkerError
from runtime.native.served import Served, WorkerLink
from runtime.workers import channel
from runtime.workers.launch import UNKNOWN_STATUS, Started
from runtime.workers.limits import Limits
from runtime.workers.logs import LineForwarder
from runtime.workers.main import FD_NAMES
from runtime.workers.priority import PATIENCE_S

logger = logging.getLogger(__name__)

ATTACH_TIMEOUT_S = 10.0
RECORDED_TIMEOUT_S = 2.0
"""So long a worker may take to say what it was asked: it answers after its batch."""

STATUS_PAUSE_S = 0.002
STATUS_TRIES = 100
"""How often, and how far apart, a forked worker's status is looked for after its end."""


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a worker is asked to load, and how long that may take.

    The worker keeps `recorded_bytes` of the requests that it is asked, 0 of none.
    `recorded` is a descriptor of those that the version had whose place it takes, as
    `WorkerProcess.recorded` returned it; it stays the caller's.
    """

    name: str
    plan: LoadPlan
    timeout_s: float = 600.0
    limits: Limits = NO_LIMITS
    recorded_bytes: int = 16 << 20
    recorded: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker said of the model it has loaded."""

    signature: Signature
    report: LoadReport
    load_s: float


class WorkerProcess:
    """A running worker; `close` ends it for good.

    `on_exit` hears once of an end that nobody asked for, with the exit status: negative for
    a signal, UNKNOWN_STATUS when only the end is known.
    """

    def __init__(
        self, name: str, started: Started, on_exit: Callable[[WorkerProcess, int], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._on_exit = on_exit
        self._messages: asyncio.Queue[channel.Message | None] = asyncio.Queue(maxsize=8)
        self._child, self._talk, self._life = started.child, started.talk, started.life
        self._ended = False
        self._tries = 0
        self._recorded: asyncio.Future[int | None] | None = None
        self._step = ""  # Of the gate, while loading.
        self._lines = LineForwarder(started.words, name, logger)
        self._talk.setblocking(False)
        self._loop.add_reader(self._talk.fileno(), self._read_talk)
        self._loop.add_reader(self._lines.fd, self._read_lines)
        if self._child.pidfd >= 0:
            self._loop.add_reader(self._child.pidfd, self._hear_end)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    async def load(self, request: LoadRequest) -> Loaded:
        """Have the worker load and check the model.

        Raises ModelError with the worker's reason, and WorkerError when the worker ends or
        takes too long.
        """
        message = {
            "kind": "load",
            "plan": as_message(request.plan),
            "limits": request.limits.as_message(),
            "recorded_bytes": request.recorded_bytes,
            "patience_s": min(PATIENCE_S, request.timeout_s / 4),
        }
        fds = [] if request.recorded is None else [request.recorded]
        channel.send(self._talk, message, fds)
        answer = await self._answer("loading the model", request.timeout_s)
        if answer["kind"] != "loaded":
            raise ModelError(answer.get("reason", f"unexpected answer {answer}"))
        return Loaded(
            signature_from(answer["signature"]),
            report_from(answer["report"]),
            answer["load_s"],
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
        if self._ended:
            # Its end was heard before its answer was read; nobody will hear of it again.
            raise WorkerError(f"{self._name}: the worker ended while attaching")
        try:
            pidfd = os.dup(self._child.pidfd) if self._child.pidfd >= 0 else -1
        except OSError as error:
            raise WorkerError(f"{self._name}: no room for its pidfd: {error}") from error
        link.set_process(self.pid, pidfd)

    async def recorded(self, timeout_s: float = RECORDED_TIMEOUT_S) -> int | None:
        """Return a descriptor of what an attached worker was asked lately, or None.

        It is the caller's, and only another worker may read it: this one may have written
        anything. None when there is nothing, or the worker does not answer in time.
        """
        if self._ended or self._recorded is not None:
            return None
        answer = self._recorded = self._loop.create_future()
        try:
            channel.send(self._talk, {"kind": "recorded"})
            return await asyncio.wait_for(answer, timeout_s)
        except (TimeoutError, WorkerError):
            return None
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.result() is not None:
                os.close(answer.result())
            raise
        finally:
            self._recorded = None

    def kill(self) -> None:
        """End the process at once; its end is reported like any other."""
        if not self._ended:
            self._child.kill()

    async def close(self, timeout_s: float) -> None:
        """Hang up, wait for the end, and insist when it does not come."""
        self._on_exit = lambda _process, _status: None
        with contextlib.suppress(OSError):
            self._talk.shutdown(socket.SHUT_RDWR)
        deadline = self._loop.time() + timeout_s
        while not self._ended and self._child.poll() is None:
            if self._loop.time() >= deadline:
                self._child.kill()
            await asyncio.sleep(0.005)
        self._forget()

    async def _answer(self, doing: str, timeout_s: float) -> channel.Message:
        try:
            answer = await asyncio.wait_for(self._messages.get(), timeout_s)
        except TimeoutError:
            self.kill()
            raise WorkerError(
                f"{self._name}: the worker was ended: {doing}{self._step} took over "
                f"{timeout_s:g} s"
            ) from None
        if answer is None:
            raise WorkerError(f"{self._name}: the worker ended while {doing}{self._step}")
        self._step = ""
        return answer

    def _read_talk(self) -> None:
        received = channel.receive(self._talk)
        if received is None:
            self._loop.remove_reader(self._talk.fileno())
            self._say(None)
            if self._child.pidfd < 0:
                self._hear_end()
            return
        message, fds = received
        if message.get("kind") == "recorded" and self._recorded is not None:
            self._hear_recorded(self._recorded, fds.pop(0) if fds else None)
        for fd in fds:  # A worker has nothing else to send us.
            os.close(fd)
        if message.get("kind") == "recorded":
            return
        if message.get("kind") == "step":
            self._step = f" (step {message.get('name')})"
            return
        self._say(message)

    @staticmethod
    def _hear_recorded(answer: asyncio.Future[int | None], fd: int | None) -> None:
        if not answer.done():
            answer.set_result(fd)
        elif fd is not None:
            os.close(fd)

    def _say(self, message: channel.Message | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._messages.put_nowait(message)

    def _read_lines(self) -> None:
        if not self._lines.pump():
            self._loop.remove_reader(self._lines.fd)

    def _hear_end(self) -> None:
        """Report the end. A zygote's word on the status may come a moment later."""
        if self._ended:
            return
        if self._child.pidfd >= 0:
            self._loop.remove_reader(self._child.pidfd)
        status = self._child.poll()
        self._tries += 1
        if status is None and self._tries <= STATUS_TRIES:
            self._loop.call_later(STATUS_PAUSE_S, self._hear_end)
            return
        self._forget()
        self._on_exit(self, UNKNOWN_STATUS if status is None else status)

    def _forget(self) -> None:
        if self._ended:
            return
        self._ended = True
        for fd in (self._talk.fileno(), self._lines.fd, self._child.pidfd):
            if fd >= 0:
                self._loop.remove_reader(fd)
        self._lines.drain()
        self._lines.close()
        self._say(None)
        if self._recorded is not None:
            self._hear_recorded(self._recorded, None)
        self._talk.close()
        os.close(self._life)
        self._child.close()

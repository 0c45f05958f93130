"""The front's side of the zygotes: one a framework, started when it is first needed.

A zygote that is unfit, dies or does not answer costs nothing but time: workers are then
started cold, and the log says why. What it forked lives on without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import subprocess
from pathlib import Path

from runtime.errors import WorkerError
from runtime.workers import channel
from runtime.workers.interpreter import foreign_environment
from runtime.workers.launch import (
    UNKNOWN_STATUS,
    Connections,
    Started,
    run_interpreter,
    start_cold,
)
from runtime.workers.logs import LineForwarder
from runtime.workers.zygote import PRELOADS

logger = logging.getLogger(__name__)

READY_S = 60.0
FORK_S = 5.0
FIRST_WORD = 0
"""The number of what a zygote says without being asked; requests count from one."""

MOST_LOOKS = 100
"""Looks at a worker that has ended before its zygote is no longer waited for."""

MOST_STARTS = 3
"""Zygotes of a framework that may die, without having forked a worker, before its workers
are started cold for good."""


class UnfitZygote(WorkerError):
    """A zygote that must not fork, and why; another one would be no better."""


class ForkedChild:
    """A zygote's child. Its status comes from the zygote, its end from the kernel."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.status: int | None = None
        self.orphaned = False
        self._looks_at_the_dead = 0

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal, or None while it is not known."""
        if self.status is None and self._has_ended():
            self._looks_at_the_dead += 1
            if self.orphaned or self._looks_at_the_dead > MOST_LOOKS:
                self.status = UNKNOWN_STATUS
        return self.status

    def kill(self) -> None:
        """End it by SIGKILL; nothing happens when it has ended."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def _has_ended(self) -> bool:
        look = select.poll()  # select() knows no descriptor above 1023.
        look.register(self.pidfd, select.POLLIN)
        return bool(look.poll(0))


class Zygote:
    """One running zygote."""

    def __init__(self, framework: str) -> None:
        self._framework = framework
        self._loop = asyncio.get_running_loop()
        self._children: dict[int, ForkedChild] = {}
        self._waiting: dict[int, asyncio.Future[channel.Message | ForkedChild]] = {}
        self._forks = 0
        self.alive = True
        self._start()

    def _start(self) -> None:
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            self._talk, passed = channel.pair()
            ours.enter_context(self._talk)
            theirs.enter_context(passed)
            words, printed = os.pipe()
            ours.callback(os.close, words)
            theirs.callback(os.close, printed)
            self._process = run_interpreter(
                "runtime.workers.zygote", [passed.fileno()], printed, self._framework
            )
            ours.pop_all()
        self._lines = LineForwarder(words, f"{self._framework} zygote", logger)
        self._talk.setblocking(False)
        self._loop.add_reader(self._talk.fileno(), self._read)
        self._loop.add_reader(words, self._read_lines)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    async def ready(self) -> None:
        """Wait until it has imported its framework.

        Raises UnfitZygote when it must never fork, and WorkerError when it has ended.
        """
        answer = await self._answer(FIRST_WORD, READY_S)
        if isinstance(answer, ForkedChild) or answer["kind"] != "ready":
            raise UnfitZygote(answer["reason"] if isinstance(answer, dict) else "it forked")

    async def fork(self, connections: Connections) -> ForkedChild:
        """Fork a worker with these connections; raises WorkerError."""
        ends = connections.ends
        self._forks += 1
        request = {"kind": "fork", "number": self._forks}
        channel.send(self._talk, request, [ends.talk, ends.words, ends.life])
        answer = await self._answer(self._forks, FORK_S)
        if not isinstance(answer, ForkedChild):
            raise WorkerError(f"it cannot fork: {answer.get('reason', answer)}")
        return answer

    async def close(self) -> None:
        """Hang up and wait for its end."""
        self._lose()
        await asyncio.to_thread(self._wait)

    def kill(self) -> None:
        """End it at once; what it forked lives on."""
        self._process.kill()

    def _wait(self) -> None:
        try:
            self._process.wait(FORK_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def _answer(self, number: int, timeout_s: float) -> channel.Message | ForkedChild:
        """Wait for what the zygote says to a request; a caller may give up at any time."""
        if not self.alive:
            raise WorkerError("it has ended")
        answer = self._waiting[number] = self._loop.create_future()
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            self.kill()
            raise WorkerError(f"it did not answer within {timeout_s:g} s") from None
        finally:
            del self._waiting[number]

    def _read(self) -> None:
        received = channel.receive(self._talk)
        if received is None:
            self._lose()
            return
        message, fds = received
        if message["kind"] == "ended":
            child = self._children.pop(message["pid"], None)
            if child is not None:
                child.status = message["status"]
        elif message["kind"] == "forked":
            # Known from now on: its end may be the very next message.
            child = self._children[message["pid"]] = ForkedChild(message["pid"], fds[0])
            if not self._tell(message["number"], child):
                child.close()  # Whoever wanted it has gone, and so will it.
        else:
            self._tell(message.get("number", FIRST_WORD), message)

    def _tell(self, number: int, answer: channel.Message | ForkedChild) -> bool:
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(answer)
        return True

    def _read_lines(self) -> None:
        if not self._lines.pump():
            self._loop.remove_reader(self._lines.fd)

    def _lose(self) -> None:
        if not self.alive:
            return
        self.alive = False
        self._loop.remove_reader(self._talk.fileno())
        self._loop.remove_reader(self._lines.fd)
        self._lines.drain()
        self._lines.close()
        self._talk.close()
        for child in self._children.values():
            child.orphaned = True
        self._children.clear()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(WorkerError("it has ended"))


class Zygotes:
    """Starts workers: by a fork where that is possible, else cold."""

    def __init__(self, forks: bool = True) -> None:
        self._forks = forks
        self._zygotes: dict[str, Zygote] = {}
        self._starts: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def start(
        self, name: str, framework: str, interpreter: Path | None = None
    ) -> Started:
        """Start a worker. Raises WorkerError when the system has no room for it.

        One with an `interpreter` of its own is started cold in that.
        """
        if interpreter is not None:
            environment = await asyncio.to_thread(foreign_environment, interpreter)
            return start_cold(name, interpreter, environment)
        zygote = await self._ready(framework)
        if zygote is not None:
            try:
                with Connections() as connections:
                    child = await zygote.fork(connections)
                    self._starts[framework] = 0
                    return connections.started(child)
            except (WorkerError, OSError) as error:
                logger.warning("%s starts cold: the %s zygote: %s", name, framework, error)
        return start_cold(name)

    async def close(self) -> None:
        """End all zygotes; what they forked lives on."""
        zygotes = list(self._zygotes.values())
        self._zygotes.clear()
        await asyncio.gather(*(zygote.close() for zygote in zygotes))

    async def _ready(self, framework: str) -> Zygote | None:
        """Return the framework's zygote, started if need be; None where there is none."""
        if not self._forks or framework not in PRELOADS:
            return None
        async with self._turns.setdefault(framework, asyncio.Lock()):
            zygote = self._zygotes.get(framework)
            if zygote is not None and zygote.alive:
                return zygote
            if zygote is not None:
                await zygote.close()
            if self._starts.get(framework, 0) >= MOST_STARTS:
                return None
            self._starts[framework] = self._starts.get(framework, 0) + 1
            return await self._start(framework)

    async def _start(self, framework: str) -> Zygote | None:
        try:
            zygote = Zygote(framework)
        except OSError as error:
            logger.warning("no %s zygote: %s", framework, error)
            return None
        self._zygotes[framework] = zygote
        try:
            await zygote.ready()
        except WorkerError as error:
            logger.warning("%s workers start cold: no zygote: %s", framework, error)
            if isinstance(error, UnfitZygote):
                self._starts[framework] = MOST_STARTS
            await zygote.close()
            return None
        return zygote

"""The zygote: a process that has imported a framework and forks workers.

A fork takes a millisecond where a fresh interpreter takes a tenth of a second or, with
PyTorch, a whole one. Forking is safe because this process has one thread, which is checked
after the imports; it only imports, never computes, never touches a GPU or a user's code.

Started as ``python -m runtime.workers.zygote CHANNEL FRAMEWORK``. It says `ready` or
`unfit` (and why), then answers `fork` with `forked` and its child's pidfd, and reports
each child's end with `ended`. When its channel hangs up it ends; its workers do not: they
hang on their own life lines.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn, TypeAlias

from runtime.errors import WorkerError
from runtime.workers import channel

PRELOADS: dict[str, tuple[str, ...]] = {
    "onnx": ("runtime.backends.onnx", "onnxruntime"),
    "torch": ("torch", "runtime.backends.torch_preload"),
    "python": ("runtime.backends.python_model", "numpy"),
    "fault": ("runtime.testing.fault_model",),
}
"""What a framework's workers import; `runtime.workers.main` comes on top."""

Work: TypeAlias = Callable[[list[int], list[int]], int]

FORK_FDS = 3
"""Of a `fork` message: the worker's channel, words and life line."""


def unfit_reason(framework: str) -> str:
    """Import what workers need; returns why this process must not fork, or nothing."""
    try:
        for module in (*PRELOADS[framework], "runtime.workers.main"):
            import_module(module)
    except ImportError as error:
        return f"{framework} cannot be imported: {error}"
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        return f"importing {framework} started {threads - 1} threads"
    return ""


def become_worker(ends: list[int], inherited: list[int]) -> int:
    """Be the worker, in a fresh child; returns its exit status."""
    from runtime.workers.main import begin

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for fd in inherited:
        os.close(fd)
    talk, words, life = ends
    for standard in (1, 2):
        os.dup2(words, standard)
    os.close(words)
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    return begin(talk, life)


class Zygote:
    """Serves one channel until it hangs up."""

    def __init__(self, talk: socket.socket) -> None:
        self._talk = talk
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, ignore)

    def run(self) -> int:
        """Fork and reap until the front end is gone; returns the exit status."""
        with suppress(WorkerError):  # It went while it was told something.
            self._serve()
        return 0

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._talk, self._wake], [], [])
            if self._wake in ready:
                with suppress(BlockingIOError):
                    self._wake.recv(4096)
                self._reap()
            if self._talk in ready:
                received = channel.receive(self._talk)
                if received is None:
                    return
                self._fork(*received)

    def _fork(self, message: channel.Message, fds: list[int]) -> None:
        if message.get("kind") != "fork" or len(fds) != FORK_FDS:
            for fd in fds:
                os.close(fd)
            return
        try:
            pid = os.fork()
        except OSError as error:
            self._answer(message, {"kind": "refused", "reason": str(error)})
            pid = -1
        if pid == 0:
            self._leave(become_worker, fds)
        for fd in fds:
            os.close(fd)
        if pid > 0:
            # Only here can the number not yet be another process's.
            pidfd = os.pidfd_open(pid)
            self._answer(message, {"kind": "forked", "pid": pid}, [pidfd])
            os.close(pidfd)

    def _answer(
        self,
        request: channel.Message,
        answer: channel.Message,
        fds: list[int] | None = None,
    ) -> None:
        """Answer under the request's number, for whoever asked may have given up."""
        channel.send(self._talk, {**answer, "number": request.get("number")}, fds)

    def _leave(self, work: Work, fds: list[int]) -> NoReturn:
        """Do a child's work and end it, without a step of what the zygote would do."""
        status = 1
        try:
            mine = [end.fileno() for end in (self._talk, self._wake, self._woken)]
            status = work(fds, mine)
        except BaseException:
            # The edge of a process: its last words are all that can be done.
            logging.getLogger(__name__).exception("the worker failed")
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            channel.send(self._talk, {"kind": "ended", "pid": pid, "status": code})


def ignore(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: that the signal came is written to the wake-up descriptor."""


def main(arguments: list[str]) -> int:
    """Run a zygote on the channel and for the framework of the arguments."""
    # Ctrl-C and an init system reach the whole group; when to end is the front end's word.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    talk = socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(talk.fileno(), False)
    reason = unfit_reason(arguments[1])
    if not reason:
        try:
            os.close(os.pidfd_open(os.getpid()))
        except OSError as error:
            reason = f"the kernel refuses pidfds: {error}"
    if reason:
        channel.send(talk, {"kind": "unfit", "reason": reason})
        return 1
    gc.collect()
    gc.freeze()  # Counts of what was imported stay in shared pages.
    channel.send(talk, {"kind": "ready"})
    return Zygote(talk).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

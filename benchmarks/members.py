"""Who is who in a server of one model with one worker: front, zygote, worker.

A worker is forked by the zygote, carries its command line, and outlives it; so the worker
is found by the server's log, which names each worker that became ready.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from benchmarks.processes import BenchmarkError, Server
from runtime.testing.running import children_of, command_of

READY = re.compile(r"#0 is ready after (\d+\.\d+) s \(worker (\d+)\)")
ZYGOTE = "runtime.workers.zygote"


@dataclass(frozen=True, slots=True)
class Began:
    """A worker that became ready, and how long that took from deciding to start it."""

    pid: int
    after_s: float


def read_began(log: str) -> list[Began]:
    """Return the workers of a log, in the order in which they became ready.

    Examples
    --------
    >>> read_began("INFO mlp#0 is ready after 0.015 s (worker 42)")
    [Began(pid=42, after_s=0.015)]
    """
    return [Began(int(pid), float(after_s)) for after_s, pid in READY.findall(log)]


def worker_of(server: Server) -> int:
    """Return the server's worker."""
    began = read_began(server.log_text())
    if not began:
        raise BenchmarkError(f"{server.name} does not say who its worker is")
    return began[-1].pid


def zygote_of(server: Server) -> int:
    """Return the server's zygote."""
    children = children_of(server.process.pid)
    zygotes = [pid for pid in children if ZYGOTE in command_of(pid)]
    if len(zygotes) != 1:
        raise BenchmarkError(f"{server.name} has {len(zygotes)} zygotes, not one")
    return zygotes[0]


def kill_worker(server: Server) -> None:
    """End the worker by SIGKILL."""
    os.kill(worker_of(server), signal.SIGKILL)


def stop_worker(server: Server) -> None:
    """Stop the worker by SIGSTOP, for ever."""
    os.kill(worker_of(server), signal.SIGSTOP)


def kill_zygote(server: Server) -> None:
    """End the zygote by SIGKILL."""
    os.kill(zygote_of(server), signal.SIGKILL)


def kill_both(server: Server) -> None:
    """End the zygote and then the worker, both by SIGKILL."""
    zygote, worker = zygote_of(server), worker_of(server)
    os.kill(zygote, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)

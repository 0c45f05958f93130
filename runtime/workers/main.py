"""A worker process: loads one model, proves that it may serve, then runs batches.

Forked by a zygote, or started as ``python -m runtime.workers.main CHANNEL LIFE``, with one
end of a `channel` and of its life line. It answers `load` with `loaded` or `failed`, takes
the shared memory with `attach`, and serves until its channel hangs up: a worker never
outlives its front end.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

from runtime.backends.base import Backend, Signature
from runtime.backends.plan import from_message
from runtime.backends.report import LoadReport
from runtime.errors import LeeboardError, WorkerError
from runtime.native.port import WorkerPort
from runtime.workers import channel, recorded_file
from runtime.workers.faults import Faults, from_environment
from runtime.workers.gate import Gate, Listener
from runtime.workers.limits import Limits, keep_to, limits_from
from runtime.workers.logs import LossyStream
from runtime.workers.loop import BatchLoop
from runtime.workers.priority import PATIENCE_S, step_back_for_good, stepped_back
from runtime.workers.recorded import Ring, Shape

logger = logging.getLogger(__name__)

FD_NAMES = ("control", "inputs", "outputs", "bell", "front_bell", "passing")


FAULT_POINTS = {"open": "load", "run": "warm_up"}
"""Which fault point lies before which step of the gate."""


def load(
    request: channel.Message,
    on_step: Listener,
    faults: Faults | None = None,
    recorded_fd: int = -1,
) -> tuple[Backend, LoadReport]:
    """Lead the model of a `load` message through the gate; raises LeeboardError.

    `recorded_fd` is what came with it: requests to the version whose place it takes.
    """

    def hear(step: str) -> None:
        on_step(step)
        if faults is not None and step in FAULT_POINTS:
            faults(FAULT_POINTS[step])

    plan = from_message(request["plan"])
    # Nobody waits for a version that is new; for the successor of a dead worker they do.
    back = stepped_back(request.get("patience_s", PATIENCE_S))
    with back if plan.thorough else contextlib.nullcontext():
        recorded, note = take_recorded(recorded_fd, request["recorded_bytes"])
        return Gate(plan, hear, recorded, notes=note).open()


def take_recorded(fd: int, limit_bytes: int) -> tuple[list[Shape], list[str]]:
    """Return the requests in a memfd, which is closed, and why there are none, if so.

    A model that may not be asked anything twice is asked none of them.
    """
    if fd < 0:
        return [], []
    try:
        return recorded_file.read(fd, limit_bytes) if limit_bytes else [], []
    except WorkerError as error:
        return [], [str(error)]
    finally:
        os.close(fd)


def answer(talk: socket.socket, ring: Ring) -> bool:
    """Answer what the front end asks a serving worker; False when it has hung up."""
    if channel.receive(talk) is None:
        return False
    fds: list[int] = []
    try:
        if shapes := ring.shapes():
            fds.append(recorded_file.write(shapes))
    except (OSError, MemoryError) as error:
        logger.warning("recorded requests cannot be passed on: %s", error)
    try:
        channel.send(talk, {"kind": "recorded"}, fds)
    except WorkerError:
        return False
    finally:
        for fd in fds:
            os.close(fd)
    return True


def describe(signature: Signature, report: LoadReport, load_s: float) -> channel.Message:
    """Return the `loaded` message."""
    return {
        "kind": "loaded",
        "signature": asdict(signature),
        "report": asdict(report),
        "load_s": load_s,
    }


def tell_step(talk: socket.socket, name: str) -> None:
    """Say which step of the gate begins, for the error if it never ends."""
    channel.send(talk, {"kind": "step", "name": name})


def serve(
    talk: socket.socket, bind: Callable[[Limits], None], retire: Callable[[], None]
) -> int:
    """Go through the life of one worker; returns the exit status.

    `bind` is told the process's limits before anything of the model's is touched;
    `retire` is called when nothing but the end is left.
    """
    first = channel.receive(talk)
    if first is None:
        return 0
    bind(limits_from(first[0]["limits"]))
    started = time.monotonic()
    try:
        faults = from_environment()
        request, fds = first
        backend, report = load(
            request, lambda name: tell_step(talk, name), faults, *fds[:1]
        )
    except LeeboardError as error:
        channel.send(talk, {"kind": "failed", "reason": str(error)})
        return 1
    except Exception as error:
        # The edge of the process: what a backend raises is the reason it does not serve.
        logger.exception("the backend raised an unexpected error")
        reason = f"{type(error).__name__}: {error}"
        channel.send(talk, {"kind": "failed", "reason": reason})
        return 1
    signature = backend.signature()
    channel.send(talk, describe(signature, report, time.monotonic() - started))
    second = channel.receive(talk)
    if second is None:
        return 0
    message, fds = second
    if message.get("kind") != "attach" or len(fds) != len(FD_NAMES):
        raise WorkerError("the front end did not send the shared memory")
    port = WorkerPort(
        dict(zip(FD_NAMES, fds, strict=True)),
        message["input_bytes"],
        message["output_bytes"],
    )
    channel.send(talk, {"kind": "attached"})
    port.note_crashes()
    ring = Ring(signature, message["batched"], request["recorded_bytes"])
    loop = BatchLoop(port, backend, signature, message["batched"], faults, ring)
    loop.run(talk.fileno())
    while answer(talk, ring):
        loop.run(talk.fileno())
    retire()
    backend.close()
    return 0


def tie_to(life: int) -> None:
    """Have the kernel kill this process when the other end of its life line is gone.

    Nothing of ours has to run for that: a worker that hangs in its model, holding the GIL,
    ends as surely as an idle one. (PR_SET_PDEATHSIG would tie it to its parent, which may
    be the zygote, and to the thread that forked.) Where the kernel has no such signals,
    the channel's end is seen as soon as the worker looks.
    """
    with contextlib.suppress(OSError):
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([life], [], [], 0)[0]:  # It went before it was watched.
            os._exit(1)


def begin(talk_fd: int, life: int) -> int:
    """Be a worker; standard output and error are its words. Returns its exit status."""
    # Ctrl-C and an init system reach the whole group; when to end is the front end's word.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout = LossyStream(1)
    sys.stderr = LossyStream(2)
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True
    )
    talk = socket.socket(fileno=talk_fd)
    for fd in (talk_fd, life):
        os.set_inheritable(fd, False)
    tie_to(life)
    try:
        return serve(talk, keep_to, step_back_for_good)
    except WorkerError as error:
        logger.error("worker ends: %s", error)
        return 1


def main(arguments: list[str]) -> int:
    """Run a worker on the channel and the life line whose descriptors are the arguments."""
    return begin(int(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

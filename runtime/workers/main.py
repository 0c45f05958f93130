"""A worker process: loads one model, proves that it may serve, then runs batches.

Started by the supervisor as ``python -m runtime.workers.main FD`` with one end of a
`channel`. It answers `load` with `loaded` or `failed`, takes the shared memory with
`attach`, and serves until its channel hangs up: a worker never outlives its front end.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runtime.backends import backend_for
from runtime.backends.base import Backend, LoadOptions, Signature, TensorSpec
from runtime.backends.load_check import LoadReport, check_loaded
from runtime.backends.sample import read_warmup
from runtime.errors import LeeboardError, WorkerError
from runtime.native.port import WorkerPort
from runtime.workers import channel
from runtime.workers.logs import LossyStream
from runtime.workers.loop import BatchLoop

logger = logging.getLogger(__name__)

FD_NAMES = ("control", "inputs", "outputs", "bell", "front_bell", "passing")


def load(request: channel.Message) -> tuple[Backend, LoadReport]:
    """Open the model of a `load` message and check it; raises LeeboardError."""
    path = Path(request["path"])
    cache = request["cache_dir"]
    backend = backend_for(path)
    options = LoadOptions(
        threads=request["threads"], cache_dir=Path(cache) if cache else None
    )
    backend.load(path, options)
    warmup = request["warmup"]
    values = read_warmup(Path(warmup), backend.signature()) if warmup else None
    report = check_loaded(backend, request["max_batch_size"], values, request["measured"])
    return backend, report


def describe(signature: Signature, report: LoadReport, load_s: float) -> channel.Message:
    """Return the `loaded` message."""
    return {
        "kind": "loaded",
        "signature": asdict(signature),
        "report": asdict(report),
        "load_s": load_s,
    }


def signature_from(message: dict[str, Any]) -> Signature:
    """Return the signature that `describe` put into a message."""

    def specs(items: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
        return tuple(
            TensorSpec(item["name"], item["datatype"], tuple(item["shape"]))
            for item in items
        )

    return Signature(
        message["platform"],
        specs(message["inputs"]),
        specs(message["outputs"]),
        message["batchable"],
    )


def serve(talk: socket.socket) -> int:
    """Go through the life of one worker; returns the exit status."""
    first = channel.receive(talk)
    if first is None:
        return 0
    started = time.monotonic()
    try:
        backend, report = load(first[0])
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
    BatchLoop(port, backend, signature, message["batched"]).run(talk.fileno())
    backend.close()
    return 0


def main(arguments: list[str]) -> int:
    """Run a worker on the channel whose descriptor is the first argument."""
    # Ctrl-C and an init system reach the whole group; when to end is the front end's word.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout = LossyStream(1)
    sys.stderr = LossyStream(2)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    talk = socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(talk.fileno(), False)
    try:
        return serve(talk)
    except WorkerError as error:
        logger.error("worker ends: %s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

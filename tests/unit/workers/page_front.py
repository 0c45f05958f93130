"""A front end for one worker, written in Python on the control page itself.

Offers batches of one input `x`, rows of four FP32, to a real `WorkerPort`, and takes what
is completed one by one, when a test says so. Its layout of the page is that of
csrc/shm/control.h.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import select
import socket
import struct
import threading
from dataclasses import dataclass

import numpy as np

from runtime.backends.base import Backend
from runtime.native.port import WorkerPort
from runtime.native.served import WorkerLink
from runtime.workers.loop import BatchLoop

ROOM = 1 << 16
ALIGNMENT = 256
LAYOUT, HEADERS, ROWS = 0, 16384, 32768
FRONT_SLEEPS, COMPLETED, TAKEN, CANCELLED, COMPLETIONS = 128, 192, 384, 388, 448
COMPLETION_BYTES, RING, OFFERS = 12288, 4, 8
F_ADD_SEALS, SHRINK, GROW, FUTURE_WRITE = 1033, 2, 4, 16


@dataclass(frozen=True)
class Done:
    """One completion: what the worker said, and its first output."""

    seq: int
    code: int
    more: bool
    grown: bool
    message: str
    y: np.ndarray | None


class PageFront:
    """Everything that one worker shares with its front end, and the worker's thread."""

    def __init__(self, backend: Backend, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._link = WorkerLink(ROOM)
        inputs = os.memfd_create("inputs", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(inputs, ROOM)
        self._inputs = mmap.mmap(inputs, ROOM)
        fcntl.fcntl(inputs, F_ADD_SEALS, SHRINK | GROW | FUTURE_WRITE)
        self._passing, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = {name: os.dup(fd) for name, fd in self._link.fds.items() if name != "passing"}
        self.page = mmap.mmap(fds["control"], COMPLETIONS + RING * COMPLETION_BYTES)
        self._outputs = mmap.mmap(fds["outputs"], ROOM, mmap.MAP_SHARED, mmap.PROT_READ)
        self._bell, self._front_bell = self._link.fds["bell"], self._link.fds["front_bell"]
        port = WorkerPort({**fds, "inputs": inputs, "passing": theirs.detach()}, ROOM, ROOM)
        self.hang_up, watch = socket.socketpair()
        self._seq = self._seen = 0
        self._put(FRONT_SLEEPS, "I", 1)  # Every completion rings.
        loop = BatchLoop(port, backend, backend.signature(), batched=True)

        def run() -> None:
            with watch:
                loop.run(watch.fileno())

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def offer(self, x: np.ndarray) -> int:
        """Offer one batch; returns its number."""
        layout = struct.pack("IIII IIII 8q Q", 1, 1, 1, 0, 0, 0, 1, 0, 4, *[0] * 7, 16)
        self._inputs[LAYOUT : LAYOUT + len(layout)] = layout
        at = HEADERS + (self._seq % OFFERS) * ALIGNMENT
        rows = ROWS + (self._seq % OFFERS) * ALIGNMENT
        self._inputs[rows : rows + x.nbytes] = x.tobytes()
        header = struct.pack("QQQ QIIQ", LAYOUT, 0, self._capacity, rows, len(x), len(x), 0)
        self._inputs[at : at + len(header)] = header
        seq, self._seq = self._seq, self._seq + 1
        word = seq << 46 | len(x) << 28 | at // ALIGNMENT
        self._put(seq % OFFERS * 8, "Q", word)
        self.ring()
        return seq

    def take(self) -> None:
        """Tell the worker that what was seen last may be overwritten."""
        self._put(TAKEN, "I", self._seen)
        self.ring()

    def cancel(self, seq: int) -> None:
        """Tell the worker that nobody wants more of a batch."""
        self._put(CANCELLED, "I", seq << 1 | 1)
        self.ring()

    def clear(self) -> None:
        """Cancel nothing any more, as the front end does when the batch has ended."""
        self._put(CANCELLED, "I", 0)

    def ring(self) -> None:
        """Wake the worker."""
        os.eventfd_write(self._bell, 1)

    def waiting(self) -> int:
        """Return how many completions nobody has looked at."""
        (completed,) = struct.unpack_from("I", self.page, COMPLETED)
        return int(completed) - self._seen

    def next(self, limit_s: float = 30.0) -> Done:
        """Wait for the next completion; AssertionError when none comes."""
        while not self.waiting():
            assert select.select([self._front_bell], [], [], limit_s)[0], "nothing came"
            os.eventfd_read(self._front_bell)
        at = COMPLETIONS + self._seen % RING * COMPLETION_BYTES
        self._seen += 1
        seq, code, count, grown, more = struct.unpack_from("5I", self.page, at)
        message = self.page[at + 48 : at + 1024].split(b"\0")[0].decode()
        y = self._read(at + 1024, bool(grown)) if count else None
        return Done(seq, code, bool(more), bool(grown), message, y)

    def close(self) -> None:
        """Hang up and wait for the worker's end."""
        self.hang_up.close()
        self.thread.join(30)
        assert not self.thread.is_alive(), "the worker does not end"
        self._passing.close()

    def _read(self, at: int, grown: bool) -> np.ndarray:
        offset, size, *dims = struct.unpack_from("QQ8q", self.page, at)
        (rank,) = struct.unpack_from("I", self.page, at + 80)
        memory: mmap.mmap = self._outputs
        if grown:
            _, fds, _, _ = socket.recv_fds(self._passing, 4, 1)
            memory = mmap.mmap(fds[0], 0, mmap.MAP_SHARED, mmap.PROT_READ)
            os.close(fds[0])
        raw = memory[offset : offset + size]
        return np.frombuffer(raw, np.float32).reshape(dims[:rank])

    def _put(self, at: int, kind: str, value: int) -> None:
        struct.pack_into(kind, self.page, at, value)

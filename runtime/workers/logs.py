"""A worker's log lines on their way to the server's log.

Both ends are non-blocking: a worker must never stop because nobody reads what it prints,
and a server must never stop because a worker prints without end. What does not fit into
the pipe is dropped and counted.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os

LONGEST_LINE = 4096
READ_BYTES = 64 << 10
MOST_DRAINED = 16
"""Reads of a last look into a pipe: what it holds, and no more of what goes on coming."""


class LossyStream(io.TextIOBase):
    """A text stream onto a non-blocking descriptor that drops what does not fit.

    `dropped` counts the bytes that were lost.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self.dropped = 0
        os.set_blocking(fd, False)

    def writable(self) -> bool:
        """Say that the stream takes text."""
        return True

    def fileno(self) -> int:
        """Return the descriptor behind the stream."""
        return self._fd

    def write(self, text: str) -> int:
        """Write what fits; the rest is lost and counted."""
        data = text.encode("utf-8", "replace")
        written = 0
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            written = os.write(self._fd, data)
        self.dropped += len(data) - written
        return len(text)


class LineForwarder:
    """Reads a worker's pipe and logs its lines with the model's name."""

    def __init__(self, fd: int, name: str, logger: logging.Logger) -> None:
        self.fd = fd
        self._name = name
        self._logger = logger
        self._rest = b""
        os.set_blocking(fd, False)

    def pump(self) -> bool:
        """Log the lines that have arrived; False once the other side has closed."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return True
        self._take(data)
        return bool(data)

    def drain(self) -> None:
        """Log all that is left, without waiting for more."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(MOST_DRAINED):
                data = os.read(self.fd, READ_BYTES)
                if not data:
                    break
                self._take(data)
        self._take(b"")

    def close(self) -> None:
        """Close the pipe."""
        with contextlib.suppress(OSError):
            os.close(self.fd)

    def _take(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if not data or len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._log(line)

    def _log(self, line: bytes) -> None:
        # Control characters could forge lines of the server's own log.
        text = line[:LONGEST_LINE].decode("utf-8", "replace").rstrip()
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        if shown:
            whose = {"worker": self._name}
            self._logger.info("[%s] %s", self._name, shown, extra=whose)

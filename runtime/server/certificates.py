"""The server's certificates: read, watched, replaced while connections live on.

`Files` are what both doors read: the gRPC ports through `Certificates`, the control port
with each handshake (`control_port`).

Promises of `Certificates`: what is handed on was read whole and checked; files that cannot
be used change nothing but the log. A change of the files is seen by their fingerprints
(what a stat says, through symbolic links), so that renewing tools need not tell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from runtime import config
from runtime.errors import ConfigError, ServerError
from runtime.native.transport import Tls

logger = logging.getLogger(__name__)

DAY_S = 86_400
WARN_S = 14 * DAY_S

Fingerprint = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the three files."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None


@dataclass(frozen=True, slots=True)
class Files:
    """The three PEM files; without authorities every client is let in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """Those that are there to be read."""
        named = (self.certificate, self.key, self.client_ca)
        return [path for path in named if path is not None]

    def read(self) -> Contents:
        """Return what is in them; raises ConfigError, which names the file."""
        try:
            certificate, key = self.certificate.read_bytes(), self.key.read_bytes()
            authorities = self.client_ca.read_bytes() if self.client_ca else None
        except OSError as error:
            raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
        return Contents(certificate, key, authorities)


def files_of(options: config.Tls) -> Files | None:
    """Return the files that options name, None without TLS; raises ConfigError for half."""
    config.check_tls(options)
    if options.certificate is None or options.key is None:
        return None
    return Files(options.certificate, options.key, options.client_ca)


def fingerprint(files: Files) -> Fingerprint:
    """Return what tells one state of the files from another; None for one not there."""
    found: list[tuple[int, int, int, int] | None] = []
    for path in files.paths:
        try:
            at = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns))
    return tuple(found)


def read(files: Files) -> Tls:
    """Return the certificates in the files; raises ConfigError, which names them."""
    found = files.read()
    # An empty file of authorities must not open the door: it holds no certificate.
    authorities = b"" if found.client_ca is None else found.client_ca or b" "
    try:
        return Tls(found.certificate, found.key, authorities)
    except ServerError as error:
        names = ", ".join(map(str, files.paths))
        raise ConfigError(f"{error} (from {names})") from error


class Certificates:
    """The certificates in use; `current` is what a server starts with.

    `clock` returns seconds since 1970.
    """

    def __init__(self, files: Files, clock: Callable[[], float] = time.time) -> None:
        self._files = files
        self._clock = clock
        self._seen = fingerprint(files)
        self._warned_at = -float("inf")
        self.current = read(files)
        self.warn()

    @property
    def not_after(self) -> int:
        """When the certificate in use ends, in seconds since 1970."""
        return self.current.not_after

    def look(self, use: Callable[[Tls], None]) -> bool:
        """Reload when the files have changed since the last look; tells whether it did."""
        self.warn()
        return fingerprint(self._files) != self._seen and self.reload(use)

    def reload(self, use: Callable[[Tls], None]) -> bool:
        """Read the files and hand them to `use`; False, and a line in the log, if not."""
        self._seen = fingerprint(self._files)
        try:
            self.current = read(self._files)
        except ConfigError as error:
            logger.error("the TLS certificates were not replaced: %s", error)
            return False
        use(self.current)
        logger.info(
            "%s: new connections use the certificate that ends on %s",
            self._files.certificate,
            day(self.not_after),
        )
        self._warned_at = -float("inf")
        self.warn()
        return True

    def warn(self) -> None:
        """Say once a day that the certificate ends within two weeks, or has ended."""
        now = self._clock()
        if self.not_after - now >= WARN_S or now - self._warned_at < DAY_S:
            return
        self._warned_at = now
        state = "has ended" if self.not_after <= now else "ends"
        logger.warning(
            "the TLS certificate %s %s on %s: renew it",
            self._files.certificate,
            state,
            day(self.not_after),
        )

    async def follow(self, use: Callable[[Tls], None], every_s: float) -> None:
        """Look at the files every so often, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.look, use)
            except Exception:
                # The edge of a task: the files are followed whatever one look has met.
                logger.exception("%s could not be followed", self._files.certificate)


def day(seconds: float) -> str:
    """Return a moment's date, in UTC.

    Examples
    --------
    >>> day(86_400)
    '1970-01-02'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")

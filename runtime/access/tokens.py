"""Bearer tokens: made here, shown once, kept as SHA-256.

A plain, unsalted SHA-256 is right for these tokens and would be wrong for passwords: a
token is 256 random bits that we choose, so there is no dictionary to try and nothing that
two users could have in common. What salted and slow hashes protect against is guessing,
and 2^256 cannot be guessed; what they would cost is time in each connection's first
call. For the same reason nobody may choose a token: only digests come into the file.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from datetime import UTC, datetime

from runtime.errors import ConfigError

PREFIX = "lb_"
"""Scanners for leaked secrets find tokens by it."""

RANDOM_BYTES = 32
SPAN = re.compile("([1-9][0-9]{0,4})([hdw])")
SECONDS = {"h": 3_600, "d": 86_400, "w": 604_800}


def new_token() -> str:
    """Return a token of 256 random bits, safe in a header, a URL and a shell."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(token: str) -> bytes:
    """Return the 32 bytes by which a token is known."""
    return hashlib.sha256(token.encode()).digest()


def parse_moment(text: str) -> int:
    """Return an ISO date or time as Unix seconds; without a zone it is UTC.

    Raises ConfigError.

    Examples
    --------
    >>> parse_moment("2027-01-01"), parse_moment("2027-01-01T01:00:00+01:00")
    (1798761600, 1798761600)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no ISO date like 2027-01-31") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def moment_text(seconds: int) -> str:
    """Return Unix seconds as an ISO time in UTC.

    Examples
    --------
    >>> moment_text(1798761600)
    '2027-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def expiry_of(text: str, now: float | None = None) -> int:
    """Return when something ends that lasts "90d" ("h", "d" or "w"), or until a date.

    Unix seconds. Raises ConfigError for anything else and for what has passed.

    Examples
    --------
    >>> expiry_of("2d", now=1000.0)
    173800
    """
    now = time.time() if now is None else now
    if span := SPAN.fullmatch(text):
        return int(now) + int(span[1]) * SECONDS[span[2]]
    try:
        moment = parse_moment(text)
    except ConfigError:
        raise ConfigError(
            f"--expires {text!r} is neither a span like 12h, 90d or 8w nor an ISO date"
        ) from None
    if moment <= now:
        raise ConfigError(f"--expires {text!r} has passed already")
    return moment

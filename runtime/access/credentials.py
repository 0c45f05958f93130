"""What a client shows to a server: a token and certificates, never from the command line.

A command line can be read by everybody on the machine, in the list of processes and in the
shell's history.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ConfigError

TOKEN, TOKEN_FILE = "LEEBOARD_TOKEN", "LEEBOARD_TOKEN_FILE"
MOST_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A client's side: its token, whom it trusts, and its own certificate.

    The files are PEM. Without `ca` a connection is not encrypted.
    """

    token: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


def find_token(
    token_file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the token of a file, or of what the environment names; nothing without one.

    Raises ConfigError, which never says what a token was.
    """
    path = token_file or (Path(p) if (p := environment.get(TOKEN_FILE)) else None)
    if path is None:
        return _checked(environment.get(TOKEN, ""), TOKEN)
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        return _checked(raw.decode(), str(path), may_be_empty=False)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} holds no token") from None


def _checked(text: str, origin: str, may_be_empty: bool = True) -> str:
    token = text.strip()
    is_token = token.isascii() and token.isprintable() and " " not in token
    if len(token) > MOST_BYTES or not is_token or not (token or may_be_empty):
        raise ConfigError(f"{origin} holds no token: one word on one line is expected")
    return token


def read_pem(path: Path) -> bytes:
    """Return a certificate's or key's bytes; raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error

"""Who changes the registry from this process, as the audit log names them."""

from __future__ import annotations

import getpass
import os
import socket

VARIABLE = "LEEBOARD_ACTOR"


def actor_here() -> str:
    """Return who this is: what LEEBOARD_ACTOR says, else ``user@host``."""
    return os.environ.get(VARIABLE, "").strip() or f"{user()}@{socket.gethostname()}"


def user() -> str:
    """Return the user's name, or ``uid-1000`` for one without a name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
